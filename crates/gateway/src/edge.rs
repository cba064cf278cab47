//! What every request meets, whatever its path: the client's rate limit and the check of its host.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderValue, Method, header, request::Parts};
use service_kit::{
    problem::{Problem, ProblemCode},
    ratelimit::RateClass,
    server::PeerAddress,
};

use crate::{body::RequestBody, gateway::Gateway, guard::shows_api_key, host::check_host, routes::ROUTES};

/// The client as the rate limits know it, in a request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct ClientKey(pub(crate) Arc<str>);

/// Middleware around all routes, the unknown ones included.
pub(crate) async fn admit_client(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut response = match check_client(&gateway, &parts).await {
        Ok(client) => {
            parts.extensions.insert(client);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => RequestBody::new(&parts.headers, body).refuse(problem).await,
    };
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn check_client(gateway: &Gateway, request: &Parts) -> Result<ClientKey, Problem> {
    let Some(PeerAddress(peer)) = request.extensions.get() else {
        return Err(Problem::new(ProblemCode::Internal).detail("The request has no peer address"));
    };
    let client = gateway.clients.client_key(peer.ip(), &request.headers);
    let class = if shows_api_key(request) { RateClass::KeyClient } else { RateClass::Client };
    gateway.limits.take(class, &client).await?;
    if !is_api_route(request) {
        gateway.limits.take(RateClass::Pages, &client).await?;
    }
    check_host(request)?;
    Ok(ClientKey(client.into()))
}

/// Whether the request is for a row of the table, and not for a page, an unknown path or a method a path does not have.
fn is_api_route(request: &Parts) -> bool {
    static ROWS: LazyLock<HashSet<(&str, &str)>> =
        LazyLock::new(|| ROUTES.iter().map(|route| (route.path, route.method.as_str())).collect());
    let method = if request.method == Method::HEAD { &Method::GET } else { &request.method };
    let path = request.extensions.get::<MatchedPath>();
    path.is_some_and(|path| ROWS.contains(&(path.as_str(), method.as_str())))
}
