use axum::{Router, middleware::from_fn_with_state, routing::post};
use service_kit::{
    extract::{
        DeclaredInputs, IdentityGate, method_not_allowed, not_found, refuse_undeclared, require_identity,
    },
    identity::{Audience, IdentityKey},
    internal_api::CHECK_SESSIONS_PATH,
    observe::{Observe, observe},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Auth,
    handlers::{auth, internal, users},
};

/// The service's routes behind the identity gate, and the description of the public ones.
pub fn router(service: Auth, identity: IdentityKey) -> (Router, OpenApi) {
    let (public, document) = public().split_for_parts();
    let gate = IdentityGate { key: identity, audience: Audience::Auth };
    let router = public
        .route(CHECK_SESSIONS_PATH, post(internal::check_sessions::handle))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(DeclaredInputs::from_document(&document), refuse_undeclared))
        .layer(from_fn_with_state(gate, require_identity))
        .layer(from_fn_with_state(Observe { service: "auth", edge: false }, observe))
        .with_state(service);
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
