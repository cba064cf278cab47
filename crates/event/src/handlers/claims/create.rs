use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{Claim, ClaimId, ClaimStatus, EventId, UserId};
use http::{StatusCode, header};
use service_kit::{
    extract::{Claimant, PathId},
    metrics::CLAIMS,
    problem::{Code, Problem, ProblemBody},
};

use super::{idempotency_key::IdempotencyKey, view::ClaimView};
use crate::{
    EventService,
    claim::{self, Refused},
};
use event_store::{Claimed, NewClaim, Stored};

/// Claim an event's rewards
///
/// Each user can claim an event once. A claim that is refused is not used up. A retry with the same `Idempotency-Key` gets
/// the first answer again.
#[utoipa::path(
    post,
    path = "/events/{eventId}/request",
    operation_id = "requestRewards",
    tag = "Requests",
    params(
        ("eventId" = EventId, Path, description = "The event's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Any text of your own, the same for each retry"),
    ),
    responses(
        (status = 201, description = "Stored, to be decided", body = ClaimView,
            headers(("location" = String, description = "Where the request is found"))),
        (status = 400, description = "VALIDATION_FAILED: not an id", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "NOT_FOUND", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "EVENT_NOT_ACTIVE, EVENT_NOT_STARTED, EVENT_ENDED, or ALREADY_REQUESTED with the \
            id of the earlier request in rewardRequestId", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "CONDITION_NOT_MET with progress", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(service): State<EventService>,
    Claimant(caller): Claimant,
    PathId(event): PathId<EventId>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Response, Problem> {
    let Some(known) = service.catalogue.event(event).await? else {
        return Err(Problem::new(Code::NotFound));
    };
    let minted = service.ids.mint();
    // The clock itself: ids never go back, so after the clock was set back they stand still for a while.
    let now = service.ids.clock().now();
    let decision = match claim::decide(&known.event, &known.condition, &caller, now) {
        Ok(decision) => decision,
        Err(refused) => return answer_refused(&service, refused, caller.id, event, key).await,
    };
    let request = Claim {
        id: ClaimId(minted.id),
        event_id: event,
        user_id: caller.id,
        status: ClaimStatus::Pending,
        event_revision: decision.event_revision,
        created_at: minted.at,
        updated_at: minted.at,
    };
    let new = NewClaim { request, decision, idempotency_key: key.clone() };
    match service.requests.claim_once(new).await? {
        Claimed::Stored => {
            count("stored");
            Ok(created(request))
        }
        Claimed::Already(stored) => answer_stored(stored, key.as_deref()),
    }
}

/// A retry may come when the event is over or the condition no longer holds: it gets its first answer all the same.
async fn answer_refused(
    service: &EventService,
    refused: Refused,
    user: UserId,
    event: EventId,
    key: Option<String>,
) -> Result<Response, Problem> {
    if key.is_some() {
        let stored = service.requests.find_claim(user, event).await?;
        if let Some(stored) = stored.filter(|stored| stored.idempotency_key == key) {
            return answer_stored(stored, key.as_deref());
        }
    }
    count(refused.outcome());
    Err(problem(refused))
}

fn answer_stored(stored: Stored, key: Option<&str>) -> Result<Response, Problem> {
    let Stored { request, idempotency_key } = stored;
    if key.is_some() && idempotency_key.as_deref() == key {
        count("repeated");
        // As it was answered the first time.
        let status = ClaimStatus::Pending;
        return Ok(created(Claim { status, updated_at: request.created_at, ..request }));
    }
    count("already_requested");
    Err(Problem::new(Code::AlreadyRequested).with("rewardRequestId", request.id.to_string()))
}

fn created(request: Claim) -> Response {
    let location = [(header::LOCATION, format!("/events/requests/{}", request.id))];
    (StatusCode::CREATED, location, Json(ClaimView::from(request))).into_response()
}

fn problem(refused: Refused) -> Problem {
    match refused {
        Refused::NotActive => Problem::new(Code::EventNotActive),
        Refused::NotStarted => Problem::new(Code::EventNotStarted),
        Refused::Ended => Problem::new(Code::EventEnded),
        Refused::ConditionNotMet(progress) => {
            let progress = serde_json::to_value(progress).unwrap_or_default();
            Problem::new(Code::ConditionNotMet).with("progress", progress)
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!(CLAIMS, "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests;
