use axum::{extract::State, response::Response};
use domain::{EventId, RewardId};
use service_kit::{
    extract::{ChangedBy, IfMatch, Operator, PathIds, no_content},
    problem::Refused,
};

use crate::{
    app::{audit::Editor, event_changes::ChangeEventError, rewards::NotAttached},
    service::EventService,
};

service_kit::refusals! {
    /// Why a reward is not taken from an event.
    pub(crate) enum DetachRewardRefusal {
        /// There is no such event.
        UnknownEvent = NotFound,
        /// The event does not have this reward.
        NotAttached = NotFound,
        /// The event is no longer at the revision that `If-Match` names. Read it again.
        PreconditionFailed,
    }
}

impl From<ChangeEventError<NotAttached>> for Refused<DetachRewardRefusal> {
    fn from(error: ChangeEventError<NotAttached>) -> Self {
        match error {
            ChangeEventError::UnknownEvent => DetachRewardRefusal::UnknownEvent.into(),
            ChangeEventError::Outdated => DetachRewardRefusal::PreconditionFailed.into(),
            ChangeEventError::Refused(NotAttached) => DetachRewardRefusal::NotAttached.into(),
            ChangeEventError::Store(error) => error.into(),
        }
    }
}

/// Take a reward from an event
///
/// Claims that were made before still get it. The reward itself remains.
#[utoipa::path(
    delete,
    path = "/events/{eventId}/rewards/{rewardId}",
    operation_id = "detachReward",
    tag = "Rewards",
    params(
        ("eventId" = EventId, Path, description = "The event's id"),
        ("rewardId" = RewardId, Path, description = "The reward's id"),
        IfMatch,
    ),
    responses((status = 204, description = "Taken from the event"), DetachRewardRefusal)
)]
pub(crate) async fn detach_reward(
    State(service): State<EventService>,
    Operator(caller): Operator,
    ChangedBy(author): ChangedBy,
    PathIds((event, reward)): PathIds<(EventId, RewardId)>,
    IfMatch(expected): IfMatch,
) -> Result<Response, Refused<DetachRewardRefusal>> {
    service.detach_reward(&Editor { user: caller.id, author }, event, &expected, reward).await?;
    Ok(no_content())
}
