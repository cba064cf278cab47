//! user-db in MongoDB: the collections `users` and `user_tokens` of the specification, `api_keys`,
//! `audit_log`, and `role_changes` with the lock that keeps the last administrator.
//!
//! Every verb is bounded as a whole, however many operations it takes.

mod api_keys;
mod role_changes;
mod transfer;
mod user_tokens;
mod users;

use std::sync::Arc;

use async_trait::async_trait;
use domain::RandomSource;
use mongodb::{
    Collection,
    bson::{Document, doc},
};
use serde::de::DeserializeOwned;
use service_kit::health::Dependency;
use store_kit::{
    audit::{AuditStore, mongo::MongoAuditLog},
    connection::StoreConnection,
    error::StoreError,
    mongo::{Mongo, MongoConnectError, index, unique_index},
};

use self::{
    api_keys::ApiKeyDocument, role_changes::LockDocument, user_tokens::TokenDocument, users::UserDocument,
};

/// The name operators know this store by, and its database where none is named.
const STORE: &str = "user-db";

/// The collections whose documents hold what is to be written into the audit log.
const AUDITED: &[&str] = &["users", "api_keys"];

/// Users, their refresh tokens and API keys on a MongoDB server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MongoUserDb {
    mongo: Mongo,
    users: Collection<UserDocument>,
    user_tokens: Collection<TokenDocument>,
    api_keys: Collection<ApiKeyDocument>,
    role_changes: Collection<LockDocument>,
    audit: MongoAuditLog,
    /// Whether the server is one of several, which can be deposed.
    has_replicas: bool,
    random: RandomSource,
}

impl MongoUserDb {
    /// Connects and creates the indexes that are missing. The database is the given one, else the one in the URL, else
    /// `user-db`.
    pub async fn connect(url: &str, database: Option<&str>) -> Result<Self, MongoConnectError> {
        Self::from_mongo(Mongo::connect(url, STORE, database).await?).await
    }

    async fn from_mongo(mongo: Mongo) -> Result<Self, MongoConnectError> {
        let users = [unique_index(doc! { "email": 1 }), index(doc! { "roles": 1, "_id": -1 })];
        mongo.ensure_indexes("users", users).await?;
        mongo.ensure_indexes("user_tokens", [unique_index(doc! { "userId": 1 })]).await?;
        mongo.ensure_indexes("api_keys", [unique_index(doc! { "hash": 1 })]).await?;
        Ok(Self {
            users: mongo.collection("users"),
            user_tokens: mongo.collection("user_tokens"),
            api_keys: mongo.collection("api_keys"),
            role_changes: mongo.collection("role_changes"),
            audit: MongoAuditLog::open(&mongo, AUDITED).await?,
            has_replicas: mongo.has_replicas().await?,
            random: RandomSource::new(),
            mongo,
        })
    }

    /// What has to be closed.
    pub(super) fn connection(&self) -> Arc<dyn StoreConnection> {
        Arc::new(self.mongo.clone())
    }

    /// The audit log in the same database.
    pub fn audit_log(&self) -> Arc<dyn AuditStore> {
        Arc::new(self.audit.clone())
    }

    /// A server that stands alone cannot be deposed, and refuses the read concern `linearizable`.
    async fn find_one_confirmed<T>(
        &self,
        collection: &Collection<T>,
        filter: Document,
    ) -> Result<Option<T>, StoreError>
    where
        T: DeserializeOwned + Send + Sync,
    {
        if self.has_replicas {
            self.mongo.find_one_linearizable(collection, filter).await
        } else {
            self.mongo.run(collection.find_one(filter)).await
        }
    }
}

#[async_trait]
impl Dependency for MongoUserDb {
    fn name(&self) -> &'static str {
        STORE
    }

    async fn answers(&self) -> bool {
        self.mongo.answers().await
    }
}

/// Reads a text that this program wrote.
fn read_stored<T>(text: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| StoreError::corrupt(STORE, error))
}

#[cfg(test)]
mod tests;
