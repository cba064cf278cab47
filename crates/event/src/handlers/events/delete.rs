use axum::{extract::State, response::Response};
use domain::EventId;
use service_kit::{
    extract::{Admin, ChangedBy, IfMatch, PathId, no_content},
    problem::Refused,
};

use crate::{app::event_changes::DeleteEventError, service::EventService};

service_kit::refusals! {
    /// Why an event is not deleted.
    pub(crate) enum DeleteEventRefusal {
        /// There is no such event.
        UnknownEvent = NotFound,
        /// Somebody has claimed the event. Switch it off instead.
        EventHasRequests,
        /// The event is no longer at the revision that `If-Match` names. Read it again.
        PreconditionFailed,
    }
}

impl From<DeleteEventError> for Refused<DeleteEventRefusal> {
    fn from(error: DeleteEventError) -> Self {
        match error {
            DeleteEventError::UnknownEvent => DeleteEventRefusal::UnknownEvent.into(),
            DeleteEventError::HasClaims => DeleteEventRefusal::EventHasRequests.into(),
            DeleteEventError::Outdated => DeleteEventRefusal::PreconditionFailed.into(),
            DeleteEventError::Store(error) => error.into(),
        }
    }
}

/// Delete an event
///
/// Only while nobody has claimed it. Its rewards remain and can be attached to other events.
#[utoipa::path(
    delete,
    path = "/events/{eventId}",
    operation_id = "deleteEvent",
    tag = "Events",
    params(("eventId" = EventId, Path, description = "The event's id"), IfMatch),
    responses((status = 204, description = "Deleted"), DeleteEventRefusal)
)]
pub(crate) async fn delete_event(
    State(service): State<EventService>,
    _admin: Admin,
    ChangedBy(author): ChangedBy,
    PathId(id): PathId<EventId>,
    IfMatch(expected): IfMatch,
) -> Result<Response, Refused<DeleteEventRefusal>> {
    service.delete_event(id, &expected, author).await?;
    Ok(no_content())
}
