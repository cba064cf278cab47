use std::fmt;

use async_trait::async_trait;
use domain::{Email, Role, RoleSet, Timestamp, User, UserId};
use service_kit::page::{Page, PageRequest};

use super::StoreError;

/// A user to be stored.
pub struct NewUser {
    /// A fresh id.
    pub id: UserId,
    /// The address they log in with.
    pub email: Email,
    /// A PHC string.
    pub password_hash: String,
    /// One or more roles.
    pub roles: RoleSet,
    /// When they registered.
    pub at: Timestamp,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser").field("id", &self.id).field("email", &self.email).finish_non_exhaustive()
    }
}

/// What became of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// Stored.
    Created(User),
    /// Somebody has this address; nothing was stored.
    EmailTaken,
}

/// A user with what their password is checked against.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// A PHC string.
    pub password_hash: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Which users to list: those that match everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Only the user with this address.
    pub email: Option<Email>,
    /// Only users who have this role, among others or alone.
    pub role: Option<Role>,
}

/// What became of a change of roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolesChanged {
    /// The user as they are now.
    Updated(User),
    /// There is no such user.
    NotFound,
    /// Nobody else is ADMIN; nothing was changed.
    LastAdmin,
}

/// The registered users (`users` in user-db).
#[async_trait]
pub trait UserStore: Send + Sync + fmt::Debug {
    /// Stores a user, unless the address is taken: of many racers for one address one is stored.
    async fn create(&self, user: NewUser) -> Result<Created, StoreError>;

    /// The user with this id.
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user with this address and what their password is checked against.
    async fn find_by_email(&self, email: &Email) -> Result<Option<Credentials>, StoreError>;

    /// One page, newest first. Walks an index: the cost does not grow with the page's position.
    async fn list(&self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError>;

    /// Replaces a user's roles, unless nobody would be ADMIN afterwards. One atomic step: of two administrators who
    /// demote each other at once, one is refused.
    ///
    /// Where a statement cannot see other rows as they will be (PostgreSQL below SERIALIZABLE), an adapter locks the
    /// administrators first. Where only single documents are atomic (MongoDB), whoever takes ADMIN away holds a lock
    /// document while they look for another ADMIN and write; the user's version in the filter of that write fences off
    /// a holder who is late. A crash on the way can only refuse too much, until the lock runs out.
    async fn set_roles(&self, id: UserId, roles: RoleSet, at: Timestamp) -> Result<RolesChanged, StoreError>;

    /// Whether anybody is ADMIN.
    async fn has_admin(&self) -> Result<bool, StoreError>;
}
