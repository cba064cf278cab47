use axum::{Json, extract::State};
use domain::ClaimId;
use event_store::RevisionKey;
use service_kit::{
    extract::{LoggedIn, PathId},
    problem::{Code, Problem, ProblemBody},
};

use super::view::DecidedClaimView;
use crate::EventService;

/// Look up a reward request
///
/// With what it was decided on: the event's revision, the facts, the condition and its evaluation step by step.
#[utoipa::path(
    get,
    path = "/events/requests/{requestId}",
    operation_id = "getRewardRequest",
    tag = "Requests",
    params(("requestId" = ClaimId, Path, description = "The request's id")),
    responses(
        (status = 200, description = "The request", body = DecidedClaimView),
        (status = 400, description = "VALIDATION_FAILED: not an id", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN: somebody else's, and the caller is no staff", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "NOT_FOUND", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(service): State<EventService>,
    LoggedIn(caller): LoggedIn,
    PathId(id): PathId<ClaimId>,
) -> Result<Json<DecidedClaimView>, Problem> {
    let (request, decision) = service.requests.find(id).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    if request.user_id != caller.id && !caller.roles.is_staff() {
        return Err(Problem::new(Code::Forbidden));
    }
    let key = RevisionKey { event: request.event_id, revision: decision.event_revision };
    let revision = service.revisions.find(key).await?;
    let condition = revision.map(|revision| revision.condition).unwrap_or_default();
    Ok(Json(DecidedClaimView::new(request, decision, condition)))
}

#[cfg(test)]
mod tests;
