//! Sessions: who logs in, stays logged in, logs out.
//!
//! A session is two records in two stores: the refresh row in user-db says that it lives, the access token in token-db
//! is what requests are checked against. No transaction spans them, so the order of steps does the work.
//!
//! **Giving access.** A login and a refresh put the access token **first** and the row **last**: a login makes the row its
//! own, a refresh rotates it. After the token was put they look at the user: with other roles the token is put anew, with
//! another password a login has failed. A login looks at its token once more after the row, since another login may have
//! put its own between the two; then it looks at the row and puts its token again.
//!
//! **Ending access.** A logout, a change of roles or password and the revocation of a stolen session change the row or the
//! user **first** and remove the token **then**.
//!
//! Whichever way the two interleave, one sees the other: either the token was there to be removed, or the change was
//! there to be seen. So when a change of roles has returned, no token with the old ones is valid; when a logout or a change
//! of the password has returned, no earlier token is; and since both stores hold one record per user, at most one session
//! lives. What a race can cost is a token that is refused early, and then a refresh gets the next one.
//!
//! **Failing.** What needs room comes before anything that ends: a full token-db refuses the token and a full user-db the
//! row, each before anything of the living session is lost. Every step that puts something in place of something else
//! returns what that was, and a failure puts it back (see `SessionPlacement`): only where one's own still is there, so that
//! what others did meanwhile stands. Putting back is safe, because whoever ended the former session in the meantime has
//! removed one's own token with it. Only where a store carries out what it has not answered in time can a failure cost the
//! former session its access token, or a failed login its place.
//!
//! **The grace.** The successor of a refresh token is derived from it, so the token that was rotated last can be given the
//! very same successor again for a while: a lost answer, a retry after 503 and two tabs log nobody out. It changes no row.
//! Used later, or once its successor has been used, the token means that two hold it, and the session is revoked
//! (RFC 9700, 4.14.2).

#[cfg(test)]
mod failure_tests;
mod log_in;
mod log_out;
mod placement;
#[cfg(test)]
mod race_tests;
mod refresh;

use domain::{User, UserId};
use service_kit::access_token::IssuedToken;

use crate::{
    AuthService,
    refresh_token::RefreshToken,
    store::{RefreshRow, StoreError, UserRecord},
};

pub(crate) use log_in::{LogInError, LoginAttempt};
pub(crate) use refresh::RefreshError;

/// How often to start again when somebody keeps changing the user's roles.
const ATTEMPTS: usize = 5;

/// A session just begun or renewed.
pub(crate) struct UserSession {
    pub(crate) access: IssuedToken,
    pub(crate) refresh: RefreshToken,
    pub(crate) user: User,
}

/// Why a session was neither begun nor renewed, through no fault of who asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// Somebody kept changing the user's roles. Trying again is right.
    #[error("the user's roles are being changed")]
    Contended,
    /// The access token could not be signed.
    #[error("the access token could not be signed: {0}")]
    Unsigned(Box<dyn std::error::Error + Send + Sync>),
    /// A store did not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A user and their session as they were when something was decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SessionView {
    record: UserRecord,
    row: Option<RefreshRow>,
}

impl AuthService {
    /// Whether each of these access tokens is the one that counts for its user: one answer for each, in order.
    pub async fn check_sessions(&self, sessions: &[(UserId, String)]) -> Result<Vec<bool>, StoreError> {
        if sessions.is_empty() { Ok(Vec::new()) } else { self.access_tokens.check_many(sessions).await }
    }

    fn issue_access(&self, user: &User) -> Result<IssuedToken, SessionError> {
        let issued = self.access_key.issue(user.id, user.roles);
        issued.map_err(|error| SessionError::Unsigned(error.into()))
    }

    /// What a user's session rests on; `None` if there is no such user.
    pub(super) async fn view_session(&self, user: UserId) -> Result<Option<SessionView>, StoreError> {
        let Some(record) = self.users.find_confirmed(user).await? else { return Ok(None) };
        let row = self.refresh_tokens.find_confirmed(user).await?;
        Ok(Some(SessionView { record, row }))
    }

    /// Gives an access token back that was removed for a change that has failed, if nothing has changed indeed. A failure
    /// here costs the token, never the session.
    pub(super) async fn give_access_back(
        &self,
        user: UserId,
        before: &SessionView,
        removed: Option<IssuedToken>,
    ) {
        let Some(removed) = removed else { return };
        if self.access_tokens.give_back(user, &removed).await.is_err() {
            return;
        }
        let is_unchanged = matches!(self.view_session(user).await, Ok(Some(now)) if now == *before);
        if !is_unchanged && let Err(error) = self.access_tokens.take_back(user, &removed.token, None).await {
            tracing::warn!(%error, user_id = %user, "an access token was not removed and will run out");
        }
    }
}

impl SessionView {
    pub(super) fn record(&self) -> &UserRecord {
        &self.record
    }
}
