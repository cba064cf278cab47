use audit::AuditHead;
use axum::{Json, extract::State};
use service_kit::{extract::Auditor, problem::Problem};

use crate::AuthService;

/// Show the end of the log of changes to users and API keys
///
/// To be kept elsewhere: with it, `guerdon audit verify users --head SEQUENCE:HASH` proves later that no
/// entry up to it was changed or removed.
#[utoipa::path(
    get,
    path = "/audit/users/head",
    operation_id = "getUserAuditHead",
    tag = "Audit",
    responses((status = 200, description = "The last entry's sequence and hash", body = AuditHead))
)]
pub(crate) async fn get_audit_head(
    State(auth): State<AuthService>,
    _auditor: Auditor,
) -> Result<Json<AuditHead>, Problem> {
    Ok(Json(auth.show_audit_head().await?))
}
