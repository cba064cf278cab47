//! The audit log in a file that [`Sqlite`] has opened, with SQLite's own driver: the statements are those of
//! [`super::sql`].

use async_trait::async_trait;
use audit::{AuditDraft, AuditEntry, AuditHead};
use domain::{InvalidId, ObjectId, Timestamp};
use service_kit::page::{Page, PageRequest};
use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    AUDIT_LOG, AuditFilter, AuditStore,
    sql::{
        EXPORT, HEAD, INSERT, INSERT_MISSING, ONE_ENTRY_AT_A_TIME, bind_entry, encode_error, list_statement,
        list_values, read_row, to_head,
    },
};
use crate::{
    error::StoreError,
    row::{StoredRow, readable_page},
    sqlite::Sqlite,
};

/// The audit log in a SQLite file. Its migrations make the tables `audit_log` and `audit_turns`.
#[derive(Debug, Clone)]
pub struct SqliteAuditLog {
    db: Sqlite,
}

impl SqliteAuditLog {
    /// The log in this file.
    pub fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

/// Appends what was done to the chain. To be called in the transaction that does it.
pub async fn append_draft(connection: &mut SqliteConnection, draft: AuditDraft) -> Result<(), sqlx::Error> {
    sqlx::query(ONE_ENTRY_AT_A_TIME).execute(&mut *connection).await?;
    let head = read_head(&mut *connection).await?;
    let entry = AuditEntry::following(head, draft).map_err(encode_error)?;
    bind_entry::<sqlx::Sqlite>(INSERT, &entry)?.execute(connection).await.map(drop)
}

async fn read_head(connection: &mut SqliteConnection) -> Result<AuditHead, sqlx::Error> {
    to_head(sqlx::query_as(HEAD).fetch_optional(connection).await?)
}

#[async_trait]
impl AuditStore for SqliteAuditLog {
    async fn list_entries(
        &self,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let places = AuditEntry::places_between(filter.from, filter.to);
        let end = page.before.map_or(places.end, |before| before.min(places.end));
        let mut list = sqlx::query(AssertSqlSafe(list_statement(filter)))
            .bind(places.start.to_string())
            .bind(end.to_string())
            .bind(page.overfull());
        for value in list_values(filter) {
            list = list.bind(value);
        }
        let rows = self.db.look_up(|connection| Box::pin(list.fetch_all(connection))).await?;
        let entries = rows.iter().map(|row| read_row(self.db.store(), row, place_of)).collect();
        Ok(readable_page(AUDIT_LOG, entries, page.limit))
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        self.db.look_up(|connection| Box::pin(read_head(connection))).await
    }

    async fn oldest_draft(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }

    async fn chain_drafts(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn export_entries(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<AuditEntry>>, StoreError> {
        let export = sqlx::query(EXPORT)
            .bind(after.map_or(0, AuditEntry::sequence_of))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = self.db.look_up(|connection| Box::pin(export.fetch_all(connection))).await?;
        Ok(rows.iter().map(|row| read_row(self.db.store(), row, key_of)).collect())
    }

    async fn import_entries(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        let import = self.db.write(move |connection| {
            Box::pin(async move {
                for entry in &entries {
                    bind_entry::<sqlx::Sqlite>(INSERT_MISSING, entry)?.execute(&mut *connection).await?;
                }
                Ok(())
            })
        });
        import.await
    }
}

fn place_of(row: &SqliteRow) -> Result<ObjectId, sqlx::Error> {
    let place = row.try_get::<String, _>("place")?;
    place.parse().map_err(|error: InvalidId| sqlx::Error::Decode(Box::new(error)))
}

fn key_of(row: &SqliteRow) -> Result<ObjectId, sqlx::Error> {
    row.try_get("sequence").map(AuditEntry::key_of)
}
