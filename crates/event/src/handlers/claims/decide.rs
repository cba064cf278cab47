use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{ClaimId, ClaimStatus, Faults, Ruling};
use service_kit::{
    extract::{ChangedBy, JsonBody, OperatorOrKey, PathId, scope::RequestsDecide},
    problem::Refused,
};

use super::{
    decision::{DecisionReason, ruling_with_reason},
    view::ClaimView,
};
use crate::{app::decisions::DecideClaimError, service::EventService};

/// A decision.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = DecideRequest)]
pub(crate) struct DecideClaimBody {
    status: Ruling,
    /// Why, for the user and for whoever asks later. At most 500 characters.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Option<DecisionReason>,
}

service_kit::refusals! {
    /// Why a reward request is not decided.
    pub(crate) enum DecideClaimRefusal {
        /// There is no such request.
        UnknownClaim = NotFound,
        /// The request was decided before: currentStatus tells how.
        AlreadyDecided { current_status: ClaimStatus },
    }
}

impl From<DecideClaimError> for Refused<DecideClaimRefusal> {
    fn from(error: DecideClaimError) -> Self {
        match error {
            DecideClaimError::Unknown => DecideClaimRefusal::UnknownClaim.into(),
            DecideClaimError::AlreadyDecided(current_status) => {
                DecideClaimRefusal::AlreadyDecided { current_status }.into()
            }
            DecideClaimError::Store(error) => error.into(),
        }
    }
}

/// Decide a reward request
///
/// Only while it is PENDING: of several who decide at the same time one does, and the others learn what it is then. Approval
/// grants the rewards of the event's revision the request was made under.
#[utoipa::path(
    patch,
    path = "/events/requests/{requestId}",
    operation_id = "decideRewardRequest",
    tag = "Requests",
    params(("requestId" = ClaimId, Path, description = "The request's id")),
    request_body = DecideClaimBody,
    responses((status = 200, description = "The request as it is decided", body = ClaimView), DecideClaimRefusal)
)]
pub(crate) async fn decide_claim(
    State(service): State<EventService>,
    OperatorOrKey(decider, ..): OperatorOrKey<RequestsDecide>,
    ChangedBy(author): ChangedBy,
    PathId(id): PathId<ClaimId>,
    JsonBody(body): JsonBody<DecideClaimBody>,
) -> Result<Json<ClaimView>, Refused<DecideClaimRefusal>> {
    let ruling = ruling_with_reason(body.status, body.reason);
    Ok(Json(service.decide_claim(&decider, id, ruling, author).await?.into()))
}

#[cfg(test)]
mod tests;
