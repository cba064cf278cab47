use domain::{Claim, ClaimId, ClaimStatus, DecisionTrace, EventId, Timestamp, UserId};
use serde::Serialize;

/// A reward request as it is answered.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Claim)]
pub(crate) struct ClaimView {
    id: ClaimId,
    event_id: EventId,
    user_id: UserId,
    status: ClaimStatus,
    /// The event's revision it was decided on.
    event_revision: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Claim> for ClaimView {
    fn from(request: Claim) -> Self {
        Self {
            id: request.id,
            event_id: request.event_id,
            user_id: request.user_id,
            status: request.status,
            event_revision: request.event_revision,
            created_at: request.created_at,
            updated_at: request.updated_at,
        }
    }
}

/// A reward request with what it was decided on.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = RewardRequestWithDecision)]
pub(crate) struct DecidedClaimView {
    #[serde(flatten)]
    request: ClaimView,
    decision: DecisionTrace,
}

impl DecidedClaimView {
    pub(crate) fn new(request: Claim, decision: DecisionTrace) -> Self {
        Self { request: request.into(), decision }
    }
}
