use std::fmt;

use async_trait::async_trait;
use domain::ObjectId;
use futures::stream::BoxStream;

use super::{StoreError, UserRecord};

/// Moves the users from one store to another. Sessions are not moved: users log in again.
#[async_trait]
pub trait UserTransfer: Send + Sync + fmt::Debug {
    /// All users with greater ids than `after`, ascending.
    fn export(&self, after: Option<ObjectId>) -> BoxStream<'_, Result<UserRecord, StoreError>>;

    /// Stores users, leaving those alone that are there, and leaving out those whose address another has. If it is cut off,
    /// some of them are stored.
    async fn import(&self, users: Vec<UserRecord>) -> Result<(), StoreError>;
}
