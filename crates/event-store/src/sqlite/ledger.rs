use std::collections::HashMap;

use async_trait::async_trait;
use domain::{ClaimId, LedgerEntry, ObjectId, Timestamp, UserId};
use serde_json::json;
use service_kit::page::{Page, PageRequest};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use store_kit::{row::readable_page, sql::WorkFuture, sqlite::Sqlite};

use super::{read_json, read_row, read_text, to_json, transfer::SqliteTable, upper_id_bound};
use crate::{LedgerFilter, LedgerStore, StoreError, TransferRecord, WalletBalance, ledger::by_claim};

/// The ledger in a SQLite file.
#[derive(Debug, Clone)]
pub(super) struct SqliteLedger {
    pub(super) db: Sqlite,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, kind, request_id, event_id, user_id, reward, at FROM grants WHERE ", $rest)
    };
}

const EXPORT: &str = select!("id > $1 ORDER BY id LIMIT $3");
/// `json_each` has a column `id` too.
pub(super) const OF_CLAIMS: &str = "SELECT grants.id, kind, request_id, event_id, user_id, reward, at \
    FROM json_each($1) AS claim JOIN grants ON user_id = claim.value ->> 0 AND request_id = claim.value ->> 1";
const BALANCES: &str =
    "SELECT user_id, through, holding FROM wallets WHERE user_id > $1 ORDER BY user_id LIMIT $2";
pub(super) const AFTER: &str = select!("user_id = $1 AND id > $2 ORDER BY id LIMIT $3");
pub(super) const LIST: &str = select!("id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const LIST_BY_USER: &str = select!("user_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const LIST_BY_EVENT: &str = select!("event_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const LIST_BY_USER_EVENT: &str =
    select!("user_id = $3 AND event_id = $4 AND id < $1 ORDER BY id DESC LIMIT $2");

pub(super) const TABLE: SqliteTable = SqliteTable {
    name: "grants",
    export: EXPORT,
    key: super::transfer::read_id_key,
    read: |row| read_row::<EntryRow, _>(row).value.map(TransferRecord::LedgerEntry),
    insert: insert_record,
};

#[derive(sqlx_macros::FromRow)]
struct EntryRow {
    id: String,
    kind: String,
    request_id: String,
    event_id: String,
    user_id: String,
    reward: String,
    at: i64,
}

impl TryFrom<EntryRow> for LedgerEntry {
    type Error = StoreError;

    fn try_from(row: EntryRow) -> Result<Self, StoreError> {
        Ok(LedgerEntry {
            id: read_text(&row.id)?,
            kind: read_text(&row.kind)?,
            claim_id: read_text(&row.request_id)?,
            event_id: read_text(&row.event_id)?,
            user_id: read_text(&row.user_id)?,
            reward: read_json(&row.reward)?,
            at: Timestamp::from_millis(row.at),
        })
    }
}

async fn insert_entry(connection: &mut SqliteConnection, entry: &LedgerEntry) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO grants (id, kind, request_id, event_id, user_id, reward_id, reward, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(entry.id.to_string())
    .bind(entry.kind.name())
    .bind(entry.claim_id.to_string())
    .bind(entry.event_id.to_string())
    .bind(entry.user_id.to_string())
    .bind(entry.reward.id.to_string())
    .bind(to_json(&entry.reward)?)
    .bind(entry.at.as_millis())
    .execute(connection)
    .await
    .map(drop)
}

fn insert_record(connection: &mut SqliteConnection, record: TransferRecord) -> WorkFuture<'_, ()> {
    Box::pin(async move {
        let TransferRecord::LedgerEntry(entry) = record else { return Err(super::wrong_table("grants")) };
        insert_entry(connection, &entry).await
    })
}

/// All of them, or the error of one that cannot be read.
fn read_all(rows: &[SqliteRow]) -> Result<Vec<LedgerEntry>, StoreError> {
    rows.iter().map(|row| read_row::<EntryRow, LedgerEntry>(row).value).collect()
}

#[async_trait]
impl LedgerStore for SqliteLedger {
    /// One transaction.
    async fn add(&self, entries: Vec<LedgerEntry>) -> Result<(), StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                for entry in &entries {
                    insert_entry(&mut *connection, entry).await?;
                }
                Ok(())
            })
        });
        write.await
    }

    async fn of_claims(
        &self,
        claims: &[(UserId, ClaimId)],
    ) -> Result<HashMap<ClaimId, Vec<LedgerEntry>>, StoreError> {
        let query = sqlx::query(OF_CLAIMS).bind(json!(claims).to_string());
        read_all(&self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?).map(by_claim)
    }

    async fn list(&self, filter: LedgerFilter, page: PageRequest) -> Result<Page<LedgerEntry>, StoreError> {
        let user = filter.user.map(|id| id.to_string());
        let event = filter.event.map(|id| id.to_string());
        let statement = match (&user, &event) {
            (Some(_), Some(_)) => LIST_BY_USER_EVENT,
            (Some(_), None) => LIST_BY_USER,
            (None, Some(_)) => LIST_BY_EVENT,
            (None, None) => LIST,
        };
        let query = sqlx::query(statement).bind(upper_id_bound(page)).bind(page.overfull());
        let query = [user, event].into_iter().flatten().fold(query, sqlx::query::Query::bind);
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        Ok(readable_page("grants", found.iter().map(read_row::<EntryRow, LedgerEntry>).collect(), page.limit))
    }

    async fn of_user_after(
        &self,
        user: UserId,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let query = sqlx::query(AFTER)
            .bind(user.to_string())
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        read_all(&self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?)
    }

    async fn find_balance(&self, user: UserId) -> Result<Option<WalletBalance>, StoreError> {
        let query =
            sqlx::query_as::<_, (String, String)>("SELECT through, holding FROM wallets WHERE user_id = $1");
        let query = query.bind(user.to_string());
        let found = self.db.look_up(|connection| Box::pin(query.fetch_optional(connection))).await?;
        let balance = |(through, holding): (String, String)| {
            Ok(WalletBalance { user, through: read_text(&through)?, holding: read_json(&holding)? })
        };
        found.map(balance).transpose()
    }

    async fn save_balance(&self, balance: WalletBalance) -> Result<(), StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO wallets (user_id, through, holding) VALUES ($1, $2, $3) ON CONFLICT (user_id) \
                     DO UPDATE SET through = excluded.through, holding = excluded.holding \
                     WHERE excluded.through > wallets.through",
                )
                .bind(balance.user.to_string())
                .bind(balance.through.to_string())
                .bind(balance.holding.to_string())
                .execute(connection)
                .await
                .map(drop)
            })
        });
        write.await
    }

    async fn list_balances(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<WalletBalance>, StoreError> {
        let query = sqlx::query_as::<_, (String, String, String)>(BALANCES)
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        let balance = |(user, through, holding): (String, String, String)| {
            let (user, through) = (read_text(&user)?, read_text(&through)?);
            Ok(WalletBalance { user, through, holding: read_json(&holding)? })
        };
        found.into_iter().map(balance).collect()
    }
}
