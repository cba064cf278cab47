use domain::RoleSet;
use http::{header, request::Parts};
use service_kit::{
    access_token::TokenError,
    identity::{Caller, Identity},
    problem::{Code, Problem},
    ratelimit::RateClass,
    server::Peer,
};

use crate::{
    router::Gateway,
    routes::{Access, Route},
    session::Session,
};

/// Decides whether a request may go on, and on whose behalf.
pub(crate) async fn admit(gateway: &Gateway, route: &Route, request: &Parts) -> Result<Identity, Problem> {
    limit_client(gateway, route, request).await?;
    if route.access == Access::Anyone {
        return Ok(Identity::Anonymous);
    }
    let caller = authenticate(gateway, request).await?;
    gateway.limits.take(RateClass::Account, &caller.id.to_string()).await?;
    authorize(route.access, caller.roles)?;
    Ok(Identity::User(caller))
}

async fn limit_client(gateway: &Gateway, route: &Route, request: &Parts) -> Result<(), Problem> {
    let Some(Peer(peer)) = request.extensions.get() else {
        return Err(Problem::new(Code::Internal).detail("The request has no peer address"));
    };
    let client = gateway.clients.key(peer.ip(), &request.headers);
    gateway.limits.take(RateClass::Client, &client).await?;
    if let Some(class) = route.rate {
        gateway.limits.take(class, &client).await?;
    }
    Ok(())
}

/// Signature first, then expiry, then whether token-db still holds this very token.
async fn authenticate(gateway: &Gateway, request: &Parts) -> Result<Caller, Problem> {
    let token = bearer_token(request).ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    let claims = gateway.tokens.verify(token).map_err(|error| match error {
        TokenError::Expired => Problem::new(Code::TokenExpired),
        TokenError::Invalid => Problem::invalid_token(),
    })?;
    let session = Session { user: claims.sub, token: token.to_owned() };
    match gateway.sessions.is_current(session).await {
        Ok(true) => Ok(Caller { id: claims.sub, roles: claims.roles }),
        Ok(false) => Err(Problem::new(Code::SessionRevoked)),
        Err(error) => Err(Problem::new(Code::Unavailable).caused_by(error)),
    }
}

/// RFC 6750, 2.1. The scheme is case-insensitive (RFC 9110, 11.1).
fn bearer_token(request: &Parts) -> Option<&str> {
    let value = request.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn authorize(access: Access, roles: RoleSet) -> Result<(), Problem> {
    match access.required_roles() {
        Some(required) if !roles.intersects(required) => {
            let names: Vec<_> = required.iter().map(domain::Role::name).collect();
            Err(Problem::new(Code::Forbidden).detail(format!("This needs the role {}", names.join(" or "))))
        }
        _ => Ok(()),
    }
}
