//! user-db in one SQLite file. The statements are plain enough for PostgreSQL to share them.

mod user_tokens;
mod users;

use std::path::Path;

use async_trait::async_trait;
use service_kit::{
    health::Dependency,
    sqlite::{OpenError, Sqlite},
};

/// The name operators know this store by.
const STORE: &str = "user-db";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// Users and their refresh tokens in a SQLite file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteUserDb(Sqlite);

impl SqliteUserDb {
    /// Opens or creates the file and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Sqlite::open(path, STORE, &MIGRATIONS).await.map(Self)
    }
}

#[async_trait]
impl Dependency for SqliteUserDb {
    fn name(&self) -> &'static str {
        STORE
    }

    async fn answers(&self) -> bool {
        self.0.answers().await
    }
}

#[cfg(test)]
mod tests;
