//! event-db in one SQLite file.

mod claim_batch;
mod claims;
mod events;
mod rewards;
mod transfer;

use std::{path::Path, str::FromStr};

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use service_kit::{
    batch::{Batcher, Limits, PATIENCE},
    health::Dependency,
    page::PageRequest,
};
use store_kit::{
    error::StoreError,
    sqlite::{OpenError, Sqlite},
};

use super::{Claimed, NewClaim};

/// The name operators know this store by.
const STORE: &str = "event-db";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// Claims on their way to the writer. A batch is one write of a few statements, so a flood of claims is stored at the
/// pace of the disk and not of the statements; two at once keep the writer busy.
const CLAIMS: Limits = Limits { batch: 256, waiting: 8192, concurrent: 2, patience: PATIENCE };

/// Events, rewards and claims in a SQLite file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteEventDb {
    db: Sqlite,
    claims: Batcher<NewClaim, Result<Claimed, StoreError>>,
}

impl SqliteEventDb {
    /// Opens or creates the file and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let db = Sqlite::open(path, STORE, &MIGRATIONS).await?;
        let writer = db.clone();
        let claims = Batcher::spawn(CLAIMS, move |batch| claim_batch::claim_batch(writer.clone(), batch));
        Ok(Self { db, claims })
    }
}

#[async_trait]
impl Dependency for SqliteEventDb {
    fn name(&self) -> &'static str {
        STORE
    }

    async fn answers(&self) -> bool {
        self.db.answers().await
    }
}

/// Reads a column that this program wrote as text.
fn read<T>(text: &str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| StoreError::corrupt(STORE, error))
}

/// Reads a column that this program wrote as JSON.
fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(STORE, error))
}

/// Greater than every id, also behind one: where a list begins.
const ABOVE_ALL_IDS: &str = "g";

/// Less than this are the ids that come after the cursor.
fn above(page: PageRequest) -> String {
    page.before.map_or_else(|| ABOVE_ALL_IDS.to_owned(), |id| id.to_string())
}

/// Ids as the JSON array that `json_each` takes: one statement for any number of them.
fn json_ids(ids: impl Iterator<Item = impl ToString>) -> String {
    ids.map(|id| id.to_string()).collect::<serde_json::Value>().to_string()
}

#[cfg(test)]
mod tests;
