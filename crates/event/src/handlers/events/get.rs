use axum::{Json, extract::State, response::IntoResponse};
use domain::EventId;
use http::header;
use service_kit::{
    extract::{LoggedInOrKey, PathId, scope::EventsRead},
    problem::Refused,
};

use super::view::EventView;
use crate::{app::events::FindEventError, service::EventService};

service_kit::refusals! {
    /// Why an event is not shown.
    pub(crate) enum GetEventRefusal {
        /// There is no such event, or only staff may see it.
        UnknownEvent = NotFound,
    }
}

impl From<FindEventError> for Refused<GetEventRefusal> {
    fn from(error: FindEventError) -> Self {
        match error {
            FindEventError::Unknown => GetEventRefusal::UnknownEvent.into(),
            FindEventError::Store(error) => error.into(),
        }
    }
}

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
        (status = 200, description = "The event", body = EventView,
            headers(("etag" = String, description = "The event's revision, in double quotes"))),
        GetEventRefusal,
    )
)]
pub(crate) async fn get_event(
    State(service): State<EventService>,
    LoggedInOrKey(caller, ..): LoggedInOrKey<EventsRead>,
    PathId(id): PathId<EventId>,
) -> Result<impl IntoResponse, Refused<GetEventRefusal>> {
    let found = service.find_event(&caller, id).await?;
    let etag = [(header::ETAG, format!("\"{}\"", found.event.revision))];
    Ok((etag, Json(EventView::new(found.event.clone(), service.now()))))
}

#[cfg(test)]
mod tests;
