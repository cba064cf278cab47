//! The audit log in a relational database: an entry is appended in the transaction of the change.

use async_trait::async_trait;
use audit::{AuditDraft, AuditEntry, AuditHash, AuditHead, canonical_text, read_canonical};
use domain::{AuditActor, AuditObject, ObjectId, Timestamp};
use serde_json::Value;
use service_kit::page::{Page, PageRequest};
use sqlx::{
    Any, AnyConnection, AssertSqlSafe, Database, Encode, FromRow, IntoArguments, Row, Type, any::AnyRow,
    query::Query,
};

use super::{AUDIT_LOG, AuditFilter, AuditStore, UnreadablePart};
use crate::{
    error::StoreError,
    row::{StoredRow, readable_page},
    sql::Sql,
};

/// One row that every audited change writes before it looks at the end of the chain, so that such changes are
/// committed one after another, whichever replica makes them: it is locked until the commit.
pub(super) const ONE_ENTRY_AT_A_TIME: &str = "INSERT INTO audit_turns (id, entries) VALUES ('log', 1) \
    ON CONFLICT (id) DO UPDATE SET entries = audit_turns.entries + 1";

macro_rules! insert {
    ($rest:literal) => {
        concat!(
            "INSERT INTO audit_log (sequence, id, place, at, actor_kind, actor_id, action, object_kind, object_id, \
             value_before, value_after, request_id, previous_hash, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            $rest
        )
    };
}
macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT sequence, id, place, at, actor_kind, actor_id, action, object_kind, object_id, value_before, \
             value_after, request_id, previous_hash, hash FROM audit_log WHERE ",
            $rest
        )
    };
}

pub(super) const INSERT: &str = insert!("");
pub(super) const INSERT_MISSING: &str = insert!(" ON CONFLICT DO NOTHING");
/// The end of the chain.
pub const HEAD: &str = "SELECT sequence, hash FROM audit_log ORDER BY sequence DESC LIMIT 1";
/// A step of an export.
pub const EXPORT: &str = select!("sequence > $1 ORDER BY sequence LIMIT $2");
const LIST: &str = select!("place >= $1 AND place < $2");
const NEWEST_FIRST: &str = " ORDER BY place DESC LIMIT $3";

/// The audit log of a database that [`Sql`] has opened. Its migrations make the tables `audit_log` and
/// `audit_turns`.
#[derive(Debug, Clone)]
pub struct SqlAuditLog {
    store: &'static str,
    sql: Sql,
}

impl SqlAuditLog {
    /// The log in this database, which operators call `store`.
    pub fn new(store: &'static str, sql: Sql) -> Self {
        Self { store, sql }
    }
}

/// Reads a row by itself. Its id is what `id_of` makes of the column, in lists the place and in exports the
/// key.
pub(super) fn read_row<R: Row>(
    store: &'static str,
    row: &R,
    id_of: fn(&R) -> Result<ObjectId, sqlx::Error>,
) -> StoredRow<AuditEntry>
where
    EntryRow: for<'r> FromRow<'r, R>,
{
    let corrupt = |error: sqlx::Error| StoreError::corrupt(store, error);
    let unreadable = |error: UnreadablePart| StoreError::corrupt(store, error);
    let value = EntryRow::from_row(row).map_err(corrupt);
    StoredRow {
        id: id_of(row).map_err(corrupt),
        value: value.and_then(|row| AuditEntry::try_from(row).map_err(unreadable)),
    }
}

/// An entry as it is stored. Values are texts in canonical form, so that what was hashed is what is kept.
#[derive(sqlx_macros::FromRow)]
pub(super) struct EntryRow {
    sequence: i64,
    id: String,
    place: String,
    at: i64,
    actor_kind: String,
    actor_id: Option<String>,
    action: String,
    object_kind: String,
    object_id: String,
    value_before: Option<String>,
    value_after: Option<String>,
    request_id: Option<String>,
    previous_hash: String,
    hash: String,
}

impl TryFrom<EntryRow> for AuditEntry {
    type Error = UnreadablePart;

    fn try_from(row: EntryRow) -> Result<Self, UnreadablePart> {
        let actor_id = row.actor_id.map(|id| read_part("actor", &id)).transpose()?;
        let actor = AuditActor::from_parts(read_part("actor", &row.actor_kind)?, actor_id);
        let draft = AuditDraft {
            id: read_part("id", &row.id)?,
            at: Timestamp::from_millis(row.at),
            actor: actor.ok_or(UnreadablePart("actor"))?,
            action: read_part("action", &row.action)?,
            object: AuditObject {
                kind: read_part("object", &row.object_kind)?,
                id: read_part("object", &row.object_id)?,
            },
            before: read_value(row.value_before)?,
            after: read_value(row.value_after)?,
            request_id: row.request_id,
        };
        let (previous_hash, hash) = (read_part("hash", &row.previous_hash)?, read_part("hash", &row.hash)?);
        let entry = AuditEntry { sequence: row.sequence, draft, previous_hash, hash };
        // Otherwise lists would show it where it does not belong, or not at all.
        let is_in_place = row.place == entry.place().to_string() && row.at == entry.draft.at.as_millis();
        if is_in_place { Ok(entry) } else { Err(UnreadablePart("place")) }
    }
}

