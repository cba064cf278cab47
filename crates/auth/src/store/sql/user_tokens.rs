use async_trait::async_trait;
use domain::{InvalidId, Timestamp, UserId};
use sqlx::{Any, AnyConnection, any::AnyArguments, query::Query};

use super::{STORE, SqlUserDb};
use crate::{
    refresh_token::{TokenFingerprint, TokenHash},
    store::{RefreshRow, RefreshTokenStore, RotationOutcome, StoreError, TokenRotation},
};

const INSERT: &str = "INSERT INTO user_tokens \
    (id, user_id, refresh_token, family, previous_token, expires_at, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";

/// Changes nothing: it reads a row and keeps others from changing it until the commit.
const LOCK: &str = "UPDATE user_tokens SET updated_at = updated_at WHERE user_id = $1 \
    RETURNING id, user_id, refresh_token, family, previous_token, expires_at, created_at, updated_at";

const REPLACE: &str = "UPDATE user_tokens SET id = $1, refresh_token = $3, family = $4, previous_token = $5, \
    expires_at = $6, created_at = $7, updated_at = $8 WHERE user_id = $2";

const REPLACE_IF: &str = "UPDATE user_tokens SET id = $1, refresh_token = $3, family = $4, previous_token = $5, \
    expires_at = $6, created_at = $7, updated_at = $8 WHERE user_id = $2 AND refresh_token = $9";

const ROTATE: &str = "UPDATE user_tokens \
    SET refresh_token = $3, previous_token = $2, expires_at = $4, updated_at = $5 \
    WHERE user_id = $1 AND refresh_token = $2 AND expires_at > $5";

const FIND: &str = "SELECT id, user_id, refresh_token, family, previous_token, expires_at, created_at, updated_at \
    FROM user_tokens WHERE user_id = $1";

/// Of a token that was used before, but for the one that may be used again: see [`RefreshRow::repeats`].
const DELETE_REUSED: &str = "DELETE FROM user_tokens \
    WHERE user_id = $1 AND family = $2 AND refresh_token <> $3 \
        AND NOT (refresh_token = $4 AND COALESCE(previous_token, '') = $3 AND updated_at > $5)";

/// How often to put a row that others insert and delete at the same moment.
const ATTEMPTS: usize = 3;

#[derive(sqlx_macros::FromRow)]
struct TokenRow {
    id: String,
    user_id: String,
    refresh_token: String,
    family: String,
    previous_token: Option<String>,
    expires_at: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<TokenRow> for RefreshRow {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self, StoreError> {
        let unreadable = |error: InvalidId| StoreError::corrupt(STORE, error);
        Ok(RefreshRow {
            id: row.id.parse().map_err(unreadable)?,
            user: row.user_id.parse().map_err(unreadable)?,
            token: TokenFingerprint {
                hash: TokenHash::from_stored(row.refresh_token),
                family: TokenHash::from_stored(row.family),
            },
            previous: row.previous_token.map(TokenHash::from_stored),
            expires_at: Timestamp::from_millis(row.expires_at),
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

#[async_trait]
impl RefreshTokenStore for SqlUserDb {
    async fn put(&self, row: RefreshRow) -> Result<Option<RefreshRow>, StoreError> {
        let replaced = self.db.write(move |connection| Box::pin(put_row(connection, row))).await?;
        replaced.map(RefreshRow::try_from).transpose()
    }

    async fn take_back(
        &self,
        user: UserId,
        placed: &TokenHash,
        before: Option<RefreshRow>,
    ) -> Result<(), StoreError> {
        let placed = placed.as_str().to_owned();
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                let take_back = match &before {
                    Some(before) => bind_row(REPLACE_IF, before).bind(placed),
                    None => sqlx::query("DELETE FROM user_tokens WHERE user_id = $1 AND refresh_token = $2")
                        .bind(user.to_string())
                        .bind(placed),
                };
                take_back.execute(connection).await
            })
        });
        write.await.map(drop)
    }

    async fn rotate(&self, rotation: &TokenRotation) -> Result<RotationOutcome, StoreError> {
        let rotation = rotation.clone();
        self.db.write(move |connection| Box::pin(rotate_row(connection, rotation))).await
    }

    async fn find(&self, user: UserId) -> Result<Option<RefreshRow>, StoreError> {
        let find = sqlx::query_as::<_, TokenRow>(FIND).bind(user.to_string());
        let row = self.db.read(|connection| Box::pin(find.fetch_optional(connection))).await?;
        row.map(RefreshRow::try_from).transpose()
    }

    /// There is one server.
    async fn find_confirmed(&self, user: UserId) -> Result<Option<RefreshRow>, StoreError> {
        RefreshTokenStore::find(self, user).await
    }

    async fn delete(&self, user: UserId) -> Result<(), StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM user_tokens WHERE user_id = $1")
                    .bind(user.to_string())
                    .execute(connection)
                    .await
            })
        });
        write.await.map(drop)
    }

    async fn delete_family(&self, user: UserId, family: &TokenHash) -> Result<(), StoreError> {
        let family = family.as_str().to_owned();
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM user_tokens WHERE user_id = $1 AND family = $2")
                    .bind(user.to_string())
                    .bind(family)
                    .execute(connection)
                    .await
            })
        });
        write.await.map(drop)
    }
}

