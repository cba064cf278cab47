use axum::{Json, extract::State};
use domain::EventId;
use service_kit::{
    extract::{LoggedIn, PathId},
    problem::{Code, Problem, ProblemBody},
};

use super::view::RewardView;
use crate::{EventService, handlers::events::get::is_visible};

/// List an event's rewards
///
/// All of them, in the order they were attached. A coupon's code is shown to staff only.
#[utoipa::path(
    get,
    path = "/events/{eventId}/rewards",
    operation_id = "listEventRewards",
    tag = "Rewards",
    params(("eventId" = EventId, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The rewards", body = Vec<RewardView>),
        (status = 400, description = "VALIDATION_FAILED: not an id", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "NOT_FOUND", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(service): State<EventService>,
    LoggedIn(caller): LoggedIn,
    PathId(event): PathId<EventId>,
) -> Result<Json<Vec<RewardView>>, Problem> {
    let listed = service.catalogue.listed(event).await?;
    let seen = listed.filter(|listed| is_visible(&listed.event, &caller));
    let listed = seen.ok_or_else(|| Problem::new(Code::NotFound))?;
    let to_staff = caller.roles.is_staff();
    Ok(Json(listed.rewards.iter().map(|reward| RewardView::new(reward.clone(), to_staff)).collect()))
}

#[cfg(test)]
mod tests;
