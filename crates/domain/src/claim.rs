//! Reward requests: what users claim.

use serde::{Deserialize, Serialize};

use crate::{ClaimId, EventId, Timestamp, UserId};

crate::named_values::named_values! {
    /// How far a reward request has come.
    pub enum ClaimStatus {
        /// Stored, not yet decided.
        Pending = "PENDING",
        /// Decided in the user's favour.
        Approved = "APPROVED",
        /// Decided against the user.
        Rejected = "REJECTED",
        /// Approved once, taken back.
        Revoked = "REVOKED",
    }
}

/// What a request was decided on, kept so that every decision can be explained afterwards. The condition is
/// that of the event's revision, which is stored once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionTrace {
    /// The event's revision whose condition was evaluated.
    pub event_revision: i64,
    /// The facts it was evaluated over.
    #[schema(value_type = Object)]
    pub facts: serde_json::Value,
    /// The evaluation, as the rules wrote it.
    #[schema(value_type = Object)]
    pub evaluation: serde_json::Value,
}

/// A user's claim on an event's rewards. One per user and event, ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The request's id.
    pub id: ClaimId,
    /// The event claimed.
    pub event_id: EventId,
    /// The claimant.
    pub user_id: UserId,
    /// How far it has come.
    pub status: ClaimStatus,
    /// The event's revision it was decided on.
    pub event_revision: i64,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
