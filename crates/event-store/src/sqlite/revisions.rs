use std::collections::HashMap;

use async_trait::async_trait;
use domain::EventId;
use serde_json::json;
use sqlx::{FromRow, SqliteConnection, sqlite::SqliteRow};
use store_kit::{row::log_unreadable, sql::WorkFuture, sqlite::Sqlite};

use super::{corrupt_row, read_json, read_text, transfer::SqliteTable};
use crate::{
    EventRevision, RecordKey, RevisionDetails, RevisionKey, RevisionStore, StoreError, TransferRecord,
};

/// The events' revisions in a SQLite file.
#[derive(Debug, Clone)]
pub(super) struct SqliteRevisions {
    pub(super) db: Sqlite,
}

pub(super) const FIND_MANY: &str = "SELECT event_id, revision, condition, details FROM json_each($1) AS wanted \
    JOIN event_revisions ON event_id = wanted.value ->> 0 AND revision = wanted.value ->> 1";

const EXPORT: &str = "SELECT event_id, revision, condition, details FROM event_revisions \
    WHERE (event_id, revision) > ($1, $2) ORDER BY event_id, revision LIMIT $3";

pub(super) const LIST: &str = "SELECT event_id, revision, condition, details FROM event_revisions \
    WHERE event_id = $1 AND revision < $2 ORDER BY revision DESC LIMIT $3";

pub(super) const TABLE: SqliteTable = SqliteTable {
    name: "event_revisions",
    export: EXPORT,
    key: |row| read_key(row).map(|key| RecordKey { id: key.event.0, revision: key.revision }),
    read: |row| read_revision(row).map(TransferRecord::Revision),
    insert: insert_record,
};

#[derive(sqlx_macros::FromRow)]
struct KeyRow {
    event_id: String,
    revision: i64,
}

#[derive(sqlx_macros::FromRow)]
struct ContentRow {
    condition: String,
    details: Option<String>,
}

fn read_key(row: &SqliteRow) -> Result<RevisionKey, StoreError> {
    let key = KeyRow::from_row(row).map_err(corrupt_row)?;
    Ok(RevisionKey { event: read_text::<EventId>(&key.event_id)?, revision: key.revision })
}

fn read_revision(row: &SqliteRow) -> Result<EventRevision, StoreError> {
    let key = read_key(row)?;
    let content = ContentRow::from_row(row).map_err(corrupt_row)?;
    let details = content.details.as_deref().map(read_json::<RevisionDetails>).transpose()?;
    let condition = read_json(&content.condition)?;
    Ok(EventRevision { event_id: key.event, revision: key.revision, condition, details })
}

pub(super) async fn insert_revision(
    connection: &mut SqliteConnection,
    revision: EventRevision,
) -> Result<(), sqlx::Error> {
    let details = revision.details.as_ref().map(serde_json::to_string).transpose();
    let insert = sqlx::query(
        "INSERT INTO event_revisions (event_id, revision, condition, details) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
    );
    insert
        .bind(revision.event_id.to_string())
        .bind(revision.revision)
        .bind(revision.condition.to_string())
        .bind(details.map_err(|error| sqlx::Error::Encode(error.into()))?)
        .execute(connection)
        .await
        .map(drop)
}

fn insert_record(connection: &mut SqliteConnection, record: TransferRecord) -> WorkFuture<'_, ()> {
    Box::pin(async move {
        let TransferRecord::Revision(revision) = record else {
            return Err(super::wrong_table("event_revisions"));
        };
        insert_revision(connection, revision).await
    })
}

#[async_trait]
impl RevisionStore for SqliteRevisions {
    async fn find_many(
        &self,
        keys: &[RevisionKey],
    ) -> Result<HashMap<RevisionKey, Result<EventRevision, StoreError>>, StoreError> {
        let wanted: Vec<_> = keys.iter().map(|key| json!([key.event, key.revision])).collect();
        let query = sqlx::query(FIND_MANY).bind(json!(wanted).to_string());
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        found.iter().map(|row| Ok((read_key(row)?, read_revision(row)))).collect()
    }

    async fn list(&self, event: EventId, below: i64, limit: usize) -> Result<Vec<EventRevision>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query(LIST).bind(event.to_string()).bind(below).bind(limit);
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        let readable = found.iter().filter_map(|row| match read_revision(row) {
            Ok(revision) => Some(revision),
            Err(error) => {
                log_unreadable(TABLE.name, &format!("{event}"), &error);
                None
            }
        });
        Ok(readable.collect())
    }
}
