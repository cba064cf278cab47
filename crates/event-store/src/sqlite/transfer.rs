use async_trait::async_trait;
use domain::ObjectId;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use store_kit::{sql::WorkFuture, sqlite::Sqlite};

use super::{claims, code_pools, corrupt_row, events, ledger, read_text, revisions, rewards};
use crate::{ExportedRow, RecordKey, StoreError, TransferRecord, TransferTable};

/// Every table, in the order in which they are to be moved.
pub(super) const TABLES: [SqliteTable; 7] = [
    events::TABLE,
    revisions::TABLE,
    rewards::TABLE,
    rewards::ATTACHMENT_TABLE,
    claims::TABLE,
    ledger::TABLE,
    code_pools::TABLE,
];

/// How a table is read and written as a whole. Its adapter's file says so.
#[derive(Clone, Copy)]
pub(super) struct SqliteTable {
    pub(super) name: &'static str,
    /// The rows after the id `$1` and the revision `$2`, ascending, `$3` of them.
    pub(super) export: &'static str,
    pub(super) key: fn(&SqliteRow) -> Result<RecordKey, StoreError>,
    pub(super) read: fn(&SqliteRow) -> Result<TransferRecord, StoreError>,
    /// Leaves alone what is there.
    pub(super) insert: for<'c> fn(&'c mut SqliteConnection, TransferRecord) -> WorkFuture<'c, ()>,
}

impl std::fmt::Debug for SqliteTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteTable").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Where rows have an id of their own.
pub(super) fn read_id_key(row: &SqliteRow) -> Result<RecordKey, StoreError> {
    let id: &str = row.try_get("id").map_err(corrupt_row)?;
    read_text::<ObjectId>(id).map(RecordKey::from)
}

/// A table of one file.
#[derive(Debug)]
pub(super) struct SqliteTransfer {
    pub(super) db: Sqlite,
    pub(super) table: SqliteTable,
}

#[async_trait]
impl TransferTable for SqliteTransfer {
    fn name(&self) -> &'static str {
        self.table.name
    }

    async fn export(&self, after: Option<RecordKey>, limit: usize) -> Result<Vec<ExportedRow>, StoreError> {
        let (id, revision) = after.map_or_else(Default::default, |key| (key.id.to_string(), key.revision));
        let query = sqlx::query(self.table.export)
            .bind(id)
            .bind(revision)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        let row = |row| ExportedRow { key: (self.table.key)(row), record: (self.table.read)(row) };
        Ok(found.iter().map(row).collect())
    }

    /// One transaction: all or nothing.
    async fn import(&self, records: Vec<TransferRecord>) -> Result<(), StoreError> {
        let insert = self.table.insert;
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                for record in records {
                    insert(&mut *connection, record).await?;
                }
                Ok(())
            })
        });
        write.await
    }
}
