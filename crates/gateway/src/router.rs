use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    middleware::from_fn_with_state,
    routing::{MethodFilter, MethodRouter},
};
use http::Method;
use service_kit::{
    access_token::AccessTokenKey,
    extract::{method_not_allowed, not_found},
    identity::IdentityKey,
    observe::{Observe, observe},
    ratelimit::RateLimits,
};
use utoipa::openapi::OpenApi;

use crate::{
    client::ClientAddress, docs, proxy::forward, routes::ROUTES, session::Sessions, upstream::Upstream,
};

/// What the gateway works with.
#[derive(Debug)]
pub struct Gateway {
    /// Answers users and sessions.
    pub auth: Upstream,
    /// Answers events, rewards and claims.
    pub event: Upstream,
    /// Checks access tokens.
    pub tokens: AccessTokenKey,
    /// Asks whether sessions are current.
    pub sessions: Sessions,
    /// Signs callers' identities for the services.
    pub identity: IdentityKey,
    /// How often who may do what.
    pub limits: Arc<dyn RateLimits>,
    /// How clients are told apart.
    pub clients: ClientAddress,
}

/// The public API: every route of the table, the OpenAPI document and its pages.
pub fn router(gateway: Gateway, document: OpenApi) -> Router {
    let mut paths: BTreeMap<&str, MethodRouter<Arc<Gateway>>> = BTreeMap::new();
    for route in ROUTES {
        let handlers = paths.remove(route.path).unwrap_or_default();
        let handler = move |State(gateway): State<Arc<Gateway>>, request: Request| async move {
            forward(&gateway, route, request).await
        };
        paths.insert(route.path, handlers.on(filter(&route.method), handler));
    }
    let api = paths.into_iter().fold(Router::new(), |router, (path, handlers)| router.route(path, handlers));
    api.with_state(Arc::new(gateway))
        .merge(docs::pages(document))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Observe { service: "gateway", edge: true }, observe))
}

fn filter(method: &Method) -> MethodFilter {
    // The table holds only methods axum has a filter for; GET stands in for one it had not, and the tests would tell.
    MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET)
}
