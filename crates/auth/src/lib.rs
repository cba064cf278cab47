//! The auth service: users, roles, sessions.
//!
//! `router` answers the public routes and the gateway's question about sessions; `session` holds the protocol that
//! keeps user-db and token-db in step; `store` has the ports and their adapters.

mod create_user;
mod handlers;
mod password;
mod refresh_token;
mod router;
mod session;
pub mod store;
#[cfg(test)]
mod test_app;

use std::sync::Arc;

use domain::{IdGenerator, UserId};
use service_kit::{access_token::AccessTokenKey, ratelimit::RateLimits};

pub use create_user::{CreateUserError, create_user};
pub use password::{ChosenPassword, HashError, InvalidPassword, Password, PasswordError, PasswordPool};
pub use refresh_token::{Fingerprint, InvalidRefreshToken, REFRESH_TOKEN_SECONDS, RefreshToken, TokenHash};
pub use router::{document, router};

use store::{AccessTokenStore, RefreshTokenStore, StoreError, UserStore};

/// What the service works with.
#[derive(Debug)]
pub struct AuthParts {
    /// The registered users.
    pub users: Arc<dyn UserStore>,
    /// Their refresh tokens.
    pub refresh_tokens: Arc<dyn RefreshTokenStore>,
    /// Their access tokens.
    pub access_tokens: Arc<dyn AccessTokenStore>,
    /// Issues access tokens.
    pub access_key: AccessTokenKey,
    /// Mints ids, and has the clock.
    pub ids: IdGenerator,
    /// How often an account may be tried.
    pub limits: Arc<dyn RateLimits>,
    /// Hashes passwords.
    pub passwords: PasswordPool,
    /// Whether browsers may send the cookie over HTTPS only.
    pub cookie_secure: bool,
}

/// The service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Auth(Arc<AuthParts>);

impl Auth {
    /// The service over these parts.
    pub fn new(parts: AuthParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Whether each of these access tokens is the one that counts for its user: one answer for each, in order.
    pub async fn check_sessions(&self, sessions: &[(UserId, String)]) -> Result<Vec<bool>, StoreError> {
        self.access_tokens.check_many(sessions).await
    }
}

impl std::ops::Deref for Auth {
    type Target = AuthParts;

    fn deref(&self) -> &AuthParts {
        &self.0
    }
}
