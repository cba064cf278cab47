//! The way of a request through the gateway, and of its answer back.

use axum::{extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header, request::Parts};
use service_kit::{
    identity::{Identity, VouchedCall},
    observe::{CorrelationId, LoggedCaller},
    problem::{Problem, ProblemCode},
};
use tokio::time::timeout;

use crate::{
    body::RequestBody,
    edge::ClientKey,
    gateway::Gateway,
    guard::{AuthenticatedCaller, ShownCredentials, check_credentials, check_token, is_by_account},
    headers::{prepare_answer, prepare_request},
    origins::RequestingSite,
    routes::Route,
    uploads::RequestBounds,
};

/// Guards a request, passes it to its service and the answer back.
///
/// The order is the same for all: the client's limits, the token's signature and expiry, the body, and only
/// then the session or key, so that no right is used that ended while the body arrived; then the limit of the
/// account or key, the roles or scopes, the user the request is about, the service. Before a large body is read, session and
/// roles are checked as well.
pub(crate) async fn forward_request(gateway: &Gateway, route: &Route, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = RequestBody::new(&parts.headers, body);
    let mut caller = None;
    let outcome = answer_request(gateway, route, parts, &mut body, &mut caller).await;
    let mut response = match outcome {
        Ok(response) => response,
        Err(problem) => body.refuse(problem).await,
    };
    if let Some(caller) = caller {
        response.extensions_mut().insert::<LoggedCaller>(caller);
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
    caller: &mut Option<LoggedCaller>,
) -> Result<Response, Problem> {
    limit_route(gateway, route, &parts).await?;
    let site = if route.is_same_site { gateway.origins.check_site(&parts)? } else { RequestingSite::Own };
    let credentials = check_token(gateway, route, &parts)?;
    let bounds = RequestBounds::find(gateway, route, &parts).await?;
    let body = body.read(&bounds).await?;
    let client = parts.extensions.remove::<ClientKey>();
    prepare_request(&mut parts.headers, route.service, site, client.as_ref());
    // What another layer left here is not the service's business: above all, none of it is an identity.
    let correlation_id = parts.extensions.remove::<CorrelationId>();
    parts.extensions.clear();
    if let Some(id) = correlation_id {
        parts.extensions.insert(id);
    }
    let request = http::Request::from_parts(parts, body);
    timeout(bounds.answer, call_service(gateway, route, credentials, request, caller))
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

/// Checks the session or key, looks up whom the request is about and asks the service: what is bounded as a
/// whole.
async fn call_service(
    gateway: &Gateway,
    route: &Route,
    credentials: ShownCredentials,
    request: http::Request<Bytes>,
    caller: &mut Option<LoggedCaller>,
) -> Result<Response, Problem> {
    let AuthenticatedCaller { identity, rejected } = check_credentials(gateway, route, credentials).await?;
    *caller = logged_caller(identity);
    let subject = match route.subject {
        Some(place) => gateway.subjects.find_subject(place, &request, identity).await?,
        None => None,
    };
    let answer =
        gateway.upstream(route.service).call(route, request, VouchedCall { identity, subject }).await;
    let mut response = answer.map_err(|error| Problem::new(ProblemCode::Unavailable).caused_by(error))?;
    match rejected {
        // The route could have done without the token, but not without anything: then its fault is what to
        // tell.
        Some(problem) if response.status() == StatusCode::UNAUTHORIZED => Err(problem),
        _ => {
            prepare_answer(response.headers_mut());
            Ok(if route.is_login { gateway.logins.note_answer(response).await } else { response })
        }
    }
}

fn logged_caller(identity: Identity) -> Option<LoggedCaller> {
    match identity {
        Identity::User(user) => Some(LoggedCaller::User(user.id)),
        Identity::ApiKey(key) => Some(LoggedCaller::ApiKey(key.id)),
        Identity::Anonymous | Identity::Gateway => None,
    }
}
