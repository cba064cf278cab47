//! event-db in one SQLite file.

mod activities;
mod activity_batch;
mod activity_sheets;
mod attributes;
mod claim_batch;
mod claims;
mod code_pools;
mod decisions;
mod events;
mod folded_names;
mod ledger;
mod multi_row;
mod revisions;
mod revocations;
mod rewards;
mod stock;
mod transfer;

use std::{path::Path, str::FromStr, sync::Arc};

use domain::ObjectId;
use serde::{Serialize, de::DeserializeOwned};
use service_kit::{batch::Limits, budget::QUEUE_WAIT, page::PageRequest};
use sqlx::{FromRow, Row, sqlite::SqliteRow};
use store_kit::{
    audit::sqlite::SqliteAuditLog,
    error::StoreError,
    readiness::CachedReadiness,
    row::StoredRow,
    sqlite::{OpenError, Sqlite},
};

use self::{
    activities::SqliteActivities,
    attributes::SqliteAttributes,
    claims::SqliteClaims,
    code_pools::SqliteCodePools,
    events::SqliteEvents,
    ledger::SqliteLedger,
    revisions::SqliteRevisions,
    rewards::SqliteRewards,
    stock::SqliteStock,
    transfer::{SqliteTransfer, TABLES},
};
use super::{
    ActivityStore, AttributeStore, STORE, StockStore, Stores, TransferRegistry, TransferTable,
    activities::ActivityTransfer, attributes::AttributeTransfer, stock::StockTransfer, transfer::WrongTable,
};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx_macros::migrate!("migrations/sqlite");

/// Claims on their way to the writer. A batch is one write of a few statements, so a flood of claims is stored at the
/// pace of the disk and not of the statements; two at once keep the writer busy.
const CLAIM_LIMITS: Limits = Limits { batch: 256, waiting: 8192, concurrent: 2, patience: QUEUE_WAIT };

/// Opens or creates the file, brings its tables up to date and starts its tasks.
pub(super) async fn open_stores(path: &Path) -> Result<Stores, OpenError> {
    let db = Sqlite::open(path, STORE, &MIGRATIONS).await?;
    let rows_error = |source| OpenError::Rows { path: path.to_owned(), source };
    prepare_rows(&db).await.map_err(rows_error)?;
    Ok(start_stores(&db))
}

/// Brings what an earlier version stored up to date.
async fn prepare_rows(db: &Sqlite) -> Result<(), StoreError> {
    folded_names::refold_names(db).await?;
    activity_sheets::take_over_days(db).await
}

fn start_stores(db: &Sqlite) -> Stores {
    let table = |table| Arc::new(SqliteTransfer { db: db.clone(), table }) as Arc<dyn TransferTable>;
    let activities: Arc<dyn ActivityStore> = Arc::new(SqliteActivities { db: db.clone() });
    let attributes: Arc<dyn AttributeStore> = Arc::new(SqliteAttributes { db: db.clone() });
    let stock: Arc<dyn StockStore> = Arc::new(SqliteStock { db: db.clone() });
    let mut tables = TABLES.map(table).to_vec();
    tables.push(Arc::new(StockTransfer(Arc::clone(&stock))));
    tables.push(Arc::new(ActivityTransfer(Arc::clone(&activities))));
    tables.push(Arc::new(AttributeTransfer(Arc::clone(&attributes))));
    Stores {
        events: Arc::new(SqliteEvents { db: db.clone() }),
        revisions: Arc::new(SqliteRevisions { db: db.clone() }),
        rewards: Arc::new(SqliteRewards { db: db.clone() }),
        claims: Arc::new(SqliteClaims::start(db.clone())),
        ledger: Arc::new(SqliteLedger { db: db.clone() }),
        stock,
        code_pools: Arc::new(SqliteCodePools { db: db.clone() }),
        activities,
        attributes,
        changes: db.changes(),
        audit: Arc::new(SqliteAuditLog::new(db.clone())),
        transfer: Arc::new(TransferRegistry::new(tables)),
        readiness: Arc::new(CachedReadiness::new(Arc::new(db.clone()))),
        connection: Arc::new(db.clone()),
    }
}

/// Reads a row by itself. It must have its own id in a column of that name.
fn read_row<R, T>(row: &SqliteRow) -> StoredRow<T>
where
    R: for<'r> FromRow<'r, SqliteRow>,
    T: TryFrom<R, Error = StoreError>,
{
    let id = row.try_get("id").map_err(corrupt_row).and_then(read_text::<ObjectId>);
    StoredRow { id, value: R::from_row(row).map_err(corrupt_row).and_then(T::try_from) }
}

fn corrupt_row(error: sqlx::Error) -> StoreError {
    StoreError::corrupt(STORE, error)
}

/// An importing write was given a record of another table.
fn wrong_table(table: &'static str) -> sqlx::Error {
    sqlx::Error::Encode(WrongTable(table).into())
}

/// Reads a column that this program wrote as text.
fn read_text<T>(text: &str) -> Result<T, StoreError>
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

/// JSON as a column has it.
fn to_json(value: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Greater than every id, also behind one: where a list begins.
const ABOVE_ALL_IDS: &str = "g";

/// Less than this are the ids that come after the cursor.
fn upper_id_bound(page: PageRequest) -> String {
    page.before.map_or_else(|| ABOVE_ALL_IDS.to_owned(), |id| id.to_string())
}

/// Ids as the JSON array that `json_each` takes: one statement for any number of them.
fn id_list(ids: impl Iterator<Item = impl ToString>) -> String {
    ids.map(|id| id.to_string()).collect::<serde_json::Value>().to_string()
}

#[cfg(test)]
pub(crate) fn table_names() -> Vec<&'static str> {
    TABLES.iter().map(|table| table.name).collect()
}

#[cfg(test)]
mod tests;
