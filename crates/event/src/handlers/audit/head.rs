use audit::AuditHead;
use axum::{Json, extract::State};
use service_kit::{extract::Auditor, problem::Problem};

use crate::service::EventService;

/// Show the end of the log of changes to events and requests
///
/// To be kept elsewhere: with it, `guerdon audit verify events --head SEQUENCE:HASH` proves later that no
/// entry up to it was changed or removed.
#[utoipa::path(
    get,
    path = "/audit/events/head",
    operation_id = "getEventAuditHead",
    tag = "Audit",
    responses((status = 200, description = "The last entry's sequence and hash", body = AuditHead))
)]
pub(crate) async fn get_audit_head(
    State(service): State<EventService>,
    _auditor: Auditor,
) -> Result<Json<AuditHead>, Problem> {
    Ok(Json(service.show_audit_head().await?))
}
