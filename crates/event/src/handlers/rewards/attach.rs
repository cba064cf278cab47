use axum::{Json, extract::State, response::IntoResponse};
use domain::{EventId, Reward, RewardId};
use http::StatusCode;
use service_kit::{
    extract::{JsonBody, Operator, PathId},
    problem::{Code, Problem, ProblemBody},
};

use super::{
    body::{AttachReward, Wanted},
    view::RewardView,
};
use crate::EventService;
use event_store::{AttachOutcome, Attachment};

/// Attach a reward
///
/// Creates a reward and attaches it to the event, or attaches one there is already.
#[utoipa::path(
    post,
    path = "/events/{eventId}/rewards",
    operation_id = "attachReward",
    tag = "Rewards",
    params(("eventId" = EventId, Path, description = "The event's id")),
    request_body(content = AttachReward, examples(
        ("Points" = (value = json!({"type": "POINT", "name": "Starter points", "points": 500}))),
        ("Items" = (value = json!({"type": "ITEM", "name": "Potions", "itemId": "potion-s", "quantity": 3}))),
        ("A coupon" = (value = json!({"type": "COUPON", "name": "Ten percent off", "couponCode": "SPRING10",
            "expiry": "2027-01-01T00:00:00Z"}))),
        ("A badge" = (value = json!({"type": "BADGE", "name": "Early bird", "badgeId": "early-bird"}))),
        ("One there is already" = (value = json!({"rewardId": "6650f1a2c3d4e5f601234567"}))),
    )),
    responses(
        (status = 201, description = "Attached", body = RewardView),
        (status = 400, description = "VALIDATION_FAILED or MALFORMED_BODY", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "NOT_FOUND: no such event, or no such reward", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "REWARD_ATTACHED: the event has it already", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(service): State<EventService>,
    _operator: Operator,
    PathId(event): PathId<EventId>,
    JsonBody(body): JsonBody<AttachReward>,
) -> Result<impl IntoResponse, Problem> {
    let wanted = body.wanted()?;
    if service.catalogue.event(event).await?.is_none() {
        return Err(Problem::new(Code::NotFound).detail("There is no such event"));
    }
    let reward = match wanted {
        Wanted::New { name, kind } => {
            let minted = service.ids.mint();
            let id = RewardId(minted.id);
            let reward = Reward { id, name, kind, created_at: minted.at, updated_at: minted.at };
            service.rewards.create_attached(reward.clone(), place(&service, event, id)).await?;
            reward
        }
        Wanted::Existing(id) => match service.rewards.attach(place(&service, event, id)).await? {
            AttachOutcome::Attached(reward) => reward,
            AttachOutcome::Already => return Err(Problem::new(Code::RewardAttached)),
            AttachOutcome::UnknownReward => {
                return Err(Problem::new(Code::NotFound).detail("There is no such reward"));
            }
        },
    };
    Ok((StatusCode::CREATED, Json(RewardView::new(reward, true))))
}

fn place(service: &EventService, event: EventId, reward: RewardId) -> Attachment {
    let minted = service.ids.mint();
    Attachment { id: minted.id, event, reward, at: minted.at }
}

#[cfg(test)]
mod tests;
