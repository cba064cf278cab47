use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{EventStatus, Faults, Phase, TextLine};
use service_kit::{
    extract::{ListQuery, LoggedIn, PageParams},
    page::Page,
    problem::{Problem, ProblemBody},
};

use super::view::EventView;
use event_store::EventFilter;

use crate::EventService;

/// Which events are listed.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventListFilter {
    /// Only events with this status.
    #[deserr(default)]
    status: Option<EventStatus>,
    /// Only events in this phase now.
    #[deserr(default)]
    phase: Option<Phase>,
    /// Only events whose name contains this, whatever the case.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    name: Option<TextLine<200>>,
}

/// List events
///
/// Newest first. Who has only the role USER sees ACTIVE events only.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "listEvents",
    tag = "Events",
    params(EventListFilter, PageParams),
    responses(
        (status = 200, description = "A page of events", body = Page<EventView>),
        (status = 400, description = "VALIDATION_FAILED", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(service): State<EventService>,
    LoggedIn(caller): LoggedIn,
    ListQuery(query, page): ListQuery<EventListFilter>,
) -> Result<Json<Page<EventView>>, Problem> {
    let now = service.ids.clock().now();
    let EventListFilter { status, phase, name } = query;
    let (phase, name) = (phase.map(|phase| (phase, now)), name.map(TextLine::into_string));
    if !caller.roles.is_staff() && status == Some(EventStatus::Inactive) {
        return Ok(Json(Page { items: Vec::new(), next_cursor: None }));
    }
    let status = if caller.roles.is_staff() { status } else { Some(EventStatus::Active) };
    let events = service.events.list(&EventFilter { status, phase, name }, page).await?;
    Ok(Json(events.map(|event| EventView::at(now, event))))
}

#[cfg(test)]
mod tests;
