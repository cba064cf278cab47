use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{ClaimId, ClaimStatus, Faults, RewardId};
use serde::Serialize;
use service_kit::{
    extract::{Admin, ChangedBy, JsonBody, PathId},
    identity::UserOrKey,
    problem::Refused,
};

use super::{decision::DecisionReason, view::ClaimView};
use crate::{
    app::grants::{RevokeClaimError, RevokedClaim},
    service::EventService,
};

/// Why a request is taken back.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = RevokeRequest)]
pub(crate) struct RevokeClaimBody {
    /// For the user and for whoever asks later. At most 500 characters.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    reason: DecisionReason,
}

/// A request that was taken back.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RevokedRequest)]
pub(crate) struct RevokedClaimView {
    #[serde(flatten)]
    claim: ClaimView,
    /// What it gave and cannot be undone, though the ledger takes it back.
    not_taken_back: Vec<RemainingRewardView>,
}

/// A reward that a user keeps in effect.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RemainingReward)]
struct RemainingRewardView {
    reward_id: RewardId,
    name: String,
    reason: String,
}

impl From<RevokedClaim> for RevokedClaimView {
    fn from(revoked: RevokedClaim) -> Self {
        let remaining = revoked.remains.into_iter().map(|(reward, reason)| RemainingRewardView {
            reward_id: reward.id,
            name: reward.name,
            reason: reason.to_owned(),
        });
        Self { claim: revoked.claim.into(), not_taken_back: remaining.collect() }
    }
}

service_kit::refusals! {
    /// Why a reward request is not taken back.
    pub(crate) enum RevokeClaimRefusal {
        /// There is no such request.
        UnknownClaim = NotFound,
        /// Only an APPROVED request can be taken back: currentStatus tells what it is.
        NotApproved { current_status: ClaimStatus },
    }
}

impl From<RevokeClaimError> for Refused<RevokeClaimRefusal> {
    fn from(error: RevokeClaimError) -> Self {
        match error {
            RevokeClaimError::Unknown => RevokeClaimRefusal::UnknownClaim.into(),
            RevokeClaimError::NotApproved(current_status) => {
                RevokeClaimRefusal::NotApproved { current_status }.into()
            }
            RevokeClaimError::Store(error) => error.into(),
        }
    }
}

/// Revoke a reward request
///
/// Takes back an APPROVED request and all it gave, by entries of the ledger that compensate the grants. Points that are spent
/// by then make the balance negative.
#[utoipa::path(
    post,
    path = "/events/requests/{requestId}/revoke",
    operation_id = "revokeRewardRequest",
    tag = "Requests",
    params(("requestId" = ClaimId, Path, description = "The request's id")),
    request_body = RevokeClaimBody,
    responses((status = 200, description = "Taken back", body = RevokedClaimView), RevokeClaimRefusal)
)]
pub(crate) async fn revoke_claim(
    State(service): State<EventService>,
    Admin(admin): Admin,
    ChangedBy(author): ChangedBy,
    PathId(id): PathId<ClaimId>,
    JsonBody(body): JsonBody<RevokeClaimBody>,
) -> Result<Json<RevokedClaimView>, Refused<RevokeClaimRefusal>> {
    let reason = body.reason.into_string();
    let revoked = service.revoke_claim(&UserOrKey::User(admin), id, reason, author).await?;
    Ok(Json(revoked.into()))
}

#[cfg(test)]
mod tests;
