use std::fmt;

use async_trait::async_trait;
use domain::UserId;
use service_kit::access_token::IssuedToken;

use super::StoreError;

/// The one access token that counts for each user (`access_token:{userId}` in token-db). Nothing outlives its expiry.
#[async_trait]
pub trait AccessTokenStore: Send + Sync + fmt::Debug {
    /// Makes this the user's only valid token, until it expires. Value and expiry are set in one command.
    async fn put(&self, user: UserId, token: &IssuedToken) -> Result<(), StoreError>;

    /// Leaves the user without a valid token. Removing none is fine.
    async fn remove(&self, user: UserId) -> Result<(), StoreError>;

    /// Removes the user's token if it still is this one; compared and removed in one step.
    async fn remove_if(&self, user: UserId, token: &str) -> Result<(), StoreError>;

    /// Whether each of these is its user's valid token: one answer for each, in order, in one round trip. Tokens are
    /// compared in constant time.
    async fn check_many(&self, sessions: &[(UserId, String)]) -> Result<Vec<bool>, StoreError>;
}
