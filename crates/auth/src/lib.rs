//! The auth service: users, roles, sessions, passwords, API keys.
//!
//! `handlers` translate HTTP, `app` has the use cases and the protocol that keeps user-db and token-db in step, `store` has
//! the ports and their adapters.

mod app;
mod handlers;
mod login_figures;
mod password;
mod refresh_token;
mod router;
pub mod store;
#[cfg(test)]
mod test_app;
#[cfg(test)]
mod test_stores;

use std::{sync::Arc, time::Duration};

use domain::{IdGenerator, RandomSource};
use service_kit::{
    access_token::AccessTokenKey, metrics::LabelCounters, ratelimit::RateLimits, worker::WakeUp,
};

pub use app::users::{CreateUserError, create_user};
pub use password::{ChosenPassword, HashError, InvalidPassword, Password, PasswordError, PasswordPool};
pub use refresh_token::{
    InvalidRefreshToken, REFRESH_GRACE_SECONDS, REFRESH_TOKEN_SECONDS, RefreshToken, RefreshTokenKey,
    TokenFingerprint, TokenHash,
};
pub use router::{document, router};

use app::api_keys::NotedKeyUses;
use login_figures::{LoginOutcomeLabel, login_counters};
use store::{AccessTokenStore, ApiKeyStore, AuditStore, RefreshTokenStore, UserStore};

/// What the service works with.
#[derive(Debug)]
pub struct AuthParts {
    /// The registered users.
    pub users: Arc<dyn UserStore>,
    /// Their refresh tokens.
    pub refresh_tokens: Arc<dyn RefreshTokenStore>,
    /// Their access tokens.
    pub access_tokens: Arc<dyn AccessTokenStore>,
    /// The API keys of servers.
    pub api_keys: Arc<dyn ApiKeyStore>,
    /// What staff, servers and the command line changed.
    pub audit: Arc<dyn AuditStore>,
    /// Issues access tokens.
    pub access_key: AccessTokenKey,
    /// Derives refresh tokens.
    pub refresh_key: RefreshTokenKey,
    /// For how long the refresh token that was rotated last gets the same successor again; none if it is zero.
    pub refresh_grace: Duration,
    /// Mints ids, and has the clock.
    pub ids: IdGenerator,
    /// Where refresh tokens come from.
    pub random: RandomSource,
    /// How often an account may be tried.
    pub limits: Arc<dyn RateLimits>,
    /// Hashes passwords.
    pub passwords: PasswordPool,
    /// Whether browsers may send the cookie over HTTPS only.
    pub cookie_secure: bool,
}

/// The service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AuthService {
    parts: Arc<AuthParts>,
    pub(crate) login_figures: Arc<LabelCounters<LoginOutcomeLabel>>,
    pub(crate) key_uses: Arc<NotedKeyUses>,
    pub(crate) audit_wake_up: WakeUp,
}

impl AuthService {
    /// The service made of these parts.
    pub fn new(parts: AuthParts) -> Self {
        Self {
            parts: Arc::new(parts),
            login_figures: Arc::new(login_counters()),
            key_uses: Arc::default(),
            audit_wake_up: WakeUp::new(),
        }
    }
}

impl std::ops::Deref for AuthService {
    type Target = AuthParts;

    fn deref(&self) -> &AuthParts {
        &self.parts
    }
}
