use domain::{User, UserId};
use service_kit::access_token::IssuedToken;

use super::SessionError;
use crate::{
    AuthService,
    refresh_token::TokenHash,
    store::{RefreshRow, StoreError},
};

/// What a login or refresh has put in place of what, so that a failure can put it back.
#[derive(Debug)]
pub(super) struct SessionPlacement {
    pub(super) user: UserId,
    access: Option<(IssuedToken, Option<IssuedToken>)>,
    row: Option<(TokenHash, Option<RefreshRow>)>,
}

impl SessionPlacement {
    pub(super) fn new(user: UserId) -> Self {
        Self { user, access: None, row: None }
    }

    pub(super) fn note_access(&mut self, placed: &IssuedToken, displaced: Option<IssuedToken>) {
        let before = match self.access.take() {
            // One's own was displaced: what stood there before that is what counts.
            Some((own, before)) if displaced.as_ref().is_some_and(|it| it.token == own.token) => before,
            _ => displaced,
        };
        self.access = Some((placed.clone(), before));
    }

    pub(super) fn note_row(&mut self, placed: &TokenHash, displaced: Option<RefreshRow>) {
        self.row = Some((placed.clone(), displaced));
    }

    /// The former session has ended for good: its access token must not come back.
    pub(super) fn forget_access(&mut self) {
        self.access = None;
    }
}

impl AuthService {
    /// Puts an access token with the roles that `user` has.
    pub(super) async fn place_access(
        &self,
        user: &User,
        placement: &mut SessionPlacement,
    ) -> Result<IssuedToken, SessionError> {
        let access = self.issue_access(user)?;
        let displaced = self.access_tokens.put(user.id, &access).await?;
        placement.note_access(&access, displaced);
        Ok(access)
    }

    /// Puts back what was displaced, wherever one's own still stands. The row first: it is the session.
    pub(super) async fn take_back(&self, placement: SessionPlacement) {
        let SessionPlacement { user, access, row } = placement;
        let lost = |error: StoreError| {
            tracing::warn!(%error, user_id = %user, "what a failed login or refresh replaced was not put back");
        };
        if let Some((placed, before)) = row {
            self.refresh_tokens.take_back(user, &placed, before).await.unwrap_or_else(lost);
        }
        if let Some((placed, before)) = access {
            let taken_back = self.access_tokens.take_back(user, &placed.token, before.as_ref()).await;
            taken_back.unwrap_or_else(lost);
        }
    }
}
