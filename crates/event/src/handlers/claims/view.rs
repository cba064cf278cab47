use domain::{Claim, ClaimId, ClaimStatus, Decider, EventId, Timestamp, UserId, Verdict};
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
    /// Who approved or rejected it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decided_by: Option<Decider>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decided_at: Option<Timestamp>,
    /// Why, if they said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// Who revoked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revoked_by: Option<Decider>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revoked_reason: Option<String>,
}

impl From<Claim> for ClaimView {
    fn from(claim: Claim) -> Self {
        let (decided_by, decided_at, reason) = split_verdict(claim.verdict);
        let (revoked_by, revoked_at, revoked_reason) = split_verdict(claim.revocation);
        Self {
            id: claim.id,
            event_id: claim.event_id,
            user_id: claim.user_id,
            status: claim.status,
            event_revision: claim.event_revision,
            created_at: claim.created_at,
            updated_at: claim.updated_at,
            decided_by,
            decided_at,
            reason,
            revoked_by,
            revoked_at,
            revoked_reason,
        }
    }
}

fn split_verdict(verdict: Option<Verdict>) -> (Option<Decider>, Option<Timestamp>, Option<String>) {
    verdict.map_or((None, None, None), |verdict| (Some(verdict.by), Some(verdict.at), verdict.reason))
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
