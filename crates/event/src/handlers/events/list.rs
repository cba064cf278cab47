use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{EventStatus, Faults, Phase, TextLine};
use event_store::EventFilter;
use service_kit::{
    extract::{ListQuery, LoggedInOrKey, PageParams, scope::EventsRead},
    page::Page,
    problem::Problem,
};

use super::view::EventView;
use crate::service::EventService;

/// Which events to list: those that match everything that is given.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase", parameter_in = Query)]
pub(crate) struct EventQuery {
    /// Only events with this status.
    #[deserr(default)]
    status: Option<EventStatus>,
    /// Only events that are in this phase now.
    #[deserr(default)]
    phase: Option<Phase>,
    /// Only events whose name contains this, whatever the case.
    #[deserr(default)]
    #[param(value_type = Option<String>, min_length = 1, max_length = 200)]
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
    params(EventQuery, PageParams),
    responses((status = 200, description = "A page of events", body = Page<EventView>))
)]
pub(crate) async fn list_events(
    State(service): State<EventService>,
    LoggedInOrKey(caller, ..): LoggedInOrKey<EventsRead>,
    ListQuery(query, page): ListQuery<EventQuery>,
) -> Result<Json<Page<EventView>>, Problem> {
    let now = service.now();
    let filter = EventFilter {
        status: query.status,
        phase: query.phase.map(|phase| (phase, now)),
        name: query.name.map(TextLine::into_string),
    };
    let events = service.list_events(&caller, filter, page).await?;
    Ok(Json(events.map(|event| EventView::new(event, now))))
}

#[cfg(test)]
mod tests;
