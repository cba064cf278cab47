use audit::ChangeStamp;
use domain::{ChangeAuthor, Email, IdGenerator, Role, RoleSet, Secret, User, UserId};
use service_kit::{
    identity::{Caller, UserOrKey},
    page::{Page, PageRequest},
};

use crate::{
    AuthService,
    password::{ChosenPassword, HashError, Hasher, InvalidPassword, PasswordError},
    store::{NewUser, RegistrationOutcome, StoreError, UserFilter, UserStore},
};

/// Why nobody was registered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    /// Somebody has this address.
    #[error("the email address is already registered")]
    EmailTaken,
    /// The password is easy to guess for this account.
    #[error("the password {0}")]
    WeakPassword(#[from] InvalidPassword),
    /// The password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store did not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a caller does not see a user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShowUserError {
    /// The caller may not see it.
    #[error("the caller may not see this")]
    Forbidden,
    /// There is no such user.
    #[error("there is no such user")]
    Unknown,
    /// The store did not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a caller does not see a list of users.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShowUsersError {
    /// The caller may not see it.
    #[error("the caller may not see this")]
    Forbidden,
    /// The store did not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthService {
    /// Registers somebody with the role USER.
    pub(crate) async fn register(
        &self,
        email: Email,
        password: ChosenPassword,
    ) -> Result<User, RegisterError> {
        password.check_against(&email)?;
        // Asked before the costly hashing too; the store has the last word.
        if self.users.find_by_email(&email).await?.is_some() {
            return Err(RegisterError::EmailTaken);
        }
        let password_hash = Secret::new(self.passwords.hash(password.into()).await?);
        let minted = self.ids.mint();
        let roles = RoleSet::from_roles(&[Role::User]);
        let user = NewUser { id: UserId(minted.id), email, password_hash, roles, at: minted.at };
        match self.users.create(user).await? {
            RegistrationOutcome::Registered(user) => Ok(user),
            RegistrationOutcome::EmailTaken => Err(RegisterError::EmailTaken),
        }
    }

    /// A user, for themselves, for staff and for servers that may read users.
    pub(crate) async fn show_user(&self, caller: UserOrKey, id: UserId) -> Result<User, ShowUserError> {
        // Before looking: who may not see a user may not learn whether there is one.
        if !caller.is_user(id) && !caller.sees_as_staff() {
            return Err(ShowUserError::Forbidden);
        }
        self.users.find(id).await?.ok_or(ShowUserError::Unknown)
    }

    /// A page of users: for administrators any, for other staff the one with an exact address.
    pub(crate) async fn show_users(
        &self,
        caller: Caller,
        filter: &UserFilter,
        page: PageRequest,
    ) -> Result<Page<User>, ShowUsersError> {
        let may_look_up = caller.roles.is_staff() && filter.email.is_some();
        if !caller.is(Role::Admin) && !may_look_up {
            return Err(ShowUsersError::Forbidden);
        }
        Ok(self.users.list(filter, page).await?)
    }
}

/// Why a user was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// Somebody has this address.
    #[error("the email address is already registered")]
    EmailTaken,
    /// The password cannot be chosen.
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
    author: ChangeAuthor,
) -> Result<User, CreateUserError> {
    if roles.is_empty() {
        return Err(CreateUserError::NoRole);
    }
    let password = ChosenPassword::try_from(password.to_owned())?;
    password.check_against(&email)?;
    let password_hash = Secret::new(Hasher::default().hash(&password.into())?);
    let minted = ids.mint();
    let user = NewUser { id: UserId(minted.id), email, password_hash, roles, at: minted.at };
    match users.create_audited(user, ChangeStamp::new(ids.mint(), author)).await? {
        RegistrationOutcome::Registered(user) => Ok(user),
        RegistrationOutcome::EmailTaken => Err(CreateUserError::EmailTaken),
    }
}