pub(super) fn read_part<T: std::str::FromStr>(part: &'static str, text: &str) -> Result<T, UnreadablePart> {
    text.parse().map_err(|_| UnreadablePart(part))
}

pub(super) fn read_value(text: Option<String>) -> Result<Option<Value>, UnreadablePart> {
    text.map(|text| read_canonical(&text).ok_or(UnreadablePart("value"))).transpose()
}

/// Appends what was done to the chain. To be called in the transaction that does it, on every kind of
/// connection.
pub async fn append_draft(connection: &mut AnyConnection, draft: AuditDraft) -> Result<(), sqlx::Error> {
    sqlx::query(ONE_ENTRY_AT_A_TIME).execute(&mut *connection).await?;
    let head = read_head(&mut *connection).await?;
    let entry = AuditEntry::following(head, draft).map_err(encode_error)?;
    bind_entry::<Any>(INSERT, &entry)?.execute(connection).await.map(drop)
}

async fn read_head(connection: &mut AnyConnection) -> Result<AuditHead, sqlx::Error> {
    let head: Option<(i64, String)> = sqlx::query_as(HEAD).fetch_optional(connection).await?;
    to_head(head)
}

/// The end of a chain whose last entry has these.
pub(super) fn to_head(last: Option<(i64, String)>) -> Result<AuditHead, sqlx::Error> {
    let Some((sequence, hash)) = last else { return Ok(AuditHead::EMPTY) };
    let hash: AuditHash = hash.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(AuditHead { sequence, hash })
}

pub(super) fn encode_error(error: serde_json::Error) -> sqlx::Error {
    sqlx::Error::Encode(Box::new(error))
}

/// A statement with the columns of a row as its parameters, for whichever driver.
pub(super) fn bind_entry<'q, D>(
    statement: &'static str,
    entry: &AuditEntry,
) -> Result<Query<'q, D, D::Arguments>, sqlx::Error>
where
    D: Database,
    D::Arguments: IntoArguments<D>,
    i64: Encode<'q, D> + Type<D>,
    String: Encode<'q, D> + Type<D>,
    Option<String>: Encode<'q, D> + Type<D>,
    &'static str: Encode<'q, D> + Type<D>,
{
    let draft = &entry.draft;
    let text = |value: &Option<Value>| value.as_ref().map(canonical_text).transpose().map_err(encode_error);
    Ok(sqlx::query(statement)
        .bind(entry.sequence)
        .bind(draft.id.to_string())
        .bind(entry.place().to_string())
        .bind(draft.at.as_millis())
        .bind(draft.actor.kind().name())
        .bind(draft.actor.id().map(|id| id.to_string()))
        .bind(draft.action.name())
        .bind(draft.object.kind.name())
        .bind(draft.object.id.to_string())
        .bind(text(&draft.before)?)
        .bind(text(&draft.after)?)
        .bind(draft.request_id.clone())
        .bind(entry.previous_hash.to_string())
        .bind(entry.hash.to_string()))
}

/// The statement of a list with these filters, whose values are its parameters from the fourth on.
pub fn list_statement(filter: &AuditFilter) -> String {
    let given = [
        ("actor_id", filter.actor.is_some()),
        ("object_id", filter.object.is_some()),
        ("action", filter.action.is_some()),
    ];
    let columns = given.into_iter().filter(|(_, is_given)| *is_given).map(|(column, _)| column);
    let conditions: Vec<_> =
        columns.zip(4..).map(|(column, parameter)| format!(" AND {column} = ${parameter}")).collect();
    format!("{LIST}{}{NEWEST_FIRST}", conditions.concat())
}

/// The values of a list's filters, in the order of its parameters.
pub(super) fn list_values(filter: &AuditFilter) -> impl Iterator<Item = String> {
    let ids = [filter.actor, filter.object].into_iter().flatten().map(|id| id.to_string());
    ids.chain(filter.action.map(|action| action.name().to_owned()))
}

#[async_trait]
impl AuditStore for SqlAuditLog {
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
        let rows = self.sql.read(|connection| Box::pin(list.fetch_all(connection))).await?;
        let entries = rows.iter().map(|row| read_row(self.store, row, place_of)).collect();
        Ok(readable_page(AUDIT_LOG, entries, page.limit))
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        self.sql.read(|connection| Box::pin(read_head(connection))).await
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
        let rows = self.sql.read(|connection| Box::pin(export.fetch_all(connection))).await?;
        Ok(rows.iter().map(|row| read_row(self.store, row, key_of)).collect())
    }

    async fn import_entries(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        let import = self.sql.write(move |connection| {
            Box::pin(async move {
                for entry in &entries {
                    bind_entry::<Any>(INSERT_MISSING, entry)?.execute(&mut *connection).await?;
                }
                Ok(())
            })
        });
        import.await
    }
}

fn place_of(row: &AnyRow) -> Result<ObjectId, sqlx::Error> {
    let place = row.try_get::<String, _>("place")?;
    place.parse().map_err(|error: domain::InvalidId| sqlx::Error::Decode(Box::new(error)))
}

fn key_of(row: &AnyRow) -> Result<ObjectId, sqlx::Error> {
    row.try_get("sequence").map(AuditEntry::key_of)
}
