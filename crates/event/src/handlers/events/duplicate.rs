use axum::{Json, extract::State, response::IntoResponse};
use domain::EventId;
use http::{StatusCode, header};
use service_kit::{
    extract::{ChangedBy, Operator, PathId},
    problem::Refused,
};

use super::view::EventView;
use crate::{
    app::{audit::Editor, event_changes::CloneEventError},
    service::EventService,
};

service_kit::refusals! {
    /// Why an event is not cloned.
    pub(crate) enum CloneEventRefusal {
        /// There is no such event.
        UnknownEvent = NotFound,
    }
}

impl From<CloneEventError> for Refused<CloneEventRefusal> {
    fn from(error: CloneEventError) -> Self {
        match error {
            CloneEventError::UnknownEvent => CloneEventRefusal::UnknownEvent.into(),
            CloneEventError::Store(error) => error.into(),
        }
    }
}

/// Clone an event
///
/// Makes an INACTIVE event that is like this one, with the same rewards: to be changed and then switched on.
#[utoipa::path(
    post,
    path = "/events/{eventId}/clone",
    operation_id = "cloneEvent",
    tag = "Events",
    params(("eventId" = EventId, Path, description = "The event's id")),
    responses(
        (status = 201, description = "The new event", body = EventView,
            headers(("location" = String, description = "Where the event is found"))),
        CloneEventRefusal,
    )
)]
pub(crate) async fn clone_event(
    State(service): State<EventService>,
    Operator(caller): Operator,
    ChangedBy(author): ChangedBy,
    PathId(id): PathId<EventId>,
) -> Result<impl IntoResponse, Refused<CloneEventRefusal>> {
    let event = service.clone_event(Editor { user: caller.id, author }, id).await?;
    let location = [(header::LOCATION, format!("/events/{}", event.id))];
    Ok((StatusCode::CREATED, location, Json(EventView::new(event, service.now()))))
}
