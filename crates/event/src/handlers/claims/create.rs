use axum::{Json, extract::State, response::IntoResponse};
use deserr::Deserr;
use domain::{ClaimId, EventId, Faults, UserId};
use http::{StatusCode, header};
use rules::ProgressStep;
use service_kit::{
    extract::{ChangedBy, ClaimantOrKey, NamedSubject, OptionalJsonBody, PathId, scope::RequestsWrite},
    identity::UserOrKey,
    problem::{Problem, ProblemCode, Refused},
    subject::SubjectError,
};

use super::{idempotency_key::IdempotencyKey, view::ClaimView};
use crate::{
    app::claims::{ClaimantError, CreateClaimError, choose_claimant},
    decide::ClaimRefusal,
    service::EventService,
};

/// Whom a claim is for.
#[derive(Debug, Default, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(as = RequestRewards, rename_all = "camelCase")]
pub(crate) struct CreateClaimBody {
    /// With an API key: the user who claims. Users may leave it out, and can name themselves alone.
    #[deserr(default)]
    user_id: Option<UserId>,
}

service_kit::refusals! {
    /// Why a claim is not stored. It is not used up.
    pub(crate) enum CreateClaimRefusal {
        /// A user claims for themselves alone, and only who has the role USER can claim.
        NotForThem = Forbidden,
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
        /// Of one of the event's rewards nothing is left.
        SoldOut,
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
            CreateClaimError::SoldOut => CreateClaimRefusal::SoldOut,
            CreateClaimError::Store(error) => return error.into(),
        };
        refusal.into()
    }
}

impl From<ClaimantError> for Refused<CreateClaimRefusal> {
    fn from(error: ClaimantError) -> Self {
        match error {
            ClaimantError::Subject(SubjectError::Unnamed) => {
                Faults::new("/userId", "is required with an API key").into()
            }
            ClaimantError::Subject(SubjectError::OthersForbidden) | ClaimantError::NoClaimant => {
                CreateClaimRefusal::NotForThem.into()
            }
            ClaimantError::Subject(error @ SubjectError::NotLookedUp) => {
                Problem::new(ProblemCode::Internal).caused_by(error).into()
            }
        }
    }
}

/// Claim an event's rewards
///
/// Each user can claim an event once. A claim that is refused is not used up. A retry with the same
/// `Idempotency-Key` gets the first answer again. A server claims for the user it names; one that does not
/// exist is 404.
#[utoipa::path(
    post,
    path = "/events/{eventId}/request",
    operation_id = "requestRewards",
    tag = "Requests",
    params(("eventId" = EventId, Path, description = "The event's id"), IdempotencyKey),
    request_body(content = Option<CreateClaimBody>, description = "May be left out by users"),
    responses(
        (status = 201, description = "Stored, to be decided", body = ClaimView,
            headers(("location" = String, description = "Where the request is found"))),
        CreateClaimRefusal,
    )
)]
pub(crate) async fn create_claim(
    State(service): State<EventService>,
    ClaimantOrKey(caller, ..): ClaimantOrKey<RequestsWrite>,
    ChangedBy(author): ChangedBy,
    NamedSubject(subject): NamedSubject,
    PathId(event): PathId<EventId>,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJsonBody(body): OptionalJsonBody<CreateClaimBody>,
) -> Result<impl IntoResponse, Refused<CreateClaimRefusal>> {
    let claimant = choose_claimant(caller, body.user_id, subject)?;
    let server = matches!(caller, UserOrKey::Key(_)).then_some(author);
    let claim = service.create_claim(&claimant, event, key, server).await?.into_claim();
    let location = [(header::LOCATION, format!("/events/requests/{}", claim.id))];
    Ok((StatusCode::CREATED, location, Json(ClaimView::from(claim))))
}

#[cfg(test)]
mod tests;
