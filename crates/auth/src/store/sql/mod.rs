//! user-db in a SQLite file or on a PostgreSQL server: the same statements, and migrations for each.

mod api_keys;
mod role_changes;
mod transfer;
mod user_tokens;
mod users;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use domain::{User, UserId};
use service_kit::health::Dependency;
use sqlx::migrate::Migrator;
use store_kit::{
    audit::{AuditStore, sql::SqlAuditLog},
    connection::StoreConnection,
    kept_reads::KeptReads,
    postgres::PostgresConnectError,
    sql::Sql,
    sqlite::OpenError,
};

/// The name operators know this store by.
const STORE: &str = "user-db";

static SQLITE_MIGRATIONS: Migrator = sqlx_macros::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx_macros::migrate!("migrations/postgres");

/// Users, their refresh tokens and API keys in a relational database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqlUserDb {
    db: Sql,
    /// Users as they were read, where the store can tell that nothing has changed since.
    kept_users: KeptReads<UserId, Option<User>>,
}

/// The memory that kept users may take, in bytes: tens of thousands of them.
const KEPT_USERS_BYTES: u64 = 8 * 1024 * 1024;

impl SqlUserDb {
    /// Opens or creates a SQLite file and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Sql::open(path, STORE, &SQLITE_MIGRATIONS).await.map(Self::new)
    }

    /// Connects to a PostgreSQL database, `postgres://…`, and brings its tables up to date.
    pub async fn connect(url: &str) -> Result<Self, PostgresConnectError> {
        Sql::connect(url, STORE, &POSTGRES_MIGRATIONS).await.map(Self::new)
    }

    fn new(db: Sql) -> Self {
        let kept_users =
            KeptReads::new(db.changes(), KEPT_USERS_BYTES, |user: &Option<User>| kept_bytes(user.as_ref()));
        Self { db, kept_users }
    }

    /// What has to be closed.
    pub(super) fn connection(&self) -> Arc<dyn StoreConnection> {
        Arc::new(self.db.clone())
    }

    /// The audit log in the same database.
    pub fn audit_log(&self) -> Arc<dyn AuditStore> {
        Arc::new(SqlAuditLog::new(STORE, self.db.clone()))
    }

    /// Makes a SQLite file refuse what is written to it, as one on a read-only disk does.
    #[cfg(test)]
    pub(crate) async fn refuse_writes(&self, refuse: bool) {
        let pragma = if refuse { "PRAGMA query_only = ON" } else { "PRAGMA query_only = OFF" };
        let set = self.db.write(move |connection| Box::pin(sqlx::query(pragma).execute(connection)));
        set.await.unwrap();
    }
}

/// About what a kept user takes, its place in the table included.
fn kept_bytes(user: Option<&User>) -> usize {
    const ENTRY: usize = 256;
    ENTRY + user.map_or(0, |user| user.email.as_str().len())
}

#[async_trait]
impl Dependency for SqlUserDb {
    fn name(&self) -> &'static str {
        STORE
    }

    async fn answers(&self) -> bool {
        self.db.answers().await
    }
}

/// `$1, $2, …` for a list of so many values, and of how many it has room: a power of two, so that few
/// statements have to be prepared. Whoever binds the values repeats the last one until the list is full.
fn parameter_list(values: usize) -> (String, usize) {
    let room = values.next_power_of_two();
    let parameters: Vec<_> = (1..=room).map(|number| format!("${number}")).collect();
    (parameters.join(", "), room)
}

#[cfg(test)]
mod tests;
