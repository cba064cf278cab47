use async_trait::async_trait;
use domain::{InvalidId, Timestamp, UserId};
use sqlx::AnyConnection;

use super::{STORE, SqlUserDb};
use crate::{
    refresh_token::{Fingerprint, TokenHash},
    store::{RefreshRow, RefreshTokenStore, Rotated, Rotation, StoreError},
};

const PUT: &str = "INSERT INTO user_tokens \
    (id, user_id, refresh_token, family, expires_at, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) \
    ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, refresh_token = excluded.refresh_token, \
        family = excluded.family, expires_at = excluded.expires_at, created_at = excluded.created_at, \
        updated_at = excluded.updated_at";

const ROTATE: &str = "UPDATE user_tokens SET refresh_token = $3, expires_at = $4, updated_at = $5 \
    WHERE user_id = $1 AND refresh_token = $2 AND expires_at > $5";

const FIND: &str = "SELECT id, user_id, refresh_token, family, expires_at, created_at, updated_at \
    FROM user_tokens WHERE user_id = $1";

const DELETE_REUSED: &str =
    "DELETE FROM user_tokens WHERE user_id = $1 AND family = $2 AND refresh_token <> $3";

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: String,
    user_id: String,
    refresh_token: String,
    family: String,
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
            token: Fingerprint {
                hash: TokenHash::stored(row.refresh_token),
                family: TokenHash::stored(row.family),
            },
            expires_at: Timestamp::from_millis(row.expires_at),
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

#[async_trait]
impl RefreshTokenStore for SqlUserDb {
    async fn put(&self, row: RefreshRow) -> Result<(), StoreError> {
        let write = self.0.write(move |connection| {
            Box::pin(async move {
                sqlx::query(PUT)
                    .bind(row.id.to_string())
                    .bind(row.user.to_string())
                    .bind(row.token.hash.as_str())
                    .bind(row.token.family.as_str())
                    .bind(row.expires_at.as_millis())
                    .bind(row.created_at.as_millis())
                    .bind(row.updated_at.as_millis())
                    .execute(connection)
                    .await
            })
        });
        write.await.map(drop)
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let rotation = rotation.clone();
        self.0.write(move |connection| Box::pin(rotate(connection, rotation))).await
    }

    async fn find(&self, user: UserId) -> Result<Option<RefreshRow>, StoreError> {
        let find = sqlx::query_as::<_, TokenRow>(FIND).bind(user.to_string());
        let row = self.0.read(|connection| Box::pin(find.fetch_optional(connection))).await?;
        row.map(RefreshRow::try_from).transpose()
    }

    async fn delete(&self, user: UserId) -> Result<(), StoreError> {
        let write = self.0.write(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM user_tokens WHERE user_id = $1")
                    .bind(user.to_string())
                    .execute(connection)
                    .await
            })
        });
        write.await.map(drop)
    }

    async fn delete_if(&self, user: UserId, token: &TokenHash) -> Result<(), StoreError> {
        let token = token.clone();
        let write = self.0.write(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM user_tokens WHERE user_id = $1 AND refresh_token = $2")
                    .bind(user.to_string())
                    .bind(token.as_str())
                    .execute(connection)
                    .await
            })
        });
        write.await.map(drop)
    }
}

async fn rotate(connection: &mut AnyConnection, rotation: Rotation) -> Result<Rotated, sqlx::Error> {
    let user = rotation.user.to_string();
    let presented = rotation.presented;
    let rotated = sqlx::query(ROTATE)
        .bind(&user)
        .bind(presented.hash.as_str())
        .bind(rotation.next.as_str())
        .bind(rotation.expires_at.as_millis())
        .bind(rotation.now.as_millis())
        .execute(&mut *connection)
        .await?;
    if rotated.rows_affected() == 1 {
        return Ok(Rotated::Rotated);
    }
    let deleted = sqlx::query(DELETE_REUSED)
        .bind(&user)
        .bind(presented.family.as_str())
        .bind(presented.hash.as_str())
        .execute(&mut *connection)
        .await?;
    if deleted.rows_affected() == 1 {
        return Ok(Rotated::Reused);
    }
    let held = sqlx::query("SELECT 1 FROM user_tokens WHERE user_id = $1 AND refresh_token = $2")
        .bind(&user)
        .bind(presented.hash.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(if held.is_some() { Rotated::Expired } else { Rotated::Unknown })
}
