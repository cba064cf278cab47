use axum::{Json, extract::State, response::IntoResponse};
use domain::EventId;
use http::StatusCode;
use service_kit::{
    extract::{ChangedBy, IfMatch, JsonBody, Operator, PathId},
    problem::Refused,
};

use super::{body::AttachRewardBody, view::RewardView};
use crate::{
    app::{audit::Editor, event_changes::ChangeEventError, rewards::AttachRewardError},
    service::EventService,
};

service_kit::refusals! {
    /// Why a reward is not attached.
    pub(crate) enum AttachRewardRefusal {
        /// There is no such event.
        UnknownEvent = NotFound,
        /// There is no such reward.
        UnknownReward = NotFound,
        /// The event has this reward already.
        RewardAttached,
        /// The event is no longer at the revision that `If-Match` names. Read it again.
        PreconditionFailed,
    }
}

impl From<ChangeEventError<AttachRewardError>> for Refused<AttachRewardRefusal> {
    fn from(error: ChangeEventError<AttachRewardError>) -> Self {
        match error {
            ChangeEventError::UnknownEvent => AttachRewardRefusal::UnknownEvent.into(),
            ChangeEventError::Outdated => AttachRewardRefusal::PreconditionFailed.into(),
            ChangeEventError::Refused(AttachRewardError::UnknownReward) => {
                AttachRewardRefusal::UnknownReward.into()
            }
            ChangeEventError::Refused(AttachRewardError::AlreadyAttached) => {
                AttachRewardRefusal::RewardAttached.into()
            }
            ChangeEventError::Store(error) => error.into(),
        }
    }
}

/// Attach a reward
///
/// Creates a reward and attaches it to the event, or attaches one there is already. The event gets a new revision.
#[utoipa::path(
    post,
    path = "/events/{eventId}/rewards",
    operation_id = "attachReward",
    tag = "Rewards",
    params(("eventId" = EventId, Path, description = "The event's id"), IfMatch),
    request_body(content = AttachRewardBody, examples(
        ("Points" = (value = json!({"type": "POINT", "name": "Starter points", "points": 500}))),
        ("Points for the first hundred" = (value = json!({"type": "POINT", "name": "Starter points", "points": 500,
            "stock": 100}))),
        ("Items" = (value = json!({"type": "ITEM", "name": "Potions", "itemId": "potion-s", "quantity": 3}))),
        ("A coupon" = (value = json!({"type": "COUPON", "name": "Ten percent off", "couponCode": "SPRING10",
            "expiry": "2027-01-01T00:00:00Z"}))),
        ("A coupon with a code each" = (value = json!({"type": "COUPON", "name": "Gift code", "pool": true,
            "expiry": "2027-01-01T00:00:00Z"}))),
        ("A badge" = (value = json!({"type": "BADGE", "name": "Early bird", "badgeId": "early-bird"}))),
        ("One there is already" = (value = json!({"rewardId": "6650f1a2c3d4e5f601234567"}))),
    )),
    responses((status = 201, description = "Attached", body = RewardView), AttachRewardRefusal)
)]
pub(crate) async fn attach_reward(
    State(service): State<EventService>,
    Operator(caller): Operator,
    ChangedBy(author): ChangedBy,
    PathId(event): PathId<EventId>,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<AttachRewardBody>,
) -> Result<impl IntoResponse, Refused<AttachRewardRefusal>> {
    let attached =
        service.attach_reward(&Editor { user: caller.id, author }, event, &expected, body.into()).await?;
    Ok((StatusCode::CREATED, Json(RewardView::attached_for_staff(&attached))))
}

#[cfg(test)]
mod tests;
