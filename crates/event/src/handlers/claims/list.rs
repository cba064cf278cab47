use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{ClaimStatus, EventId, Faults, Timestamp, UserId};
use event_store::ClaimFilter;
use service_kit::{
    extract::{ListQuery, LoggedInOrKey, PageParams, scope::RequestsRead},
    page::Page,
    problem::Refused,
};

use super::view::ClaimView;
use crate::{app::claims::ListClaimsError, service::EventService};

service_kit::refusals! {
    /// Why reward requests are not listed.
    pub(crate) enum ListClaimsRefusal {
        /// Only staff sees the requests of others.
        OthersClaims = Forbidden,
    }
}

impl From<ListClaimsError> for Refused<ListClaimsRefusal> {
    fn from(error: ListClaimsError) -> Self {
        match error {
            ListClaimsError::OthersClaims => ListClaimsRefusal::OthersClaims.into(),
            ListClaimsError::Store(error) => error.into(),
        }
    }
}

/// Which requests to list: those that match everything that is given.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase", parameter_in = Query)]
pub(crate) struct ClaimQuery {
    /// Only this user's.
    #[deserr(default)]
    user_id: Option<UserId>,
    /// Only those for this event.
    #[deserr(default)]
    event_id: Option<EventId>,
    /// Only those with this status.
    #[deserr(default)]
    status: Option<ClaimStatus>,
    /// Only those made at this time or later.
    #[deserr(default)]
    from: Option<Timestamp>,
    /// Only those made before this time.
    #[deserr(default)]
    to: Option<Timestamp>,
}

impl From<ClaimQuery> for ClaimFilter {
    fn from(query: ClaimQuery) -> Self {
        Self {
            user: query.user_id,
            event: query.event_id,
            status: query.status,
            from: query.from,
            to: query.to,
        }
    }
}

/// List reward requests
///
/// Newest first. Who has only the role USER sees their own, and may leave userId out.
#[utoipa::path(
    get,
    path = "/events/requests",
    operation_id = "listRewardRequests",
    tag = "Requests",
    params(ClaimQuery, PageParams),
    responses((status = 200, description = "A page of requests", body = Page<ClaimView>), ListClaimsRefusal)
)]
pub(crate) async fn list_claims(
    State(service): State<EventService>,
    LoggedInOrKey(caller, ..): LoggedInOrKey<RequestsRead>,
    ListQuery(query, page): ListQuery<ClaimQuery>,
) -> Result<Json<Page<ClaimView>>, Refused<ListClaimsRefusal>> {
    Ok(Json(service.list_claims(&caller, query.into(), page).await?.map(ClaimView::from)))
}

#[cfg(test)]
mod tests;
