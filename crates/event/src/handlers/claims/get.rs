use axum::{Json, extract::State};
use domain::ClaimId;
use service_kit::{
    extract::{LoggedInOrKey, PathId, scope::RequestsRead},
    problem::Refused,
};

use super::view::DecidedClaimView;
use crate::{app::claims::FindClaimError, service::EventService};

service_kit::refusals! {
    /// Why a reward request is not shown.
    pub(crate) enum GetClaimRefusal {
        /// There is no such request, or it is somebody else's and you are no staff.
        UnknownClaim = NotFound,
    }
}

impl From<FindClaimError> for Refused<GetClaimRefusal> {
    fn from(error: FindClaimError) -> Self {
        match error {
            FindClaimError::Unknown => GetClaimRefusal::UnknownClaim.into(),
            FindClaimError::Store(error) => error.into(),
        }
    }
}

/// Look up a reward request
///
/// With what it was decided on: the event's revision, the facts, the condition and its evaluation step by
/// step.
#[utoipa::path(
    get,
    path = "/events/requests/{requestId}",
    operation_id = "getRewardRequest",
    tag = "Requests",
    params(("requestId" = ClaimId, Path, description = "The request's id")),
    responses((status = 200, description = "The request", body = DecidedClaimView), GetClaimRefusal)
)]
pub(crate) async fn get_claim(
    State(service): State<EventService>,
    LoggedInOrKey(caller, ..): LoggedInOrKey<RequestsRead>,
    PathId(id): PathId<ClaimId>,
) -> Result<Json<DecidedClaimView>, Refused<GetClaimRefusal>> {
    Ok(Json(service.find_claim(&caller, id).await?.into()))
}

#[cfg(test)]
mod tests;
