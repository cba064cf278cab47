use axum::{Json, extract::State, response::IntoResponse};
use domain::{ClaimId, EventId};
use http::{StatusCode, header};
use rules::ProgressStep;
use service_kit::{
    extract::{Claimant, PathId},
    problem::Refused,
};

use super::{idempotency_key::IdempotencyKey, view::ClaimView};
use crate::{app::claims::CreateClaimError, decide::ClaimRefusal, service::EventService};

service_kit::refusals! {
    /// Why a claim is not stored. It is not used up.
    pub(crate) enum CreateClaimRefusal {
        /// There is no such event.
        UnknownEvent = NotFound,
        /// The event is switched off.
        EventNotActive,
        /// The event's period has not begun.
        EventNotStarted,
        /// The event's period is over.
        EventEnded,
        /// You have requested this event's rewards before: rewardRequestId names that request.
        AlreadyRequested { reward_request_id: ClaimId },
        /// You do not meet the event's condition: progress tells, comparison by comparison, how far you are.
        ConditionNotMet { progress: Vec<ProgressStep> },
    }
}

impl From<CreateClaimError> for Refused<CreateClaimRefusal> {
    fn from(error: CreateClaimError) -> Self {
        let refusal = match error {
            CreateClaimError::UnknownEvent => CreateClaimRefusal::UnknownEvent,
            CreateClaimError::Refused(ClaimRefusal::EventNotActive) => CreateClaimRefusal::EventNotActive,
            CreateClaimError::Refused(ClaimRefusal::EventNotStarted) => CreateClaimRefusal::EventNotStarted,
            CreateClaimError::Refused(ClaimRefusal::EventEnded) => CreateClaimRefusal::EventEnded,
            CreateClaimError::Refused(ClaimRefusal::ConditionNotMet(progress)) => {
                CreateClaimRefusal::ConditionNotMet { progress }
            }
            CreateClaimError::AlreadyRequested(reward_request_id) => {
                CreateClaimRefusal::AlreadyRequested { reward_request_id }
            }
            CreateClaimError::Store(error) => return error.into(),
        };
        refusal.into()
    }
}

/// Claim an event's rewards
///
/// Each user can claim an event once. A claim that is refused is not used up. A retry with the same
/// `Idempotency-Key` gets the first answer again.
#[utoipa::path(
    post,
    path = "/events/{eventId}/request",
    operation_id = "requestRewards",
    tag = "Requests",
    params(("eventId" = EventId, Path, description = "The event's id"), IdempotencyKey),
    responses(
        (status = 201, description = "Stored, to be decided", body = ClaimView,
            headers(("location" = String, description = "Where the request is found"))),
        CreateClaimRefusal,
    )
)]
pub(crate) async fn create_claim(
    State(service): State<EventService>,
    Claimant(caller): Claimant,
    PathId(event): PathId<EventId>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<impl IntoResponse, Refused<CreateClaimRefusal>> {
    let claim = service.create_claim(&caller, event, key).await?.into_claim();
    let location = [(header::LOCATION, format!("/events/requests/{}", claim.id))];
    Ok((StatusCode::CREATED, location, Json(ClaimView::from(claim))))
}

#[cfg(test)]
mod tests;
