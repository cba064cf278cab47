//! Decides whether a request may go on, and on whose behalf.

use domain::RoleSet;
use http::{header, request::Parts};
use service_kit::{
    access_token::{AccessClaims, TokenError},
    identity::{Caller, Identity},
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
    /// A token that is not accepted, on a route that can do without.
    Rejected(Problem),
}

/// A signed token that has not expired.
pub(crate) struct VerifiedToken {
    claims: AccessClaims,
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

/// Checks what may change at any moment, so as late as can be: whether token-db still holds this very token.
/// Then the account's rate limit and the roles.
///
/// To be called when the body has been read: a client can take its time over a body, and rights that ended
/// meanwhile must not be used.
pub(crate) async fn check_session(
    gateway: &Gateway,
    route: &Route,
    credentials: ShownCredentials,
) -> Result<AuthenticatedCaller, Problem> {
    let VerifiedToken { claims, token } = match credentials {
        ShownCredentials::Absent => {
            return Ok(AuthenticatedCaller { identity: Identity::Anonymous, rejected: None });
        }
        ShownCredentials::Rejected(problem) => return Ok(AuthenticatedCaller::without_login(problem)),
        ShownCredentials::Verified(token) => token,
    };
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
    let identity = Identity::User(Caller { id: claims.sub, roles: claims.roles });
    Ok(AuthenticatedCaller { identity, rejected: None })
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

/// RFC 6750, 2.1. The scheme is case-insensitive (RFC 9110, 11.1).
fn bearer_token(request: &Parts) -> Option<&str> {
    let value = request.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
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
