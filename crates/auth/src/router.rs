use axum::{Router, middleware::from_fn_with_state, routing::post};
use service_kit::{
    extract::{DeclaredInputs, method_not_allowed, not_found, refuse_undeclared},
    identity::Audience,
    identity_gate::{IdentitySource, protect_service},
    internal_api::CHECK_SESSIONS_PATH,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Auth,
    handlers::{auth, internal, users},
};

/// The service's routes behind the identity gate, and the description of the public ones.
pub fn router(service: Auth, identity: impl Into<IdentitySource>) -> (Router, OpenApi) {
    let (public, document) = public().split_for_parts();
    let unguarded = public
        .route(CHECK_SESSIONS_PATH, post(internal::check_sessions::handle))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(DeclaredInputs::from_document(&document), refuse_undeclared));
    let router = protect_service(unguarded, Audience::Auth, identity).with_state(service);
    (router, document)
}

/// The description of the public routes alone, for which no store is needed.
pub fn document() -> OpenApi {
    public().into_openapi()
}

fn public() -> OpenApiRouter<Auth> {
    OpenApiRouter::default()
        .routes(routes!(users::create::handle, users::list::handle))
        .routes(routes!(users::me::handle))
        .routes(routes!(users::get::handle))
        .routes(routes!(users::set_roles::handle))
        .routes(routes!(auth::login::handle))
        .routes(routes!(auth::refresh::handle))
        .routes(routes!(auth::logout::handle))
}

#[cfg(test)]
mod tests;
