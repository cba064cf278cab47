use std::collections::HashMap;

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{ApiKey, ApiKeyId, ApiKeyScope, ObjectId, Timestamp};
use service_kit::{
    api_key::ApiKeyHash,
    page::{Page, PageRequest},
};
use sqlx::{Any, AnyConnection, AssertSqlSafe, any::AnyArguments, query::Query};
use store_kit::{
    audit::sql::append_draft,
    row::{StoredRow, readable_page},
};

use super::{
    STORE, SqlUserDb, parameter_list,
    users::{ABOVE_ALL_IDS, read_row},
};
use crate::store::{
    ApiKeyRecord, ApiKeyStore, ApiKeyTransfer, StoreError,
    audit::{key_created, key_deleted},
};

macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT id, hash, name, scopes, created_by, created_at, expires_at, last_used_at FROM api_keys ",
            $rest
        )
    };
}

pub(super) const LIST: &str = select!("WHERE id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const EXPORT: &str = select!("WHERE id > $1 ORDER BY id LIMIT $2");
/// As it is asked for one key; for more, the list is longer.
#[cfg(test)]
pub(super) const FIND_ONE: &str = select!("WHERE hash IN ($1)");
const FIND: &str = select!("WHERE hash IN ");
const INSERT: &str = "INSERT INTO api_keys \
    (id, hash, name, scopes, created_by, created_at, expires_at, last_used_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const INSERT_MISSING: &str = "INSERT INTO api_keys \
    (id, hash, name, scopes, created_by, created_at, expires_at, last_used_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
const DELETE: &str = "DELETE FROM api_keys WHERE id = $1 \
    RETURNING id, hash, name, scopes, created_by, created_at, expires_at, last_used_at";
const NOTE_USE: &str =
    "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";

#[derive(sqlx_macros::FromRow)]
struct ApiKeyRow {
    id: String,
    hash: String,
    name: String,
    scopes: String,
    created_by: String,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<ApiKeyRow> for ApiKeyRecord {
    type Error = StoreError;

    fn try_from(row: ApiKeyRow) -> Result<Self, StoreError> {
        let scopes = row.scopes.split_ascii_whitespace().map(read_stored::<ApiKeyScope>);
        let key = ApiKey {
            id: read_stored(&row.id)?,
            name: row.name,
            scopes: scopes.collect::<Result<_, _>>()?,
            created_by: read_stored(&row.created_by)?,
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_millis),
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
        };
        Ok(Self { key, hash: read_stored(&row.hash)? })
    }
}

fn read_stored<T>(text: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| StoreError::corrupt(STORE, error))
}

/// A statement with the columns of a row as its eight parameters.
fn bind_record<'q>(statement: &'static str, record: &ApiKeyRecord) -> Query<'q, Any, AnyArguments> {
    let ApiKeyRecord { key, hash } = record;
    let scopes: Vec<_> = key.scopes.iter().map(ApiKeyScope::name).collect();
    sqlx::query(statement)
        .bind(key.id.to_string())
        .bind(hash.to_string())
        .bind(key.name.clone())
        .bind(scopes.join(" "))
        .bind(key.created_by.to_string())
        .bind(key.created_at.as_millis())
        .bind(key.expires_at.map(Timestamp::as_millis))
        .bind(key.last_used_at.map(Timestamp::as_millis))
}

#[async_trait]
impl ApiKeyStore for SqlUserDb {
    async fn create_key(&self, record: ApiKeyRecord, stamp: ChangeStamp) -> Result<(), StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                bind_record(INSERT, &record).execute(&mut *connection).await?;
                append_draft(connection, key_created(stamp, &record.key)).await
            })
        });
        write.await
    }

    async fn list_keys(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let before = page.before.map_or_else(|| ABOVE_ALL_IDS.to_owned(), |id| id.to_string());
        let list = sqlx::query(LIST).bind(before).bind(page.overfull());
        let rows = self.db.read(|connection| Box::pin(list.fetch_all(connection))).await?;
        let records = rows.iter().map(read_row::<ApiKeyRow, ApiKeyRecord>).collect();
        Ok(readable_page("api_keys", records, page.limit).map(|record| record.key))
    }

    async fn delete_key(&self, id: ApiKeyId, stamp: ChangeStamp) -> Result<bool, StoreError> {
        self.db.write(move |connection| Box::pin(delete_row(connection, id, stamp))).await
    }

    async fn find_keys(&self, hashes: &[ApiKeyHash]) -> Result<Vec<Option<ApiKey>>, StoreError> {
        let Some(last) = hashes.last() else { return Ok(Vec::new()) };
        let (parameters, room) = parameter_list(hashes.len());
        let padded = hashes.iter().chain(std::iter::repeat(last)).take(room);
        let find = sqlx::query(AssertSqlSafe(format!("{FIND} ({parameters})")));
        let find = padded.fold(find, |find, hash| find.bind(hash.to_string()));
        let rows = self.db.read(|connection| Box::pin(find.fetch_all(connection))).await?;
        let rows = rows.iter().map(read_row::<ApiKeyRow, ApiKeyRecord>);
        let found = rows.filter_map(|row| row.into_readable("api_keys"));
        let found: HashMap<_, _> = found.map(|record| (record.hash, record.key)).collect();
        Ok(hashes.iter().map(|hash| found.get(hash).cloned()).collect())
    }

    async fn note_key_uses(&self, ids: &[ApiKeyId], minute: Timestamp) -> Result<(), StoreError> {
        let ids = ids.to_vec();
        self.db.write(move |connection| Box::pin(note_uses(connection, ids, minute))).await
    }
}

/// Whether there was one. One that cannot be read is deleted as well.
async fn delete_row(
    connection: &mut AnyConnection,
    id: ApiKeyId,
    stamp: ChangeStamp,
) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query(DELETE).bind(id.to_string()).fetch_optional(&mut *connection).await?;
    let Some(deleted) = deleted else { return Ok(false) };
    let record = read_row::<ApiKeyRow, ApiKeyRecord>(&deleted).into_readable("api_keys");
    let draft = key_deleted(stamp, id, record.as_ref().map(|record| &record.key));
    append_draft(connection, draft).await?;
    Ok(true)
}

/// Always in the order of their ids: two who note the same keys do not wait for each other's rows.
async fn note_uses(
    connection: &mut AnyConnection,
    mut ids: Vec<ApiKeyId>,
    minute: Timestamp,
) -> Result<(), sqlx::Error> {
    ids.sort_unstable();
    for id in ids {
        let note = sqlx::query(NOTE_USE).bind(id.to_string()).bind(minute.as_millis());
        note.execute(&mut *connection).await?;
    }
    Ok(())
}

#[async_trait]
impl ApiKeyTransfer for SqlUserDb {
    async fn export_keys(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<ApiKeyRecord>>, StoreError> {
        let page = sqlx::query(EXPORT)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.db.read(|connection| Box::pin(page.fetch_all(connection))).await?;
        Ok(found.iter().map(read_row::<ApiKeyRow, _>).collect())
    }

    /// One by one: an installation has dozens of keys, not millions.
    async fn import_keys(&self, keys: Vec<ApiKeyRecord>) -> Result<(), StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                for record in &keys {
                    bind_record(INSERT_MISSING, record).execute(&mut *connection).await?;
                }
                Ok(())
            })
        });
        write.await
    }
}
