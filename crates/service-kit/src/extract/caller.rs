use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::{Role, RoleSet};
use http::request::Parts;

use crate::{
    identity::{Audience, Caller, IDENTITY_HEADER, Identity, IdentityKey},
    problem::{Code, Problem},
};

/// What [`require_identity`] checks against.
#[derive(Debug, Clone)]
pub struct IdentityGate {
    /// The key the gateway signs with.
    pub key: IdentityKey,
    /// Which service this is.
    pub audience: Audience,
}

/// Middleware of a service: lets only requests through that the gateway signed, and tells handlers who calls.
pub async fn require_identity(
    State(gate): State<IdentityGate>,
    mut request: Request,
    next: Next,
) -> Response {
    let token = request.headers().get(IDENTITY_HEADER).and_then(|value| value.to_str().ok());
    match token.map(|token| gate.key.verify(gate.audience, token)) {
        Some(Ok(identity)) => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        _ => Problem::new(Code::Unauthenticated)
            .detail("This service answers only to its gateway")
            .into_response(),
    }
}

/// Anybody who is logged in.
#[derive(Debug, Clone, Copy)]
pub struct LoggedIn(pub Caller);

impl<S: Sync> FromRequestParts<S> for LoggedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Identity>() {
            Some(Identity::User(caller)) => Ok(Self(*caller)),
            _ => Err(Problem::new(Code::Unauthenticated)),
        }
    }
}

/// The gateway itself, for routes that are not public.
#[derive(Debug, Clone, Copy)]
pub struct FromGateway;

impl<S: Sync> FromRequestParts<S> for FromGateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Identity>() {
            Some(Identity::Gateway) => Ok(Self),
            _ => Err(Problem::new(Code::Forbidden)),
        }
    }
}

macro_rules! caller_with_role {
    ($(#[$doc:meta])* $name:ident, $roles:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(pub Caller);

        impl<S: Sync> FromRequestParts<S> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let LoggedIn(caller) = LoggedIn::from_request_parts(parts, state).await?;
                if caller.roles.intersects($roles) {
                    Ok(Self(caller))
                } else {
                    Err(Problem::new(Code::Forbidden))
                }
            }
        }
    };
}

caller_with_role!(
    /// A caller who may claim: USER.
    Claimant,
    RoleSet::from_roles(&[Role::User])
);
caller_with_role!(
    /// A caller who defines events and decides requests: OPERATOR or ADMIN.
    Operator,
    RoleSet::from_roles(&[Role::Operator, Role::Admin])
);
caller_with_role!(
    /// A caller who may change users: ADMIN.
    Admin,
    RoleSet::from_roles(&[Role::Admin])
);
