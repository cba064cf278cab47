use audit::AuditEntry;
use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{AuditAction, Faults, ObjectId, Timestamp};
use service_kit::{
    extract::{Auditor, ListQuery, PageParams},
    page::Page,
    problem::Problem,
};

use crate::{AuthService, store::AuditFilter};

/// Which entries are listed.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only what the user or API key with this id did.
    #[deserr(default)]
    actor: Option<ObjectId>,
    /// Only what was done to the user or API key with this id.
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

impl From<AuditQuery> for AuditFilter {
    fn from(AuditQuery { actor, object, action, from, to }: AuditQuery) -> Self {
        Self { actor, object, action, from, to }
    }
}

/// List changes to users and API keys
///
/// What administrators, the command line and the program changed, newest first: who, when, what, from what to
/// what, and by which request. Each entry holds the hash of the one before it.
#[utoipa::path(
    get,
    path = "/audit/users",
    operation_id = "listUserAudit",
    tag = "Audit",
    params(AuditQuery, PageParams),
    responses((status = 200, description = "A page of entries", body = Page<AuditEntry>))
)]
pub(crate) async fn list_audit(
    State(auth): State<AuthService>,
    _auditor: Auditor,
    ListQuery(query, page): ListQuery<AuditQuery>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    Ok(Json(auth.show_audit(&query.into(), page).await?))
}

#[cfg(test)]
mod tests;
