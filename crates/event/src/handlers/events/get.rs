use std::sync::Arc;

use axum::{Json, extract::State};
use domain::{EventId, EventStatus};
use service_kit::{
    extract::{LoggedIn, PathId},
    identity::Caller,
    problem::{Code, Problem, ProblemBody},
};

use super::view::EventView;
use crate::{EventService, catalogue::Known};

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
    let known = visible(&service, &caller, id).await?;
    Ok(Json(EventView::at(service.ids.clock().now(), known.event.clone())))
}

/// The event, if this caller may see it.
pub(crate) async fn visible(
    service: &EventService,
    caller: &Caller,
    id: EventId,
) -> Result<Arc<Known>, Problem> {
    let found = service.catalogue.event(id).await?;
    let seen = found.filter(|known| caller.roles.is_staff() || known.event.status == EventStatus::Active);
    seen.ok_or_else(|| Problem::new(Code::NotFound))
}

#[cfg(test)]
mod tests;
