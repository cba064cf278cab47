use axum::{Router, middleware::from_fn_with_state};
use service_kit::{
    extract::{DeclaredInputs, method_not_allowed, not_found, refuse_undeclared},
    identity::Audience,
    identity_gate::{IdentitySource, protect_service},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    EventService,
    handlers::{claims, events, rewards},
};

/// The service's routes behind the identity gate, and their description.
pub fn router(service: EventService, identity: impl Into<IdentitySource>) -> (Router, OpenApi) {
    let (public, document) = public().split_for_parts();
    let unguarded = public
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(DeclaredInputs::from_document(&document), refuse_undeclared));
    let router = protect_service(unguarded, Audience::Event, identity).with_state(service);
    (router, document)
}

/// The description of the routes alone, for which no store is needed.
pub fn document() -> OpenApi {
    public().into_openapi()
}

fn public() -> OpenApiRouter<EventService> {
    OpenApiRouter::default()
        .routes(routes!(events::create::handle, events::list::handle))
        .routes(routes!(events::get::handle))
        .routes(routes!(rewards::attach::handle, rewards::list::handle))
        .routes(routes!(claims::create::handle))
        .routes(routes!(claims::list::handle))
        .routes(routes!(claims::get::handle))
}

#[cfg(test)]
mod tests;
