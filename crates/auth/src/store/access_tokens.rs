use std::fmt;

use async_trait::async_trait;
use domain::UserId;
use service_kit::access_token::IssuedToken;

use super::StoreError;

/// The one access token that counts for each user (`access_token:{userId}` in token-db). Nothing outlives its expiry.
///
/// A store that is full refuses [`put`](Self::put), which needs room, and changes nothing then.
#[async_trait]
pub trait AccessTokenStore: Send + Sync + fmt::Debug {
    /// Makes this the user's only valid token until it expires, and returns the one whose place it took. Value and
    /// expiry are set, and the former value is read, in one step.
    async fn put(&self, user: UserId, token: &IssuedToken) -> Result<Option<IssuedToken>, StoreError>;

    /// Takes a [`put`](Self::put) back: if the user's token still is `placed`, `before` has its place again until its own
    /// expiry, or there is none. Compared and changed in one step.
    async fn take_back(
        &self,
        user: UserId,
        placed: &str,
        before: Option<&IssuedToken>,
    ) -> Result<(), StoreError>;

    /// Leaves the user without a valid token, and returns the one they had. Removing none is fine.
    async fn remove(&self, user: UserId) -> Result<Option<IssuedToken>, StoreError>;

    /// Takes a [`remove`](Self::remove) back, unless the user has another token by now.
    async fn give_back(&self, user: UserId, removed: &IssuedToken) -> Result<(), StoreError>;

    /// Whether each of these is its user's valid token: one answer for each, in order, in one round trip. Tokens are
    /// compared in constant time.
    async fn check_many(&self, sessions: &[(UserId, String)]) -> Result<Vec<bool>, StoreError>;
}
