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
    fn from(claim: Claim) -> Self {
        Self {
            id: claim.id,
            event_id: claim.event_id,
            user_id: claim.user_id,
            status: claim.status,
            event_revision: claim.event_revision,
            created_at: claim.created_at,
            updated_at: claim.updated_at,
        }
    }
}

/// A reward request with what it was decided on.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = RewardRequestWithDecision)]
pub(crate) struct DecidedClaimView {
    #[serde(flatten)]
    claim: ClaimView,
    decision: DecisionTrace,
}

impl DecidedClaimView {
    pub(crate) fn new(claim: Claim, decision: DecisionTrace) -> Self {
        Self { claim: claim.into(), decision }
    }
}
