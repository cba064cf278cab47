use domain::{Email, UserId};
use service_kit::ratelimit::{RateClass, RetryAfter};

use super::{ATTEMPTS, SessionError, UserSession, placement::SessionPlacement};
use crate::{
    AuthService,
    app::run_to_end,
    login_figures::LoginOutcomeLabel,
    password::{Password, PasswordError},
    refresh_token::{REFRESH_TOKEN_SECONDS, RefreshToken, TokenFingerprint},
    store::{RefreshRow, StoreError, UserRecord},
};

/// Somebody who says who they are.
#[derive(Debug)]
pub(crate) struct LoginAttempt {
    pub(crate) email: Email,
    pub(crate) password: Password,
    /// Where they come from, as the rate limits know it.
    pub(crate) client: String,
}

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogInError {
    /// The account was tried too often.
    #[error(transparent)]
    RateLimited(#[from] RetryAfter),
    /// There is no such address, or this is not its password.
    #[error("the email or password is wrong")]
    WrongCredentials,
    /// The password could not be compared.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// No session was begun.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl From<StoreError> for LogInError {
    fn from(error: StoreError) -> Self {
        Self::Session(error.into())
    }
}

impl AuthService {
    /// Begins a session in place of any other this user has.
    ///
    /// Of logins at the same moment the last wins. The others are answered as well: they were replaced before they could
    /// be used, and their tokens are dead.
    pub(crate) async fn log_in(&self, attempt: LoginAttempt) -> Result<UserSession, LogInError> {
        let outcome = match self.authenticate(attempt).await {
            Ok(record) => self.begin_session(record).await,
            Err(error) => Err(error),
        };
        self.login_figures.count(outcome_label(&outcome));
        outcome
    }

    async fn authenticate(&self, attempt: LoginAttempt) -> Result<UserRecord, LogInError> {
        let LoginAttempt { email, password, client } = attempt;
        // Before the hashing, which is what an attack on an account costs us. The account together with the client first:
        // who is refused by that does not use up what the account has for everybody.
        self.limits.take(RateClass::LoginPair, &format!("{client} {email}")).await?;
        self.limits.take(RateClass::LoginAccount, email.as_str()).await?;
        let known = self.users.find_by_email(&email).await?;
        let phc = known.as_ref().map(|record| record.password_hash.expose().clone());
        let is_right = self.passwords.verify(password, phc).await?;
        known.filter(|_| is_right).ok_or(LogInError::WrongCredentials)
    }

    /// Begins a session for a user whose password was right.
    pub(super) async fn begin_session(&self, record: UserRecord) -> Result<UserSession, LogInError> {
        let auth = self.clone();
        run_to_end(async move {
            let mut placement = SessionPlacement::new(record.user.id);
            let begun = auth.place_session(record, &mut placement).await;
            if begun.is_err() {
                auth.take_back(placement).await;
            }
            begun
        })
        .await
    }

    async fn place_session(
        &self,
        record: UserRecord,
        placement: &mut SessionPlacement,
    ) -> Result<UserSession, LogInError> {
        let UserRecord { mut user, password_hash } = record;
        let refresh = RefreshToken::new(user.id, &self.random);
        let token = refresh.fingerprint();
        let mut access = self.place_access(&user, placement).await?;
        let displaced = self.refresh_tokens.put(self.first_row(user.id, token.clone())).await?;
        placement.note_row(&token.hash, displaced);
        for _ in 0..ATTEMPTS {
            let now = self.users.find_confirmed(user.id).await?;
            // Another password has been set since this one was compared.
            let now = now.filter(|now| now.password_hash == password_hash);
            let now = now.ok_or(LogInError::WrongCredentials)?.user;
            if now.roles == user.roles && self.is_current(user.id, &access.token).await? {
                return Ok(UserSession { access, refresh, user });
            }
            user = now;
            // Overtaken: putting a token now would knock out that of the login that came after.
            if !self.holds_row(user.id, &token).await? {
                return self.give_up_access(UserSession { access, refresh, user }).await;
            }
            access = self.place_access(&user, placement).await?;
            if !self.holds_row(user.id, &token).await? {
                return self.give_up_access(UserSession { access, refresh, user }).await;
            }
        }
        Err(SessionError::Contended.into())
    }

    /// The session of a login that was overtaken: its tokens are dead when it is handed out. Its access token may still
    /// stand, with rights that ended meanwhile. Whose token it displaced cannot be told: none is put in its place. Another
    /// login may have displaced it, and put it back when that one fails, so what is handed out is a token that never stood.
    async fn give_up_access(&self, session: UserSession) -> Result<UserSession, LogInError> {
        let UserSession { access, refresh, user } = session;
        self.access_tokens.take_back(user.id, &access.token, None).await?;
        let access = self.issue_access(&user)?;
        Ok(UserSession { access, refresh, user })
    }

    async fn is_current(&self, user: UserId, token: &str) -> Result<bool, StoreError> {
        let answers = self.access_tokens.check_many(&[(user, token.to_owned())]).await?;
        Ok(answers == [true])
    }

    async fn holds_row(&self, user: UserId, token: &TokenFingerprint) -> Result<bool, StoreError> {
        Ok(self.refresh_tokens.find_confirmed(user).await?.is_some_and(|row| row.token == *token))
    }

    fn first_row(&self, user: UserId, token: TokenFingerprint) -> RefreshRow {
        let minted = self.ids.mint();
        RefreshRow {
            id: minted.id,
            user,
            token,
            previous: None,
            expires_at: minted.at.plus_seconds(REFRESH_TOKEN_SECONDS),
            created_at: minted.at,
            updated_at: minted.at,
        }
    }
}

/// What became of an attempt, as the figures count it.
fn outcome_label(outcome: &Result<UserSession, LogInError>) -> LoginOutcomeLabel {
    match outcome {
        Ok(_) => LoginOutcomeLabel::Success,
        Err(LogInError::RateLimited(_)) => LoginOutcomeLabel::RateLimited,
        Err(LogInError::WrongCredentials) => LoginOutcomeLabel::InvalidCredentials,
        Err(LogInError::Password(PasswordError::Busy)) => LoginOutcomeLabel::Shed,
        Err(LogInError::Password(_) | LogInError::Session(_)) => LoginOutcomeLabel::Failed,
    }
}
