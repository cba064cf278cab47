use domain::{Email, IdGenerator, RoleSet, User, UserId};

use crate::{
    password::{ChosenPassword, HashError, Hasher, InvalidPassword},
    store::{Created, NewUser, StoreError, UserStore},
};

/// Why a user was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// Somebody has this address.
    #[error("the email address is already registered")]
    EmailTaken,
    /// The password is too short, too long or too easy to guess.
    #[error("the password {0}")]
    Password(#[from] InvalidPassword),
    /// A user has one or more roles.
    #[error("a user needs at least one role")]
    NoRole,
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store did not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Creates a user with any roles, without a service around it: for the command line and the first administrator.
///
/// Hashes on the calling thread, which takes tens of milliseconds.
pub async fn create_user(
    users: &dyn UserStore,
    ids: &IdGenerator,
    email: Email,
    password: &str,
    roles: RoleSet,
) -> Result<User, CreateUserError> {
    if roles.is_empty() {
        return Err(CreateUserError::NoRole);
    }
    let password = ChosenPassword::try_from(password.to_owned())?;
    password.check_against(&email)?;
    let password_hash = Hasher::default().hash(&password.into())?;
    let minted = ids.mint();
    let user = NewUser { id: UserId(minted.id), email, password_hash, roles, at: minted.at };
    match users.create(user).await? {
        Created::Created(user) => Ok(user),
        Created::EmailTaken => Err(CreateUserError::EmailTaken),
    }
}
