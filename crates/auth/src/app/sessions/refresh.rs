use domain::{Timestamp, User};

use super::{ATTEMPTS, SessionError, UserSession, placement::SessionPlacement};
use crate::{
    AuthService,
    app::run_to_end,
    refresh_token::{REFRESH_TOKEN_SECONDS, RefreshToken},
    store::{RefreshRow, RotationOutcome, StoreError, TokenRotation},
};

/// Why a session was not renewed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    /// It is no token of a session that lives.
    #[error("the refresh token is not valid")]
    UnknownToken,
    /// It is the right token, too late.
    #[error("the refresh token has expired")]
    Expired,
    /// It was used before: the session has been revoked.
    #[error("the refresh token was used before")]
    Revoked,
    /// No session was renewed.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        Self::Session(error.into())
    }
}

impl AuthService {
    /// Rotates a refresh token and gives the next access token with it.
    ///
    /// A token works once. Within the grace the one that was rotated last gets its successor again; presented later, or
    /// after its successor was used, it revokes the session, the winner's new tokens included (RFC 9700, 4.14.2).
    pub(crate) async fn refresh_session(&self, presented: RefreshToken) -> Result<UserSession, RefreshError> {
        let auth = self.clone();
        run_to_end(async move { auth.judge_token(&presented).await }).await
    }

    async fn judge_token(&self, presented: &RefreshToken) -> Result<UserSession, RefreshError> {
        let found = self.users.find(presented.user()).await?;
        let user = found.ok_or(RefreshError::UnknownToken)?;
        let held = self.refresh_tokens.find(user.id).await?;
        let held = held.ok_or(RefreshError::UnknownToken)?;
        let token = presented.fingerprint();
        let rotation = self.rotation_of(presented, &held);
        if held.token == token && held.expires_at <= rotation.now {
            return Err(RefreshError::Expired);
        }
        if held.token == token || held.repeats(&token.hash, &rotation.next, rotation.repeatable_since) {
            return self.renew_session(user, presented, &rotation).await;
        }
        if held.token.family == token.family {
            return self.revoke_session(&rotation).await;
        }
        Err(RefreshError::UnknownToken)
    }

    /// What the presented token is to be rotated to, or was.
    fn rotation_of(&self, presented: &RefreshToken, held: &RefreshRow) -> TokenRotation {
        let now = self.ids.clock().now();
        let grace = i64::try_from(self.refresh_grace.as_millis()).unwrap_or(i64::MAX);
        let again = self.refresh_key.successor_with(presented, &held.token.hash);
        let next = again.unwrap_or_else(|| self.refresh_key.successor(presented));
        TokenRotation {
            user: presented.user(),
            presented: presented.fingerprint(),
            next: next.fingerprint().hash,
            expires_at: now.plus_seconds(REFRESH_TOKEN_SECONDS),
            now,
            repeatable_since: Timestamp::from_millis(now.as_millis().saturating_sub(grace)),
        }
    }

    async fn renew_session(
        &self,
        user: User,
        presented: &RefreshToken,
        rotation: &TokenRotation,
    ) -> Result<UserSession, RefreshError> {
        let mut placement = SessionPlacement::new(user.id);
        let renewed = self.rotate_session(user, presented, rotation, &mut placement).await;
        if renewed.is_err() {
            self.take_back(placement).await;
        }
        renewed
    }

    async fn rotate_session(
        &self,
        mut user: User,
        presented: &RefreshToken,
        rotation: &TokenRotation,
        placement: &mut SessionPlacement,
    ) -> Result<UserSession, RefreshError> {
        let mut attempts = 0..ATTEMPTS;
        let access = loop {
            attempts.next().ok_or(SessionError::Contended)?;
            let access = self.place_access(&user, placement).await?;
            let now = self.users.find_confirmed(user.id).await?;
            let now = now.ok_or(RefreshError::UnknownToken)?.user;
            if now.roles == user.roles {
                break access;
            }
            user = now;
        };
        match self.refresh_tokens.rotate(rotation).await? {
            RotationOutcome::Rotated | RotationOutcome::Repeated => {
                let refresh = self.refresh_key.successor_with(presented, &rotation.next);
                let refresh = refresh.ok_or(RefreshError::UnknownToken)?;
                Ok(UserSession { access, refresh, user })
            }
            RotationOutcome::Reused => {
                placement.forget_access();
                self.access_tokens.remove(user.id).await?;
                Err(report_theft(rotation))
            }
            RotationOutcome::Unknown => Err(RefreshError::UnknownToken),
            RotationOutcome::Expired => Err(RefreshError::Expired),
        }
    }

    /// Ends the session of a token that two hold. The access token is removed before as well: if token-db is down, the row
    /// stays, and the next attempt finds the theft again.
    async fn revoke_session(&self, rotation: &TokenRotation) -> Result<UserSession, RefreshError> {
        self.access_tokens.remove(rotation.user).await?;
        self.refresh_tokens.delete_family(rotation.user, &rotation.presented.family).await?;
        self.access_tokens.remove(rotation.user).await?;
        Err(report_theft(rotation))
    }
}

fn report_theft(rotation: &TokenRotation) -> RefreshError {
    tracing::warn!(user_id = %rotation.user, "a used refresh token was presented: session revoked");
    RefreshError::Revoked
}
