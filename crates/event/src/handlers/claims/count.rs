use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{ClaimId, ClaimStatus, EventId, Faults, Timestamp, UserId};
use event_store::{ClaimCounts, OldestClaim};
use serde::Serialize;
use service_kit::{
    extract::{Staff, TypedQuery},
    problem::Problem,
};

use crate::service::EventService;

/// Which requests to count: those that match everything that is given.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase", parameter_in = Query)]
pub(crate) struct ClaimCountQuery {
    /// Only this user's.
    #[deserr(default)]
    user_id: Option<UserId>,
    /// Only those for this event.
    #[deserr(default)]
    event_id: Option<EventId>,
}

/// How many requests there are of each status.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RequestCounts)]
pub(crate) struct ClaimCountsView {
    pending: u64,
    approved: u64,
    rejected: u64,
    revoked: u64,
    /// The PENDING one that has waited longest; null if none is.
    #[schema(required)]
    oldest_pending: Option<OldestPendingView>,
}

/// A request that waits for its decision.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OldestPendingRequest)]
pub(crate) struct OldestPendingView {
    id: ClaimId,
    created_at: Timestamp,
}

impl From<ClaimCounts> for ClaimCountsView {
    fn from(counts: ClaimCounts) -> Self {
        let oldest = |OldestClaim { id, created_at }| OldestPendingView { id, created_at };
        Self {
            pending: counts.with_status(ClaimStatus::Pending),
            approved: counts.with_status(ClaimStatus::Approved),
            rejected: counts.with_status(ClaimStatus::Rejected),
            revoked: counts.with_status(ClaimStatus::Revoked),
            oldest_pending: counts.oldest_pending.map(oldest),
        }
    }
}

/// Count reward requests
///
/// By status, of all users and events or of those that are given.
#[utoipa::path(
    get,
    path = "/events/requests/counts",
    operation_id = "countRewardRequests",
    tag = "Requests",
    params(ClaimCountQuery),
    responses((status = 200, description = "The numbers", body = ClaimCountsView))
)]
pub(crate) async fn count_claims(
    State(service): State<EventService>,
    _staff: Staff,
    TypedQuery(query): TypedQuery<ClaimCountQuery>,
) -> Result<Json<ClaimCountsView>, Problem> {
    Ok(Json(service.count_claims(query.user_id, query.event_id).await?.into()))
}

#[cfg(test)]
mod tests;
