//! Decides whether a request may go on, and on whose behalf.

use std::sync::Arc;

use domain::RoleSet;
use http::{header, request::Parts};
use service_kit::{
    access_token::{AccessClaims, TokenError},
    api_key::{ApiKeyHash, ApiKeyToken},
    identity::{Caller, Identity, KeyCaller},
    internal_api::KeyStanding,
    problem::{Problem, ProblemCode},
    ratelimit::RateClass,
};

use crate::{
    gateway::Gateway,
    routes::{Route, RouteAccess},
    sessions::PresentedSession,
};

/// What a request shows of its caller, before its body is read.
#[derive(Debug)]
pub(crate) enum ShownCredentials {
    /// No token, on a route that needs none.
    Absent,
    /// A token that is signed and has not expired. Whether its session lives is not known yet.
    Verified(VerifiedToken),
    /// What looks like an API key. Whether there is such a key is not known yet.
    Key(ApiKeyHash),
    /// A token that is not accepted, on a route that can do without.
    Rejected(Problem),
}

/// A signed token that has not expired.
pub(crate) struct VerifiedToken {
    claims: Arc<AccessClaims>,
    token: String,
}

impl std::fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedToken").field("user", &self.claims.sub).finish_non_exhaustive()
    }
}

/// On whose behalf a request is made.
#[derive(Debug)]
pub(crate) struct AuthenticatedCaller {
    pub(crate) identity: Identity,
    /// Why the token that was shown does not count, where the route can do without.
    pub(crate) rejected: Option<Problem>,
}

/// Checks what needs nobody else: that there is a token where one is needed, its signature and its expiry.
pub(crate) fn check_token(
    gateway: &Gateway,
    route: &Route,
    request: &Parts,
) -> Result<ShownCredentials, Problem> {
    if route.access == RouteAccess::Anyone {
        return Ok(ShownCredentials::Absent);
    }
    let is_optional = route.access == RouteAccess::OptionalLogin;
    let Some(token) = bearer_token(request) else {
        return if is_optional {
            Ok(ShownCredentials::Absent)
        } else {
            Err(Problem::new(ProblemCode::Unauthenticated))
        };
    };
    if ApiKeyToken::is_meant_by(token) {
        return match token.parse::<ApiKeyToken>() {
            Ok(key) => Ok(ShownCredentials::Key(key.hash())),
            Err(_) if is_optional => Ok(ShownCredentials::Rejected(Problem::invalid_token())),
            Err(_) => Err(Problem::invalid_token()),
        };
    }
    match gateway.tokens.verify(token) {
        Ok(claims) => Ok(ShownCredentials::Verified(VerifiedToken { claims, token: token.to_owned() })),
        Err(error) => {
            let problem = match error {
                TokenError::Expired => Problem::new(ProblemCode::TokenExpired),
                TokenError::Invalid => Problem::invalid_token(),
            };
            if is_optional { Ok(ShownCredentials::Rejected(problem)) } else { Err(problem) }
        }
    }
}

/// Checks what may change at any moment, so as late as can be: whether token-db still holds this very token,
/// or user-db this key. Then the rate limit of the account or key, and its roles or scopes.
///
/// To be called when the body has been read: a client can take its time over a body, and rights that ended
/// meanwhile must not be used.
pub(crate) async fn check_credentials(
    gateway: &Gateway,
    route: &Route,
    credentials: ShownCredentials,
) -> Result<AuthenticatedCaller, Problem> {
    match credentials {
        ShownCredentials::Absent => Ok(Identity::Anonymous.into()),
        ShownCredentials::Rejected(problem) => Ok(AuthenticatedCaller::without_login(problem)),
        ShownCredentials::Verified(token) => check_session(gateway, route, token).await,
        ShownCredentials::Key(key) => check_key(gateway, route, key).await,
    }
}

async fn check_session(
    gateway: &Gateway,
    route: &Route,
    VerifiedToken { claims, token }: VerifiedToken,
) -> Result<AuthenticatedCaller, Problem> {
    match gateway.sessions.is_current(PresentedSession { user: claims.sub, token }).await {
        Ok(true) => {}
        Ok(false) if route.access == RouteAccess::OptionalLogin => {
            return Ok(AuthenticatedCaller::without_login(Problem::new(ProblemCode::SessionRevoked)));
        }
        Ok(false) => return Err(Problem::new(ProblemCode::SessionRevoked)),
        Err(error) => return Err(Problem::new(ProblemCode::Unavailable).caused_by(error)),
    }
    gateway.limits.take(RateClass::Account, &claims.sub.to_string()).await?;
    if let Some(class) = route.rate.filter(|class| is_by_account(*class)) {
        gateway.limits.take(class, &claims.sub.to_string()).await?;
    }
    check_roles(route.access, claims.roles)?;
    Ok(Identity::User(Caller { id: claims.sub, roles: claims.roles }).into())
}

async fn check_key(
    gateway: &Gateway,
    route: &Route,
    key: ApiKeyHash,
) -> Result<AuthenticatedCaller, Problem> {
    let refused = match gateway.sessions.find_key(key).await {
        Ok(KeyStanding::Valid(key)) => {
            gateway.limits.take(RateClass::ApiKey, &key.id.to_string()).await?;
            check_scope(route, &key)?;
            return Ok(Identity::ApiKey(key).into());
        }
        Ok(KeyStanding::Expired) => Problem::new(ProblemCode::TokenExpired),
        Ok(KeyStanding::Unknown) => Problem::invalid_token(),
        Err(error) => return Err(Problem::new(ProblemCode::Unavailable).caused_by(error)),
    };
    match route.access {
        RouteAccess::OptionalLogin => Ok(AuthenticatedCaller::without_login(refused)),
        _ => Err(refused),
    }
}

/// Whether a route's own limit counts by account, and so only once it is known.
pub(crate) fn is_by_account(class: RateClass) -> bool {
    matches!(class, RateClass::PasswordChange | RateClass::Account)
}

impl AuthenticatedCaller {
    fn without_login(rejected: Problem) -> Self {
        Self { identity: Identity::Anonymous, rejected: Some(rejected) }
    }
}

impl From<Identity> for AuthenticatedCaller {
    fn from(identity: Identity) -> Self {
        Self { identity, rejected: None }
    }
}

/// Whether a request shows what looks like an API key.
pub(crate) fn shows_api_key(request: &Parts) -> bool {
    bearer_token(request).is_some_and(ApiKeyToken::is_meant_by)
}

/// RFC 6750, 2.1. The scheme is case-insensitive (RFC 9110, 11.1).
fn bearer_token(request: &Parts) -> Option<&str> {
    let value = request.headers.get(header::AUTHORIZATION)?.as_bytes();
    // What `to_str` checks, but for many bytes at a time: tokens are long.
    let value = str::from_utf8(value).ok().filter(|value| value.is_ascii())?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn check_roles(access: RouteAccess, roles: RoleSet) -> Result<(), Problem> {
    match access.required_roles() {
        Some(required) if !roles.intersects(required) => {
            let names: Vec<_> = required.iter().map(domain::Role::name).collect();
            Err(Problem::new(ProblemCode::Forbidden)
                .detail(format!("This needs the role {}", names.join(" or "))))
        }
        _ => Ok(()),
    }
}

fn check_scope(route: &Route, key: &KeyCaller) -> Result<(), Problem> {
    match route.key_scope {
        Some(scope) if key.may(scope) => Ok(()),
        Some(scope) => Err(Problem::scope_needed(scope)),
        None => Err(Problem::keys_refused()),
    }
}
