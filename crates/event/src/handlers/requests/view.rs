use domain::{DecisionTrace, EventId, RequestId, RequestStatus, RewardRequest, Timestamp, UserId};
use serde::Serialize;

/// A reward request as it is answered.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RewardRequest)]
pub(crate) struct RequestView {
    id: RequestId,
    event_id: EventId,
    user_id: UserId,
    status: RequestStatus,
    /// The event's revision it was decided on.
    event_revision: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<RewardRequest> for RequestView {
    fn from(request: RewardRequest) -> Self {
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
pub(crate) struct DecidedView {
    #[serde(flatten)]
    request: RequestView,
    decision: DecisionTrace,
}

impl DecidedView {
    pub(crate) fn new(request: RewardRequest, decision: DecisionTrace) -> Self {
        Self { request: request.into(), decision }
    }
}
