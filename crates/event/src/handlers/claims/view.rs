use domain::{Claim, ClaimId, ClaimStatus, EventId, Timestamp, UserId};
use rules::ConditionTrace;
use serde::Serialize;
use serde_json::Value;

use crate::app::claims::ExplainedClaim;

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
    #[schema(minimum = 1)]
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
    decision: DecisionView,
}

/// What a request was decided on.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Decision)]
struct DecisionView {
    /// The event's revision the condition was taken from.
    #[schema(minimum = 1)]
    event_revision: i64,
    /// The condition as it stood in that revision; null where an earlier version did not keep it.
    #[schema(value_type = Option<Object>, required)]
    condition: Value,
    /// The facts it was evaluated over.
    #[schema(value_type = Object)]
    facts: Value,
    evaluation: EvaluationView,
}

/// How a condition was evaluated.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Evaluation)]
struct EvaluationView {
    /// Whether the user was admitted.
    eligible: bool,
    /// The condition, part by part, with the value of each.
    #[schema(value_type = Object)]
    trace: ConditionTrace,
}

impl From<ExplainedClaim> for DecidedClaimView {
    fn from(explained: ExplainedClaim) -> Self {
        Self {
            claim: explained.claim.into(),
            decision: DecisionView {
                event_revision: explained.event_revision,
                condition: explained.condition,
                facts: explained.facts,
                evaluation: EvaluationView { eligible: explained.eligible, trace: explained.trace },
            },
        }
    }
}
