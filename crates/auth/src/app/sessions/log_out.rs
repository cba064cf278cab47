use domain::UserId;

use crate::{AuthService, app::run_to_end, refresh_token::RefreshToken, store::StoreError};

impl AuthService {
    /// Ends the session of whoever shows an access token, a refresh token or both. When this returns, all tokens of the
    /// session are dead; a refresh token that is not ours is so anyway (RFC 7009, 2.2).
    pub(crate) async fn log_out(
        &self,
        caller: Option<UserId>,
        refresh_token: Option<RefreshToken>,
    ) -> Result<(), StoreError> {
        let auth = self.clone();
        run_to_end(async move {
            if let Some(user) = caller {
                auth.end_session(user).await?;
            }
            match refresh_token {
                Some(token) => auth.end_session_of(&token).await,
                None => Ok(()),
            }
        })
        .await
    }

    /// The row goes first: a refresh that comes between finds it gone.
    pub(in crate::app) async fn end_session(&self, user: UserId) -> Result<(), StoreError> {
        self.refresh_tokens.delete(user).await?;
        self.access_tokens.remove(user).await.map(drop)
    }

    /// Any token of the session's family will do, a used one too. The access token is removed before as well: if token-db is
    /// down, the row stays, and with it what tells that the token is ours when the client tries again.
    async fn end_session_of(&self, token: &RefreshToken) -> Result<(), StoreError> {
        let (user, family) = (token.user(), token.fingerprint().family);
        let held = self.refresh_tokens.find(user).await?;
        if held.is_none_or(|held| held.token.family != family) {
            return Ok(());
        }
        self.access_tokens.remove(user).await?;
        self.refresh_tokens.delete_family(user, &family).await?;
        self.access_tokens.remove(user).await.map(drop)
    }
}
