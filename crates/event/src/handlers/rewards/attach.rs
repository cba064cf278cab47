use axum::{Json, extract::State, response::IntoResponse};
use domain::EventId;
use http::StatusCode;
use service_kit::{
    extract::{JsonBody, Operator, PathId},
    problem::Refused,
};

use super::{body::AttachRewardBody, view::RewardView};
use crate::{app::rewards::AttachRewardError, service::EventService};

service_kit::refusals! {
    /// Why a reward is not attached.
    pub(crate) enum AttachRewardRefusal {
        /// There is no such event.
        UnknownEvent = NotFound,
        /// There is no such reward.
        UnknownReward = NotFound,
        /// The event has this reward already.
        RewardAttached,
    }
}

impl From<AttachRewardError> for Refused<AttachRewardRefusal> {
    fn from(error: AttachRewardError) -> Self {
        match error {
            AttachRewardError::UnknownEvent => AttachRewardRefusal::UnknownEvent.into(),
            AttachRewardError::UnknownReward => AttachRewardRefusal::UnknownReward.into(),
            AttachRewardError::AlreadyAttached => AttachRewardRefusal::RewardAttached.into(),
            AttachRewardError::Store(error) => error.into(),
        }
    }
}

/// Attach a reward
///
/// Creates a reward and attaches it to the event, or attaches one there is already.
#[utoipa::path(
    post,
    path = "/events/{eventId}/rewards",
    operation_id = "attachReward",
    tag = "Rewards",
    params(("eventId" = EventId, Path, description = "The event's id")),
    request_body(content = AttachRewardBody, examples(
        ("Points" = (value = json!({"type": "POINT", "name": "Starter points", "points": 500}))),
        ("Items" = (value = json!({"type": "ITEM", "name": "Potions", "itemId": "potion-s", "quantity": 3}))),
        ("A coupon" = (value = json!({"type": "COUPON", "name": "Ten percent off", "couponCode": "SPRING10",
            "expiry": "2027-01-01T00:00:00Z"}))),
        ("A badge" = (value = json!({"type": "BADGE", "name": "Early bird", "badgeId": "early-bird"}))),
        ("One there is already" = (value = json!({"rewardId": "6650f1a2c3d4e5f601234567"}))),
    )),
    responses((status = 201, description = "Attached", body = RewardView), AttachRewardRefusal)
)]
pub(crate) async fn attach_reward(
    State(service): State<EventService>,
    _operator: Operator,
    PathId(event): PathId<EventId>,
    JsonBody(body): JsonBody<AttachRewardBody>,
) -> Result<impl IntoResponse, Refused<AttachRewardRefusal>> {
    let reward = service.attach_reward(event, body.into()).await?;
    Ok((StatusCode::CREATED, Json(RewardView::for_staff(&reward))))
}

#[cfg(test)]
mod tests;
