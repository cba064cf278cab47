use axum::{Json, extract::State};
use domain::{Event, EventId, EventStatus};
use service_kit::{
    extract::{LoggedIn, PathId},
    identity::Caller,
    problem::{Code, Problem, ProblemBody},
};

use super::view::EventView;
use crate::EventService;

/// Look up an event
///
/// Who has only the role USER finds ACTIVE events only.
#[utoipa::path(
    get,
    path = "/events/{eventId}",
    operation_id = "getEvent",
    tag = "Events",
    params(("eventId" = EventId, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The event", body = EventView),
        (status = 400, description = "VALIDATION_FAILED: not an id", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "NOT_FOUND", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(service): State<EventService>,
    LoggedIn(caller): LoggedIn,
    PathId(id): PathId<EventId>,
) -> Result<Json<EventView>, Problem> {
    let known = service.catalogue.event(id).await?;
    let seen = known.filter(|known| is_visible(&known.event, &caller));
    let known = seen.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(EventView::at(service.ids.clock().now(), known.event.clone())))
}

/// Whether this caller may see the event.
pub(crate) fn is_visible(event: &Event, caller: &Caller) -> bool {
    caller.roles.is_staff() || event.status == EventStatus::Active
}

#[cfg(test)]
mod tests;
