use axum::{Json, extract::State};
use domain::Timestamp;
use serde::Serialize;
use service_kit::{extract::Auditor, problem::Problem};

use crate::{
    app::invariants::{Invariant, InvariantCheck},
    service::EventService,
};

/// What must always be true, and whether it is.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvariantReport)]
pub(crate) struct InvariantReportView {
    checked_at: Timestamp,
    /// Whether no violation was found.
    holds: bool,
    invariants: Vec<InvariantView>,
}

/// One thing that must always be true.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvariantCheck)]
struct InvariantView {
    name: Invariant,
    holds: bool,
    /// How many claims, stocks, wallets or entries were looked at this time. Each look goes on where the one before ended, besides
    /// looking at the newest claims.
    checked: u64,
    violations: u64,
    /// Some of the violations, in words.
    examples: Vec<String>,
    /// Since when the oldest claim waits whose grants are still to be made or taken back.
    #[schema(required)]
    in_flight_since: Option<Timestamp>,
}

impl From<InvariantCheck> for InvariantView {
    fn from(check: InvariantCheck) -> Self {
        Self {
            name: check.invariant,
            holds: check.violations == 0,
            checked: check.checked,
            violations: check.violations,
            examples: check.examples,
            in_flight_since: check.in_flight_since,
        }
    }
}

/// Check the invariants
///
/// Looks at once, at a part of what is stored; a worker looks every minute, and comes round to everything.
#[utoipa::path(
    get,
    path = "/admin/invariants",
    operation_id = "checkInvariants",
    tag = "Administration",
    responses((status = 200, description = "What was found", body = InvariantReportView))
)]
pub(crate) async fn check_invariants(
    State(service): State<EventService>,
    _auditor: Auditor,
) -> Result<Json<InvariantReportView>, Problem> {
    let checked_at = service.now();
    let invariants: Vec<InvariantView> =
        service.check_invariants().await?.into_iter().map(InvariantView::from).collect();
    let holds = invariants.iter().all(|invariant| invariant.holds);
    Ok(Json(InvariantReportView { checked_at, holds, invariants }))
}

#[cfg(test)]
mod tests;
