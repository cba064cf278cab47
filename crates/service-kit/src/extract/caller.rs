use axum::extract::FromRequestParts;
use domain::{Role, RoleSet};
use http::request::Parts;

use crate::{
    identity::{Caller, Identity},
    problem::{Problem, ProblemCode},
};

/// Anybody who is logged in.
#[derive(Debug, Clone, Copy)]
pub struct LoggedIn(pub Caller);

impl<S: Sync> FromRequestParts<S> for LoggedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Identity>() {
            Some(Identity::User(caller)) => Ok(Self(*caller)),
            _ => Err(Problem::new(ProblemCode::Unauthenticated)),
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
            _ => Err(Problem::new(ProblemCode::Forbidden)),
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
                    Err(Problem::new(ProblemCode::Forbidden))
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
