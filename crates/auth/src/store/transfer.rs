use std::fmt;

use async_trait::async_trait;
use domain::{ObjectId, User};
use futures::stream::BoxStream;
use serde::Serialize;

use super::StoreError;

/// A user whole, with what their password is checked against. Sessions are not moved: users log in again.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct UserRecord {
    /// The user.
    #[serde(flatten)]
    pub user: User,
    /// A PHC string.
    pub password_hash: String,
}

impl fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecord").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Moves the users from one store to another.
#[async_trait]
pub trait UserTransfer: Send + Sync + fmt::Debug {
    /// All users with greater ids than `after`, ascending.
    fn export(&self, after: Option<ObjectId>) -> BoxStream<'_, Result<UserRecord, StoreError>>;

    /// Stores users, leaving those alone that are there, and leaving out those whose address another has. If it is cut off,
    /// some of them are stored.
    async fn import(&self, users: Vec<UserRecord>) -> Result<(), StoreError>;
}
