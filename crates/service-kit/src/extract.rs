//! What handlers take: the caller with a role, a checked body, a path id, query parameters.

use std::str::FromStr;

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    response::{IntoResponse, Response},
};
use deserr::Deserr;
use domain::{Faults, Role, RoleSet};
use http::{HeaderMap, StatusCode, header, request::Parts};

use crate::{
    identity::{Caller, Identity},
    page::QueryParams,
    problem::{Code, Problem},
};

/// The largest body any route takes, in bytes. The gateway's table sets tighter limits per route.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

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
    RoleSet::of(&[Role::User])
);
caller_with_role!(
    /// A caller who defines events and decides requests: OPERATOR or ADMIN.
    Operator,
    RoleSet::of(&[Role::Operator, Role::Admin])
);
caller_with_role!(
    /// A caller who may change users: ADMIN.
    Admin,
    RoleSet::of(&[Role::Admin])
);

/// A JSON body, read and checked as a whole: every fault is reported at once.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: Deserr<Faults>, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(Problem::new(Code::UnsupportedMediaType));
        }
        read_json(body).await.map(Self)
    }
}

/// A JSON body where none at all stands for the default.
#[derive(Debug)]
pub struct OptionalJsonBody<T>(pub T);

impl<T: Deserr<Faults> + Default, S: Send + Sync> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Problem::new(Code::BodyTooLarge))?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        JsonBody::from_request(request, state).await.map(|JsonBody(value)| Self(value))
    }
}

/// Whether the body is declared as JSON (`application/json` or `application/…+json`).
fn is_json(headers: &HeaderMap) -> bool {
    let declared =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn read_json<T: Deserr<Faults>>(body: Body) -> Result<T, Problem> {
    let bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Problem::new(Code::BodyTooLarge))?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(Code::MalformedBody).detail(format!("The body is not valid JSON: {error}"))
    })?;
    deserr::deserialize(value).map_err(Problem::invalid)
}

/// The id in the path; routes have at most one kind of id each, so the last parameter is it.
#[derive(Debug, Clone, Copy)]
pub struct PathId<T>(pub T);

impl<T, S> FromRequestParts<S> for PathId<T>
where
    T: FromStr,
    T::Err: ToString,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::new(Code::NotFound))?;
        let (name, value) = params.iter().last().ok_or_else(|| Problem::new(Code::NotFound))?;
        value
            .parse()
            .map(Self)
            .map_err(|error: T::Err| Problem::invalid(Faults::one(format!(":{name}"), error.to_string())))
    }
}

/// The query parameters, to be taken one by one.
#[derive(Debug)]
pub struct Query(pub QueryParams);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(QueryParams::parse(parts.uri.query().unwrap_or_default())))
    }
}

/// Answers paths that no route has.
pub async fn not_found() -> Problem {
    Problem::new(Code::NotFound)
}

/// Answers methods a path does not have; axum adds `Allow`.
pub async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed)
}

/// 204 with nothing in it.
pub fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
