//! token-db in Redis, as the specification has it (7.3, 7.4): `access_token:{userId}` holds
//! `{"token","issuedAt","expiresAt"}` and expires by itself.
//!
//! No command needs two keys of different users on one node, so that it works in a cluster as it is.

use std::sync::LazyLock;

use async_trait::async_trait;
use constant_time_eq::constant_time_eq;
use domain::{Timestamp, UserId};
use redis::Script;
use serde::{Deserialize, Serialize};
use service_kit::{
    access_token::{ACCESS_TOKEN_SECONDS, IssuedToken},
    health::Dependency,
};
use store_kit::redis::Redis;

use super::{AccessTokenStore, StoreError};

/// Compares and puts back in one step. A record that does not read is nobody's token.
static TAKE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local stored = redis.call('GET', KEYS[1])
        local read, record = pcall(cjson.decode, stored)
        if not (stored and read and type(record) == 'table' and record.token == ARGV[1]) then
            return
        end
        if ARGV[2] then
            redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
        else
            redis.call('DEL', KEYS[1])
        end
        ",
    )
});

/// The value of a key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenRecord {
    token: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

/// Access tokens in Redis.
#[derive(Debug)]
pub struct RedisTokenDb {
    redis: Redis,
}

impl RedisTokenDb {
    /// On this Redis, which others may use too.
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }
}

#[async_trait]
impl AccessTokenStore for RedisTokenDb {
    /// One `SET … GET`.
    async fn put(&self, user: UserId, token: &IssuedToken) -> Result<Option<IssuedToken>, StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(token_key(user)).arg(write_record(token)?).arg("EX").arg(ACCESS_TOKEN_SECONDS).arg("GET");
        let before: Option<Vec<u8>> = self.redis.run(&set).await?;
        Ok(before.and_then(|before| read_record(user, &before)))
    }

    async fn take_back(
        &self,
        user: UserId,
        placed: &str,
        before: Option<&IssuedToken>,
    ) -> Result<(), StoreError> {
        let mut take_back = TAKE_BACK.key(token_key(user));
        take_back.arg(placed);
        if let Some(before) = before {
            take_back.arg(write_record(before)?).arg(before.expires_at.as_millis());
        }
        self.redis.run(&take_back).await
    }

    /// One `GETDEL`.
    async fn remove(&self, user: UserId) -> Result<Option<IssuedToken>, StoreError> {
        let mut remove = redis::cmd("GETDEL");
        remove.arg(token_key(user));
        let removed: Option<Vec<u8>> = self.redis.run(&remove).await?;
        Ok(removed.and_then(|removed| read_record(user, &removed)))
    }

    /// One `SET … NX`.
    async fn give_back(&self, user: UserId, removed: &IssuedToken) -> Result<(), StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(token_key(user)).arg(write_record(removed)?);
        set.arg("PXAT").arg(removed.expires_at.as_millis()).arg("NX");
        self.redis.run::<Option<String>>(&set).await.map(drop)
    }

    /// One `MGET`; in a cluster the client sends each node those of its slots, all at once, and puts the answers in
    /// order.
    async fn check_many(&self, sessions: &[(UserId, String)]) -> Result<Vec<bool>, StoreError> {
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = redis::cmd("MGET");
        for (user, _) in sessions {
            get.arg(token_key(*user));
        }
        let stored: Vec<Option<Vec<u8>>> = self.redis.run(&get).await?;
        if stored.len() != sessions.len() {
            return Err(StoreError::corrupt("token-db", "MGET answered with another number of values"));
        }
        let answers = sessions.iter().zip(stored);
        Ok(answers
            .map(|((user, token), stored)| stored.is_some_and(|it| holds_token(*user, &it, token)))
            .collect())
    }
}

/// Whether the record is of this token.
fn holds_token(user: UserId, record: &[u8], token: &str) -> bool {
    read_record(user, record)
        .is_some_and(|stored| constant_time_eq(stored.token.as_bytes(), token.as_bytes()))
}

fn write_record(token: &IssuedToken) -> Result<String, StoreError> {
    let record =
        TokenRecord { token: token.token.clone(), issued_at: token.issued_at, expires_at: token.expires_at };
    serde_json::to_string(&record).map_err(|error| StoreError::corrupt("token-db", error))
}

/// A record that does not read is of no token: its user logs in again, which replaces it, and the others of a batch get
/// their answers.
fn read_record(user: UserId, record: &[u8]) -> Option<IssuedToken> {
    match serde_json::from_slice(record) {
        Ok(TokenRecord { token, issued_at, expires_at }) => {
            Some(IssuedToken { token, issued_at, expires_at })
        }
        Err(error) => {
            // The category only: the error itself may quote the record.
            tracing::warn!(%user, error = ?error.classify(), "token-db holds a record that cannot be read");
            None
        }
    }
}

fn token_key(user: UserId) -> String {
    format!("access_token:{user}")
}

#[async_trait]
impl Dependency for RedisTokenDb {
    fn name(&self) -> &'static str {
        "token-db"
    }

    async fn answers(&self) -> bool {
        self.redis.answers().await
    }
}

#[cfg(test)]
mod tests;
