use axum::{Router, routing::post};
use service_kit::{
    extract::{DeclaredInputs, method_not_allowed, not_found},
    identity::Audience,
    identity_gate::{IdentitySource, protect_service},
    internal_api::{CHECK_SESSIONS_PATH, USER_ROLES_PATH},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    AuthService,
    handlers::{api_keys, audit, sessions, users},
};

/// The service's routes behind the identity gate, and the description of the public ones.
pub fn router(service: AuthService, identity: impl Into<IdentitySource>) -> (Router, OpenApi) {
    let (public, document) = public_routes().split_for_parts();
    let unguarded = public
        .route(CHECK_SESSIONS_PATH, post(sessions::check::check_sessions))
        .route(USER_ROLES_PATH, post(users::roles_question::answer_roles))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    let declared = DeclaredInputs::from_document(&document);
    let router = protect_service(unguarded, Audience::Auth, identity, declared).with_state(service);
    (router, document)
}

/// The description of the public routes alone, for which no store is needed.
pub fn document() -> OpenApi {
    public_routes().into_openapi()
}

fn public_routes() -> OpenApiRouter<AuthService> {
    OpenApiRouter::default()
        .routes(routes!(users::create::create_user, users::list::list_users))
        .routes(routes!(users::me::get_me))
        .routes(routes!(users::set_password::set_password))
        .routes(routes!(users::get::get_user))
        .routes(routes!(users::set_roles::set_roles))
        .routes(routes!(api_keys::create::create_api_key, api_keys::list::list_api_keys))
        .routes(routes!(api_keys::delete::delete_api_key))
        .routes(routes!(audit::list::list_audit))
        .routes(routes!(audit::head::get_audit_head))
        .routes(routes!(sessions::log_in::log_in))
        .routes(routes!(sessions::refresh::refresh_session))
        .routes(routes!(sessions::log_out::log_out))
}

#[cfg(test)]
mod tests;
