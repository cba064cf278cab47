//! token-db in Redis, as the specification has it (7.3, 7.4): `access_token:{userId}` holds
//! `{"token","issuedAt","expiresAt"}` and expires by itself.
//!
//! No command needs two keys of different users on one node, so that it works in a cluster as it is.

use std::sync::LazyLock;

use async_trait::async_trait;
use domain::{Timestamp, UserId};
use redis::Script;
use serde::{Deserialize, Serialize};
use service_kit::{
    access_token::{ACCESS_TOKEN_SECONDS, IssuedToken},
    health::Dependency,
};
use store_kit::redis::Redis;
use subtle::ConstantTimeEq;

use super::{AccessTokenStore, StoreError};

/// Compares and deletes in one step. A record that does not read is nobody's token.
static REMOVE_IF: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local stored = redis.call('GET', KEYS[1])
        local read, record = pcall(cjson.decode, stored)
        if stored and read and type(record) == 'table' and record.token == ARGV[1] then
            return redis.call('DEL', KEYS[1])
        end
        return 0
        ",
    )
});

/// The value of a key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
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
    async fn put(&self, user: UserId, token: &IssuedToken) -> Result<(), StoreError> {
        let record =
            Record { token: token.token.clone(), issued_at: token.issued_at, expires_at: token.expires_at };
        let record =
            serde_json::to_string(&record).map_err(|error| StoreError::corrupt("token-db", error))?;
        let mut set = redis::cmd("SET");
        set.arg(key(user)).arg(record).arg("EX").arg(ACCESS_TOKEN_SECONDS);
        self.redis.run(&set).await
    }

    async fn remove(&self, user: UserId) -> Result<(), StoreError> {
        let mut remove = redis::cmd("DEL");
        remove.arg(key(user));
        self.redis.run(&remove).await
    }

    async fn remove_if(&self, user: UserId, token: &str) -> Result<(), StoreError> {
        let mut remove = REMOVE_IF.key(key(user));
        remove.arg(token);
        self.redis.run(&remove).await
    }

    /// One `MGET`; in a cluster the client sends each node those of its slots, all at once, and puts the answers in
    /// order.
    async fn check_many(&self, sessions: &[(UserId, String)]) -> Result<Vec<bool>, StoreError> {
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = redis::cmd("MGET");
        for (user, _) in sessions {
            get.arg(key(*user));
        }
        let stored: Vec<Option<Vec<u8>>> = self.redis.run(&get).await?;
        if stored.len() != sessions.len() {
            return Err(StoreError::corrupt("token-db", "MGET answered with another number of values"));
        }
        let answers = sessions.iter().zip(stored);
        Ok(answers.map(|((user, token), stored)| stored.is_some_and(|it| holds(*user, &it, token))).collect())
    }
}

/// Whether the record is of this token. One that does not read is of none: its user logs in again, which replaces it,
/// and the others of the batch get their answers.
fn holds(user: UserId, record: &[u8], token: &str) -> bool {
    match serde_json::from_slice::<Record>(record) {
        Ok(record) => record.token.as_bytes().ct_eq(token.as_bytes()).into(),
        Err(error) => {
            // The category only: the error itself may quote the record.
            tracing::warn!(%user, error = ?error.classify(), "token-db holds a record that cannot be read");
            false
        }
    }
}

fn key(user: UserId) -> String {
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
