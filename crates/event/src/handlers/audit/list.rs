use audit::AuditEntry;
use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{AuditAction, Faults, ObjectId, Timestamp};
use event_store::AuditFilter;
use service_kit::{
    extract::{Auditor, ListQuery, PageParams},
    page::Page,
    problem::Problem,
};

use crate::service::EventService;

/// Which entries are listed.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventAuditQuery {
    /// Only what the user or API key with this id did.
    #[deserr(default)]
    actor: Option<ObjectId>,
    /// Only what was done to the event, request or user with this id.
    #[deserr(default)]
    object: Option<ObjectId>,
    /// Only what was this kind of change.
    #[deserr(default)]
    action: Option<AuditAction>,
    /// Only what was done from this moment on.
    #[deserr(default)]
    from: Option<Timestamp>,
    /// Only what was done before this moment.
    #[deserr(default)]
    to: Option<Timestamp>,
}

impl From<EventAuditQuery> for AuditFilter {
    fn from(EventAuditQuery { actor, object, action, from, to }: EventAuditQuery) -> Self {
        Self { actor, object, action, from, to }
    }
}

/// List changes to events and requests
///
/// What staff and servers changed, newest first: events, their rewards and stock, decisions on requests, and
/// users' attributes; who, when, from what to what, and by which request. Each entry holds the hash of the one
/// before it. Users' own requests and activities are not in it.
#[utoipa::path(
    get,
    path = "/audit/events",
    operation_id = "listEventAudit",
    tag = "Audit",
    params(EventAuditQuery, PageParams),
    responses((status = 200, description = "A page of entries", body = Page<AuditEntry>))
)]
pub(crate) async fn list_audit(
    State(service): State<EventService>,
    _auditor: Auditor,
    ListQuery(query, page): ListQuery<EventAuditQuery>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    Ok(Json(service.show_audit(&query.into(), page).await?))
}

#[cfg(test)]
mod tests;
