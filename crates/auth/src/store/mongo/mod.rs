//! user-db in MongoDB: the collections `users` and `user_tokens` of the specification, and `role_changes` with the lock
//! that keeps the last administrator.
//!
//! Every verb is bounded as a whole, however many operations it takes.

mod role_changes;
mod transfer;
mod user_tokens;
mod users;

use async_trait::async_trait;
use mongodb::{Collection, bson::doc};
use service_kit::health::Dependency;
use store_kit::{
    error::StoreError,
    mongo::{Mongo, MongoConnectError, index, unique_index},
};

use self::{role_changes::LockDocument, user_tokens::TokenDocument, users::UserDocument};

/// The name operators know this store by, and its database where none is named.
const STORE: &str = "user-db";

/// Users and their refresh tokens on a MongoDB server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MongoUserDb {
    mongo: Mongo,
    users: Collection<UserDocument>,
    user_tokens: Collection<TokenDocument>,
    role_changes: Collection<LockDocument>,
}

impl MongoUserDb {
    /// Connects and creates the indexes that are missing. The database is the given one, else the one in the URL, else
    /// `user-db`.
    pub async fn connect(url: &str, database: Option<&str>) -> Result<Self, MongoConnectError> {
        Self::over(Mongo::connect(url, STORE, database).await?).await
    }

    async fn over(mongo: Mongo) -> Result<Self, MongoConnectError> {
        let users = [unique_index(doc! { "email": 1 }), index(doc! { "roles": 1, "_id": -1 })];
        mongo.ensure_indexes("users", users).await?;
        mongo.ensure_indexes("user_tokens", [unique_index(doc! { "userId": 1 })]).await?;
        Ok(Self {
            users: mongo.collection("users"),
            user_tokens: mongo.collection("user_tokens"),
            role_changes: mongo.collection("role_changes"),
            mongo,
        })
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
fn read<T>(text: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| StoreError::corrupt(STORE, error))
}

#[cfg(test)]
mod tests;
