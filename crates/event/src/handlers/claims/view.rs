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
    decision: DecisionView,
}

/// What a request was decided on, kept so that every decision can be explained afterwards.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DecisionTrace)]
struct DecisionView {
    /// The event's revision the condition was taken from.
    event_revision: i64,
    /// The condition as it stood in that revision.
    #[schema(value_type = Object)]
    condition: serde_json::Value,
    /// The facts it was evaluated over.
    #[schema(value_type = Object)]
    facts: serde_json::Value,
    /// The evaluation, step by step.
    #[schema(value_type = Object)]
    evaluation: serde_json::Value,
}

impl DecidedClaimView {
    pub(crate) fn new(request: Claim, decision: DecisionTrace, condition: serde_json::Value) -> Self {
        let DecisionTrace { event_revision, facts, evaluation } = decision;
        Self {
            request: request.into(),
            decision: DecisionView { event_revision, condition, facts, evaluation },
        }
    }
}
