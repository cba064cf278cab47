use axum::{Router, routing::post};
use service_kit::{
    extract::{DeclaredInputs, method_not_allowed, not_found},
    identity::Audience,
    identity_gate::{IdentitySource, protect_service},
    internal_api::RECORD_LOGINS_PATH,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    handlers::{
        activities, admin, attributes, audit, claims, conditions, eligibility, events, grants, rewards,
        wallets,
    },
    service::EventService,
};

/// The service's routes behind the identity gate, and their description.
pub fn router(service: EventService, identity: impl Into<IdentitySource>) -> (Router, OpenApi) {
    let (public, document) = public_routes().split_for_parts();
    let unguarded = public
        .route(RECORD_LOGINS_PATH, post(activities::record_logins::record_logins))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    let declared = DeclaredInputs::from_document(&document);
    let router = protect_service(unguarded, Audience::Event, identity, declared).with_state(service);
    (router, document)
}

/// The description of the routes alone, for which no store is needed.
pub fn document() -> OpenApi {
    public_routes().into_openapi()
}

fn public_routes() -> OpenApiRouter<EventService> {
    OpenApiRouter::default()
        .routes(routes!(events::create::create_event, events::list::list_events))
        .routes(routes!(events::get::get_event, events::edit::edit_event, events::delete::delete_event))
        .routes(routes!(events::revisions::list_revisions))
        .routes(routes!(events::duplicate::clone_event))
        .routes(routes!(events::preflight::preflight_event))
        .routes(routes!(rewards::list_all::list_all_rewards))
        .routes(routes!(rewards::import_codes::import_codes))
        .routes(routes!(rewards::detach::detach_reward, rewards::set_stock::set_stock))
        .routes(routes!(rewards::attach::attach_reward, rewards::list::list_rewards))
        .routes(routes!(claims::create::create_claim))
        .routes(routes!(claims::list::list_claims))
        .routes(routes!(claims::count::count_claims))
        .routes(routes!(claims::decide_many::decide_claims))
        .routes(routes!(claims::revoke::revoke_claim))
        .routes(routes!(audit::list::list_audit))
        .routes(routes!(audit::head::get_audit_head))
        .routes(routes!(admin::invariants::check_invariants))
        .routes(routes!(grants::list::list_grants))
        .routes(routes!(wallets::get::get_wallet))
        .routes(routes!(claims::get::get_claim, claims::decide::decide_claim))
        .routes(routes!(eligibility::get::get_eligibility))
        .routes(routes!(activities::record::record_activities, activities::list::list_activities))
        .routes(routes!(attributes::put::put_attributes, attributes::get::get_attributes))
        .routes(routes!(conditions::facts::list_facts))
        .routes(routes!(conditions::evaluate::evaluate_condition))
        .routes(routes!(conditions::backtest::backtest_condition))
}

#[cfg(test)]
mod tests;
