use domain::{Secret, UserId};
use service_kit::ratelimit::{RateClass, RetryAfter};

use super::run_to_end;
use crate::{
    AuthService,
    password::{ChosenPassword, InvalidPassword, Password, PasswordError},
    store::{PasswordHashChange, StoreError},
};

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangePasswordError {
    /// It was tried too often.
    #[error(transparent)]
    RateLimited(#[from] RetryAfter),
    /// There is no such user any more.
    #[error("there is no such user")]
    UnknownUser,
    /// The current password is another one.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The new password is easy to guess for this account.
    #[error("the new password {0}")]
    WeakPassword(#[from] InvalidPassword),
    /// A password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A store did not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthService {
    /// Replaces a user's password and ends their session.
    pub(crate) async fn change_password(
        &self,
        user: UserId,
        current: Password,
        next: ChosenPassword,
    ) -> Result<(), ChangePasswordError> {
        self.limits.take(RateClass::PasswordChange, &user.to_string()).await?;
        let record = self.users.find_confirmed(user).await?.ok_or(ChangePasswordError::UnknownUser)?;
        next.check_against(&record.user.email)?;
        let expected = record.password_hash;
        if !self.passwords.verify(current, Some(expected.expose().clone())).await? {
            return Err(ChangePasswordError::WrongPassword);
        }
        let hash = Secret::new(self.passwords.hash(next.into()).await?);
        let at = self.ids.clock().now();
        self.replace_password(PasswordHashChange { user, expected, next: hash, at }).await
    }

    /// The hash first, then the row, then the access token: whoever logs in with the old password meanwhile either sees the
    /// new hash or is ended with the row. The access token is removed before as well: if token-db is down, nothing was
    /// changed. A change that fails gives it back.
    pub(super) async fn replace_password(
        &self,
        change: PasswordHashChange,
    ) -> Result<(), ChangePasswordError> {
        let (auth, user) = (self.clone(), change.user);
        run_to_end(async move {
            let before = auth.view_session(user).await?.ok_or(ChangePasswordError::UnknownUser)?;
            let removed = auth.access_tokens.remove(user).await?;
            let refused = match auth.users.set_password_hash(change).await {
                Ok(true) => return Ok(auth.end_session(user).await?),
                // Somebody else has changed it since.
                Ok(false) => ChangePasswordError::WrongPassword,
                Err(error) => error.into(),
            };
            auth.give_access_back(user, &before, removed).await;
            Err(refused)
        })
        .await
    }
}
