use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{Approval, EventId, EventStatus, Faults, RewardId, Timestamp, UserId};
use event_store::FieldChange;
use serde::Serialize;
use serde_json::Value;
use service_kit::{
    extract::{ListQuery, PageParams, PathId, Staff},
    page::Page,
    problem::Refused,
};

use crate::{
    app::revisions::{ListRevisionsError, RevisionWithChanges},
    service::EventService,
};

/// A revision has no filters.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RevisionQuery {}

/// An event as it was at one of its revisions, and what that revision changed.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventRevision)]
pub(crate) struct RevisionView {
    /// Counts the event's changes, from 1.
    #[schema(minimum = 1)]
    revision: i64,
    #[schema(value_type = Object)]
    condition: Value,
    #[serde(flatten)]
    details: Option<RevisionDetailsView>,
    /// What differs from the revision before; empty for the first one.
    changes: Vec<FieldChangeView>,
}

/// The rest of a revision. Lacking where an earlier version of Guerdon kept the condition alone.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventRevisionDetails)]
struct RevisionDetailsView {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    period_start: Timestamp,
    #[schema(required)]
    period_end: Option<Timestamp>,
    timezone: String,
    status: EventStatus,
    approval: Approval,
    /// The ids of the event's rewards.
    rewards: Vec<RewardId>,
    /// Who made this revision.
    changed_by: UserId,
    changed_at: Timestamp,
}

/// A field that a revision changed.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = FieldChange)]
struct FieldChangeView {
    /// As it is called in an event; `rewards` are the ids of its rewards.
    field: String,
    before: Value,
    after: Value,
}

impl From<RevisionWithChanges> for RevisionView {
    fn from(RevisionWithChanges { revision, changes }: RevisionWithChanges) -> Self {
        let details = revision.details.map(|details| RevisionDetailsView {
            name: details.name,
            description: details.description,
            period_start: details.period_start,
            period_end: details.period_end,
            timezone: details.timezone,
            status: details.status,
            approval: details.approval,
            rewards: details.rewards.iter().map(|place| place.reward).collect(),
            changed_by: details.changed_by,
            changed_at: details.changed_at,
        });
        let change = |FieldChange { field, before, after }| FieldChangeView { field, before, after };
        Self {
            revision: revision.revision,
            condition: revision.condition,
            details,
            changes: changes.into_iter().map(change).collect(),
        }
    }
}

service_kit::refusals! {
    /// Why an event's revisions are not listed.
    pub(crate) enum ListRevisionsRefusal {
        /// There is no such event.
        UnknownEvent = NotFound,
    }
}

impl From<ListRevisionsError> for Refused<ListRevisionsRefusal> {
    fn from(error: ListRevisionsError) -> Self {
        match error {
            ListRevisionsError::UnknownEvent => ListRevisionsRefusal::UnknownEvent.into(),
            ListRevisionsError::Store(error) => error.into(),
        }
    }
}

/// List an event's revisions
///
/// Newest first: who changed what, and when.
#[utoipa::path(
    get,
    path = "/events/{eventId}/revisions",
    operation_id = "listEventRevisions",
    tag = "Events",
    params(("eventId" = EventId, Path, description = "The event's id"), PageParams),
    responses((status = 200, description = "A page of revisions", body = Page<RevisionView>), ListRevisionsRefusal)
)]
pub(crate) async fn list_revisions(
    State(service): State<EventService>,
    _staff: Staff,
    PathId(event): PathId<EventId>,
    ListQuery(_filters, page): ListQuery<RevisionQuery>,
) -> Result<Json<Page<RevisionView>>, Refused<ListRevisionsRefusal>> {
    Ok(Json(service.list_revisions(event, page).await?.map(RevisionView::from)))
}