/// A statement with the columns of a row as its first eight parameters.
fn bind_row<'q>(statement: &'static str, row: &RefreshRow) -> Query<'q, Any, AnyArguments> {
    sqlx::query(statement)
        .bind(row.id.to_string())
        .bind(row.user.to_string())
        .bind(row.token.hash.as_str().to_owned())
        .bind(row.token.family.as_str().to_owned())
        .bind(row.previous.as_ref().map(|previous| previous.as_str().to_owned()))
        .bind(row.expires_at.as_millis())
        .bind(row.created_at.as_millis())
        .bind(row.updated_at.as_millis())
}

async fn put_row(connection: &mut AnyConnection, row: RefreshRow) -> Result<Option<TokenRow>, sqlx::Error> {
    for _ in 0..ATTEMPTS {
        if bind_row(INSERT, &row).execute(&mut *connection).await?.rows_affected() == 1 {
            return Ok(None);
        }
        let lock = sqlx::query_as::<_, TokenRow>(LOCK).bind(row.user.to_string());
        if let Some(replaced) = lock.fetch_optional(&mut *connection).await? {
            bind_row(REPLACE, &row).execute(connection).await?;
            return Ok(Some(replaced));
        }
    }
    Err(sqlx::Error::RowNotFound)
}

async fn rotate_row(
    connection: &mut AnyConnection,
    rotation: TokenRotation,
) -> Result<RotationOutcome, sqlx::Error> {
    let user = rotation.user.to_string();
    let TokenFingerprint { hash: presented, family } = &rotation.presented;
    let rotated = sqlx::query(ROTATE)
        .bind(&user)
        .bind(presented.as_str())
        .bind(rotation.next.as_str())
        .bind(rotation.expires_at.as_millis())
        .bind(rotation.now.as_millis())
        .execute(&mut *connection)
        .await?;
    if rotated.rows_affected() == 1 {
        return Ok(RotationOutcome::Rotated);
    }
    let deleted = sqlx::query(DELETE_REUSED)
        .bind(&user)
        .bind(family.as_str())
        .bind(presented.as_str())
        .bind(rotation.next.as_str())
        .bind(rotation.repeatable_since.as_millis())
        .execute(&mut *connection)
        .await?;
    if deleted.rows_affected() == 1 {
        return Ok(RotationOutcome::Reused);
    }
    let held = sqlx::query_as::<_, TokenRow>(FIND).bind(&user).fetch_optional(connection).await?;
    Ok(match held {
        Some(row) if row.refresh_token == presented.as_str() => RotationOutcome::Expired,
        Some(row) if row.family == family.as_str() => RotationOutcome::Repeated,
        _ => RotationOutcome::Unknown,
    })
}
