use axum::{Json, extract::State};
use domain::{EventId, RewardId, RewardType};
use serde::Serialize;
use service_kit::{
    extract::{PathId, Staff},
    problem::Refused,
};

use crate::{
    app::preflight::PreflightError,
    preflight::{Finding, FindingCode, FindingSeverity, Preflight},
    service::EventService,
};

/// What is wrong with an event, or risky, and what it can cost.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Preflight)]
pub(crate) struct PreflightView {
    /// Errors first. Empty: nothing was found.
    findings: Vec<FindingView>,
    worst_case: WorstCaseView,
}

/// One thing that is wrong or risky.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PreflightFinding)]
struct FindingView {
    severity: FindingSeverity,
    code: FindingCode,
    message: String,
    /// The reward it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reward_id: Option<RewardId>,
}

/// The most that the event can give.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WorstCase)]
struct WorstCaseView {
    /// How many can claim it; null: nothing bounds them.
    #[schema(required)]
    claims: Option<i64>,
    rewards: Vec<PayoutView>,
}

/// What all claimants together can get of a reward.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Payout)]
struct PayoutView {
    reward_id: RewardId,
    name: String,
    r#type: RewardType,
    /// Points or pieces, else how many coupons or badges; null: nothing bounds it.
    #[schema(required)]
    amount: Option<i64>,
}

impl From<Preflight> for PreflightView {
    fn from(found: Preflight) -> Self {
        let finding = |Finding { severity, code, message, reward }| FindingView {
            severity,
            code,
            message,
            reward_id: reward,
        };
        let payout = found.worst_case.payout.into_iter().map(|(reward, amount)| PayoutView {
            reward_id: reward.id,
            r#type: reward.kind.reward_type(),
            name: reward.name,
            amount,
        });
        Self {
            findings: found.findings.into_iter().map(finding).collect(),
            worst_case: WorstCaseView { claims: found.worst_case.claims, rewards: payout.collect() },
        }
    }
}

service_kit::refusals! {
    /// Why an event is not looked at.
    pub(crate) enum PreflightRefusal {
        /// There is no such event.
        UnknownEvent = NotFound,
    }
}

impl From<PreflightError> for Refused<PreflightRefusal> {
    fn from(error: PreflightError) -> Self {
        match error {
            PreflightError::UnknownEvent => PreflightRefusal::UnknownEvent.into(),
            PreflightError::Store(error) => error.into(),
        }
    }
}

/// Look an event over
///
/// Before it is published: what is wrong or risky, and the most it can give. Nothing is changed.
#[utoipa::path(
    post,
    path = "/events/{eventId}/preflight",
    operation_id = "preflightEvent",
    tag = "Events",
    params(("eventId" = EventId, Path, description = "The event's id")),
    responses((status = 200, description = "What was found", body = PreflightView), PreflightRefusal)
)]
pub(crate) async fn preflight_event(
    State(service): State<EventService>,
    _staff: Staff,
    PathId(event): PathId<EventId>,
) -> Result<Json<PreflightView>, Refused<PreflightRefusal>> {
    Ok(Json(service.preflight_event(event).await?.into()))
}

#[cfg(test)]
mod tests;
