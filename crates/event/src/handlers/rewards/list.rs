use axum::{Json, extract::State};
use domain::EventId;
use service_kit::{
    extract::{LoggedIn, PathId},
    problem::{Problem, ProblemBody},
};

use super::view::RewardView;
use crate::{EventService, handlers::events::get::visible};

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
    let (known, rewards) = tokio::join!(visible(&service, &caller, event), service.catalogue.rewards(event));
    known?;
    let to_staff = caller.roles.is_staff();
    let rewards = rewards?.map_or_else(Vec::new, |rewards| {
        rewards.iter().map(|reward| RewardView::new(reward.clone(), to_staff)).collect()
    });
    Ok(Json(rewards))
}

#[cfg(test)]
mod tests;
