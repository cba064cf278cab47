use std::fmt;

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{Email, Role, RoleSet, Secret, Timestamp, User, UserId};
use serde::{Serialize, Serializer};
use service_kit::page::{Page, PageRequest};

use super::StoreError;

/// A user to be stored.
#[derive(Debug)]
pub struct NewUser {
    /// A fresh id.
    pub id: UserId,
    /// The address they log in with.
    pub email: Email,
    /// A PHC string.
    pub password_hash: Secret<String>,
    /// One or more roles.
    pub roles: RoleSet,
    /// When they registered.
    pub at: Timestamp,
}

/// What became of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationOutcome {
    /// Stored.
    Registered(User),
    /// Somebody has this address; nothing was stored.
    EmailTaken,
}

/// A user whole, with what their password is checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserRecord {
    /// The user.
    #[serde(flatten)]
    pub user: User,
    /// A PHC string.
    #[serde(serialize_with = "serialize_exposed")]
    pub password_hash: Secret<String>,
}

/// For a data move, which compares what it read with what it wrote.
fn serialize_exposed<S: Serializer>(secret: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// Which users to list: those that match everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Only the user with this address.
    pub email: Option<Email>,
    /// Only users who have this role, among others or alone.
    pub role: Option<Role>,
}

/// A password hash and what shall take its place.
#[derive(Debug, Clone)]
pub struct PasswordHashChange {
    /// Whose it is.
    pub user: UserId,
    /// The PHC string that the change was decided on.
    pub expected: Secret<String>,
    /// The PHC string of the new password.
    pub next: Secret<String>,
    /// The present moment.
    pub at: Timestamp,
}

/// What became of a change of roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleChange {
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
    async fn create(&self, user: NewUser) -> Result<RegistrationOutcome, StoreError>;

    /// The same for a user who does not register by themselves: with what the audit log says of it.
    async fn create_audited(
        &self,
        user: NewUser,
        stamp: ChangeStamp,
    ) -> Result<RegistrationOutcome, StoreError>;

    /// The user with this id.
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The roles of these users: one answer for each, in order, in one round trip; nothing where there is no
    /// such user.
    async fn find_roles(&self, ids: &[UserId]) -> Result<Vec<Option<RoleSet>>, StoreError>;

    /// The user with this address and what their password is checked against.
    async fn find_by_email(&self, email: &Email) -> Result<Option<UserRecord>, StoreError>;

    /// The user with this id and what their password is checked against, also while the servers of the store change their
    /// roles: one that was deposed without knowing it does not answer.
    async fn find_confirmed(&self, id: UserId) -> Result<Option<UserRecord>, StoreError>;

    /// One page, newest first. Walks an index: the cost does not grow with the page's position.
    async fn list(&self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError>;

    /// Replaces a user's roles, unless nobody would be ADMIN afterwards, and stores what the audit log says
    /// of it, with the very roles that were replaced. One atomic step: of two administrators who demote each
    /// other at once, one is refused.
    ///
    /// Where a statement cannot see other rows as they will be (PostgreSQL below SERIALIZABLE), an adapter
    /// locks the administrators first. Where only single documents are atomic (MongoDB), whoever takes ADMIN
    /// away holds a lock document while they look for another ADMIN and write; the user's version in the
    /// filter of that write fences off a holder who is late. A crash on the way can only refuse too much,
    /// until the lock runs out.
    async fn set_roles(
        &self,
        id: UserId,
        roles: RoleSet,
        stamp: ChangeStamp,
    ) -> Result<RoleChange, StoreError>;

    /// Replaces a user's password hash if it still is `expected`: of two who change it at once one is told no. Compared and
    /// changed in one step.
    async fn set_password_hash(&self, change: PasswordHashChange) -> Result<bool, StoreError>;

    /// Whether anybody is ADMIN.
    async fn has_admin(&self) -> Result<bool, StoreError>;
}
