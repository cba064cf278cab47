use std::collections::HashMap;

use async_trait::async_trait;
use domain::{ClaimId, ObjectId, RewardId, UserId};
use serde_json::json;
use sqlx::{FromRow, SqliteConnection};
use store_kit::{error::StoreError, sql::WorkFuture, sqlite::Sqlite};

use super::{corrupt_row, id_list, read_row, read_text, transfer::SqliteTable};
use crate::{CodeCounts, CodePoolStore, CouponCode, NewCode, TransferRecord};

/// The codes of pools of coupons in a SQLite file.
#[derive(Debug, Clone)]
pub(super) struct SqliteCodePools {
    pub(super) db: Sqlite,
}

/// `$2`: pairs of an id and a code.
const IMPORT: &str = "INSERT INTO coupon_codes (id, reward_id, code) \
    SELECT value ->> 0, $1, value ->> 1 FROM json_each($2) WHERE true ON CONFLICT DO NOTHING";
const COUNT: &str = "SELECT \
    (SELECT count(*) FROM coupon_codes WHERE reward_id = $1) AS total, \
    (SELECT count(*) FROM coupon_codes WHERE reward_id = $1 AND claim_id IS NOT NULL) AS taken";
pub(super) const FIND_TAKEN: &str = "SELECT code FROM coupon_codes WHERE reward_id = $1 AND claim_id = $2";
pub(super) const TAKE: &str = "UPDATE coupon_codes SET claim_id = $2, user_id = $3 WHERE id = \
    (SELECT id FROM coupon_codes WHERE reward_id = $1 AND claim_id IS NULL ORDER BY id LIMIT 1) RETURNING code";
pub(super) const FIND_HOLDERS: &str = "SELECT code, claim_id FROM coupon_codes \
    WHERE reward_id = $1 AND code IN (SELECT value FROM json_each($2)) AND +claim_id IS NOT NULL";
const EXPORT: &str =
    "SELECT id, reward_id, code, claim_id, user_id FROM coupon_codes WHERE id > $1 ORDER BY id LIMIT $3";
const INSERT: &str = "INSERT INTO coupon_codes (id, reward_id, code, claim_id, user_id) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";

pub(super) const TABLE: SqliteTable = SqliteTable {
    name: "coupon_codes",
    export: EXPORT,
    key: super::transfer::read_id_key,
    read: |row| read_row::<CodeRow, _>(row).value.map(TransferRecord::Code),
    insert: insert_record,
};

#[derive(sqlx_macros::FromRow)]
struct CodeRow {
    id: String,
    reward_id: String,
    code: String,
    claim_id: Option<String>,
    user_id: Option<String>,
}

#[derive(sqlx_macros::FromRow)]
struct HolderRow {
    code: String,
    claim_id: String,
}

#[derive(sqlx_macros::FromRow)]
struct CountsRow {
    total: i64,
    taken: i64,
}

impl TryFrom<CodeRow> for CouponCode {
    type Error = StoreError;

    fn try_from(row: CodeRow) -> Result<Self, StoreError> {
        let holder = match row.claim_id.zip(row.user_id) {
            Some((claim, user)) => Some((read_text(&claim)?, read_text(&user)?)),
            None => None,
        };
        Ok(Self { id: read_text(&row.id)?, reward: read_text(&row.reward_id)?, code: row.code, holder })
    }
}

#[async_trait]
impl CodePoolStore for SqliteCodePools {
    /// One statement.
    async fn import(&self, pool: RewardId, codes: Vec<NewCode>) -> Result<usize, StoreError> {
        let pairs: serde_json::Value = codes.iter().map(|new| json!([new.id, new.code])).collect();
        let pairs = pairs.to_string();
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                let import = sqlx::query(IMPORT).bind(pool.to_string()).bind(pairs);
                Ok(import.execute(connection).await?.rows_affected())
            })
        });
        Ok(usize::try_from(write.await?).unwrap_or(usize::MAX))
    }

    async fn count(&self, pool: RewardId) -> Result<CodeCounts, StoreError> {
        let query = sqlx::query(COUNT).bind(pool.to_string());
        let row = self.db.search(|connection| Box::pin(query.fetch_one(connection))).await?;
        let CountsRow { total, taken } = CountsRow::from_row(&row).map_err(corrupt_row)?;
        Ok(CodeCounts { total, taken })
    }

    /// One transaction: nobody else takes a code meanwhile.
    async fn take(&self, pool: RewardId, claim: ClaimId, user: UserId) -> Result<Option<String>, StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                let mine = sqlx::query_scalar(FIND_TAKEN).bind(pool.to_string()).bind(claim.to_string());
                if let Some(code) = mine.fetch_optional(&mut *connection).await? {
                    return Ok(Some(code));
                }
                let take = sqlx::query_scalar(TAKE).bind(pool.to_string());
                let take = take.bind(claim.to_string()).bind(user.to_string());
                take.fetch_optional(&mut *connection).await
            })
        });
        write.await
    }

    async fn find_holders(
        &self,
        pool: RewardId,
        codes: Vec<String>,
    ) -> Result<HashMap<String, ClaimId>, StoreError> {
        let query = sqlx::query(FIND_HOLDERS).bind(pool.to_string()).bind(id_list(codes.iter()));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        let holder = |row| {
            let HolderRow { code, claim_id } = HolderRow::from_row(row).map_err(corrupt_row)?;
            Ok((code, read_text(&claim_id)?))
        };
        found.iter().map(holder).collect()
    }
}

fn insert_record(connection: &mut SqliteConnection, record: TransferRecord) -> WorkFuture<'_, ()> {
    Box::pin(async move {
        let TransferRecord::Code(code) = record else { return Err(super::wrong_table("coupon_codes")) };
        let text = |id: ObjectId| id.to_string();
        sqlx::query(INSERT)
            .bind(text(code.id))
            .bind(text(code.reward.0))
            .bind(code.code)
            .bind(code.holder.map(|(claim, _)| text(claim.0)))
            .bind(code.holder.map(|(_, user)| text(user.0)))
            .execute(connection)
            .await
            .map(drop)
    })
}
