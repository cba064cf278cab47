use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{ClaimStatus, EventId, Faults, Timestamp, UserId};
use service_kit::{
    extract::{ListQuery, LoggedIn, PageParams},
    page::Page,
    problem::{Code, Problem, ProblemBody},
};

use super::view::ClaimView;
use event_store::ClaimFilter;

use crate::EventService;

/// Which reward requests are listed.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase", parameter_in = Query)]
pub(crate) struct ClaimListFilter {
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

/// List reward requests
///
/// Newest first. Who has only the role USER sees their own, and may leave userId out.
#[utoipa::path(
    get,
    path = "/events/requests",
    operation_id = "listRewardRequests",
    tag = "Requests",
    params(ClaimListFilter, PageParams),
    responses(
        (status = 200, description = "A page of requests", body = Page<ClaimView>),
        (status = 400, description = "VALIDATION_FAILED", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN: somebody else's, and the caller is no staff", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(service): State<EventService>,
    LoggedIn(caller): LoggedIn,
    ListQuery(query, page): ListQuery<ClaimListFilter>,
) -> Result<Json<Page<ClaimView>>, Problem> {
    let ClaimListFilter { user_id, event_id, status, from, to } = query;
    let mut filter = ClaimFilter { user: user_id, event: event_id, status, from, to };
    if !caller.roles.is_staff() && *filter.user.get_or_insert(caller.id) != caller.id {
        return Err(Problem::new(Code::Forbidden));
    }
    Ok(Json(service.requests.list(&filter, page).await?.map(ClaimView::from)))
}

#[cfg(test)]
mod tests;
