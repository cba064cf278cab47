//! The way of a request through the gateway, and of its answer back.

use axum::{extract::Request, response::Response};
use bytes::Bytes;
use domain::UserId;
use http::{HeaderValue, StatusCode, header, request::Parts};
use service_kit::{
    budget,
    identity::Identity,
    observe::{CorrelationId, LoggedUser},
    problem::{Problem, ProblemCode},
};
use tokio::time::timeout;

use crate::{
    body::RequestBody,
    edge::ClientKey,
    gateway::Gateway,
    guard::{AuthenticatedCaller, ShownCredentials, check_session, check_token, is_by_account},
    headers::{prepare_answer, prepare_request},
    origins::RequestingSite,
    routes::Route,
};

/// Guards a request, passes it to its service and the answer back.
///
/// The order is the same for all: the client's limits, the token's signature and expiry, the body, and only
/// then the session, so that no right is used that ended while the body arrived; then the account's limit,
/// the roles, the service.
pub(crate) async fn forward_request(gateway: &Gateway, route: &Route, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = RequestBody::new(&parts.headers, body);
    let mut user = None;
    let outcome = answer_request(gateway, route, parts, &mut body, &mut user).await;
    let mut response = match outcome {
        Ok(response) => response,
        Err(problem) => body.refuse(problem).await,
    };
    if let Some(user) = user {
        response.extensions_mut().insert(LoggedUser(user));
    }
    // Answers here are somebody's own, and some hold tokens (RFC 6749, 5.1).
    let caching = response.headers_mut().entry(header::CACHE_CONTROL);
    caching.or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn answer_request(
    gateway: &Gateway,
    route: &Route,
    mut parts: Parts,
    body: &mut RequestBody,
    user: &mut Option<UserId>,
) -> Result<Response, Problem> {
    limit_route(gateway, route, &parts).await?;
    let site = if route.is_same_site { gateway.origins.check_site(&parts)? } else { RequestingSite::Own };
    let credentials = check_token(gateway, route, &parts)?;
    let body = body.read(route.body_limit).await?;
    let client = parts.extensions.remove::<ClientKey>();
    prepare_request(&mut parts.headers, route.service, site, client.as_ref());
    // What another layer left here is not the service's business: above all, none of it is an identity.
    let correlation_id = parts.extensions.remove::<CorrelationId>();
    parts.extensions.clear();
    if let Some(id) = correlation_id {
        parts.extensions.insert(id);
    }
    let request = http::Request::from_parts(parts, body);
    timeout(budget::SERVICE_ANSWER, call_service(gateway, route, credentials, request, user))
        .await
        .unwrap_or_else(|late| Err(Problem::new(ProblemCode::Unavailable).caused_by(late)))
}

async fn limit_route(gateway: &Gateway, route: &Route, request: &Parts) -> Result<(), Problem> {
    let by_client = route.rate.filter(|class| !is_by_account(*class));
    match (by_client, request.extensions.get::<ClientKey>()) {
        (None, _) => Ok(()),
        (Some(class), Some(ClientKey(client))) => Ok(gateway.limits.take(class, client).await?),
        (Some(_), None) => Err(Problem::new(ProblemCode::Internal).detail("The request has no client")),
    }
}

/// Checks the session and asks the service: what is bounded as a whole.
async fn call_service(
    gateway: &Gateway,
    route: &Route,
    credentials: ShownCredentials,
    request: http::Request<Bytes>,
    user: &mut Option<UserId>,
) -> Result<Response, Problem> {
    let AuthenticatedCaller { identity, rejected } = check_session(gateway, route, credentials).await?;
    if let Identity::User(caller) = identity {
        *user = Some(caller.id);
    }
    let answer = gateway.upstream(route.service).call(route, request, identity).await;
    let mut response = answer.map_err(|error| Problem::new(ProblemCode::Unavailable).caused_by(error))?;
    match rejected {
        // The route could have done without the token, but not without anything: then its fault is what to
        // tell.
        Some(problem) if response.status() == StatusCode::UNAUTHORIZED => Err(problem),
        _ => {
            prepare_answer(response.headers_mut());
            Ok(response)
        }
    }
}
