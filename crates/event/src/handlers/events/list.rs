use axum::{Json, extract::State};
use domain::{EventStatus, Phase, TextLine};
use service_kit::{
    extract::{LoggedIn, Query},
    page::Page,
    problem::{Problem, ProblemBody},
};

use super::view::EventView;
use event_store::EventFilter;

use crate::EventService;

/// List events
///
/// Newest first. Who has only the role USER sees ACTIVE events only.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "listEvents",
    tag = "Events",
    params(
        ("status" = Option<EventStatus>, Query, description = "Only events with this status"),
        ("phase" = Option<Phase>, Query, description = "Only events in this phase now"),
        ("name" = Option<String>, Query, description = "Only events whose name contains this, whatever the case"),
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 100, description = "Events on a page; 20 if left out"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of events", body = Page<EventView>),
        (status = 400, description = "VALIDATION_FAILED", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(service): State<EventService>,
    LoggedIn(caller): LoggedIn,
    Query(mut query): Query,
) -> Result<Json<Page<EventView>>, Problem> {
    let now = service.ids.clock().now();
    let status: Option<EventStatus> = query.take("status");
    let phase = query.take::<Phase>("phase").map(|phase| (phase, now));
    let name = query.take::<TextLine<200>>("name").map(TextLine::into_string);
    let page = query.take_page();
    query.finish()?;
    if !caller.roles.is_staff() && status == Some(EventStatus::Inactive) {
        return Ok(Json(Page { items: Vec::new(), next_cursor: None }));
    }
    let status = if caller.roles.is_staff() { status } else { Some(EventStatus::Active) };
    let events = service.events.list(&EventFilter { status, phase, name }, page).await?;
    Ok(Json(events.map(|event| EventView::at(now, event))))
}

#[cfg(test)]
mod tests;
