use axum::{Json, extract::State};
use domain::{ClaimStatus, EventId, Timestamp, UserId};
use service_kit::{
    extract::{LoggedIn, Query},
    page::Page,
    problem::{Code, Problem, ProblemBody},
};

use super::view::ClaimView;
use event_store::ClaimFilter;

use crate::EventService;

/// List reward requests
///
/// Newest first. Who has only the role USER sees their own, and may leave userId out.
#[utoipa::path(
    get,
    path = "/events/requests",
    operation_id = "listRewardRequests",
    tag = "Requests",
    params(
        ("userId" = Option<UserId>, Query, description = "Only this user's"),
        ("eventId" = Option<EventId>, Query, description = "Only those for this event"),
        ("status" = Option<ClaimStatus>, Query, description = "Only those with this status"),
        ("from" = Option<Timestamp>, Query, description = "Only those made at this time or later"),
        ("to" = Option<Timestamp>, Query, description = "Only those made before this time"),
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 100, description = "Requests on a page; 20 if left out"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
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
    Query(mut query): Query,
) -> Result<Json<Page<ClaimView>>, Problem> {
    let mut filter = ClaimFilter {
        user: query.take("userId"),
        event: query.take("eventId"),
        status: query.take("status"),
        from: query.take("from"),
        to: query.take("to"),
    };
    let page = query.take_page();
    query.finish()?;
    if !caller.roles.is_staff() && *filter.user.get_or_insert(caller.id) != caller.id {
        return Err(Problem::new(Code::Forbidden));
    }
    Ok(Json(service.requests.list(&filter, page).await?.map(ClaimView::from)))
}

#[cfg(test)]
mod tests;
