use std::fmt;

use async_trait::async_trait;
use domain::{ObjectId, User};
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
    /// Up to `limit` users with greater ids than `after`, ascending.
    async fn export(&self, after: Option<ObjectId>, limit: usize) -> Result<Vec<UserRecord>, StoreError>;

    /// Stores users in their order, leaving those alone that are there. If it is cut off, a beginning of them is stored.
    async fn import(&self, users: Vec<UserRecord>) -> Result<(), StoreError>;
}
