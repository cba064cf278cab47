//! The public routes: every row of the table, the document and its pages.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    middleware::from_fn_with_state,
    response::Redirect,
    routing::{MethodFilter, MethodRouter, get},
};
use http::Method;
use service_kit::{
    extract::{method_not_allowed, not_found},
    observe::{RequestObserver, observe_request},
};
use tower::ServiceBuilder;
use utoipa::openapi::OpenApi;

use crate::{
    docs_pages::docs_router, edge::admit_client, gateway::Gateway, proxy::forward_request, routes::ROUTES,
};

/// The public API: every route of the table, the OpenAPI document and its pages.
///
/// What every request meets stands in the layers, so that no route can be outside of them: the log, then the
/// rules for pages of other origins, then the client's rate limit and the check of its host.
pub fn router(gateway: Gateway, document: &OpenApi) -> Router {
    let cors = gateway.origins.cors_layer();
    let gateway = Arc::new(gateway);
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(RequestObserver::for_edge("gateway"), observe_request))
        .option_layer(cors)
        .layer(from_fn_with_state(Arc::clone(&gateway), admit_client));
    table_routes()
        .with_state(gateway)
        .merge(docs_router(document))
        // Whoever opens the address in a browser finds the pages.
        .route("/", get(|| async { Redirect::to("/docs/") }))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        // Together, not one around the other: each `layer` of a router costs every request some allocations.
        .layer(layers)
}

fn table_routes() -> Router<Arc<Gateway>> {
    let mut paths: BTreeMap<&str, MethodRouter<Arc<Gateway>>> = BTreeMap::new();
    for route in ROUTES {
        let handlers = paths.remove(route.path).unwrap_or_default();
        let handler = move |State(gateway): State<Arc<Gateway>>, request: Request| async move {
            forward_request(&gateway, route, request).await
        };
        paths.insert(route.path, handlers.on(method_filter(&route.method), handler));
    }
    paths.into_iter().fold(Router::new(), |router, (path, handlers)| router.route(path, handlers))
}

fn method_filter(method: &Method) -> MethodFilter {
    // The table holds only methods axum has a filter for; GET stands in for one it had not, and the tests
    // would tell.
    MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET)
}

#[cfg(test)]
mod tests;
