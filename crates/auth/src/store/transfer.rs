use std::fmt;

use async_trait::async_trait;
use domain::ObjectId;
use store_kit::row::StoredRow;

use super::{ApiKeyRecord, StoreError, UserRecord};

/// Moves the users from one store to another. Sessions are not moved: users log in again.
#[async_trait]
pub trait UserTransfer: Send + Sync + fmt::Debug {
    /// The next users after this id, or from the beginning, ascending, at most `limit` of them. Fewer mean that there are
    /// no more. Each may be damaged by itself.
    async fn export(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<UserRecord>>, StoreError>;

    /// Stores users, leaving those alone that are there, and leaving out those whose address another has. If it is cut off,
    /// some of them are stored.
    async fn import(&self, users: Vec<UserRecord>) -> Result<(), StoreError>;
}

/// Moves the API keys from one store to another: servers go on with those they have.
#[async_trait]
pub trait ApiKeyTransfer: Send + Sync + fmt::Debug {
    /// The next keys after this id, as [`UserTransfer::export`] gives users.
    async fn export_keys(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<ApiKeyRecord>>, StoreError>;

    /// Stores keys, leaving those alone that are there. If it is cut off, some of them are stored.
    async fn import_keys(&self, keys: Vec<ApiKeyRecord>) -> Result<(), StoreError>;
}
