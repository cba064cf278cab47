use domain::ClaimId;
use rules::{Language, ProgressStep, Reason};
use serde::Serialize;
use serde_json::Value;

use crate::{
    app::eligibility::{Eligibility, EligibilityObstacle},
    decide::ClaimRefusal,
};

/// Whether a user could claim an event now, and how far they are.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Eligibility)]
pub(crate) struct EligibilityView {
    /// Whether a claim at this moment would be stored.
    eligible: bool,
    /// Why not, what matters of it; empty if eligible.
    reasons: Vec<ReasonView>,
    /// Every comparison of the condition.
    progress: Vec<ProgressStep>,
}

/// Something that stands between a user and a claim.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EligibilityReason)]
pub(crate) struct ReasonView {
    /// What a claim would be refused with.
    code: ReasonCode,
    /// In the language that `Accept-Language` asks for: English or Korean.
    message: String,
    /// The request there is, where the event was claimed already.
    #[serde(skip_serializing_if = "Option::is_none")]
    reward_request_id: Option<ClaimId>,
    /// The fact that lacks something; absent where it is not a fact's.
    #[serde(skip_serializing_if = "Option::is_none")]
    fact: Option<String>,
    /// How the fact would have to compare.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    /// What the fact would have to compare to.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Value>,
    /// What the fact is.
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<Value>,
}

/// Why a claim would be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReasonCode {
    /// The event is switched off.
    EventNotActive,
    /// The event's period has not begun.
    EventNotStarted,
    /// The event's period is over.
    EventEnded,
    /// The user has claimed the event already.
    AlreadyRequested,
    /// Of one of the event's rewards nothing is left.
    SoldOut,
    /// The user does not meet the event's condition.
    ConditionNotMet,
}

impl EligibilityView {
    /// In this language.
    pub(super) fn new(found: Eligibility, language: Language) -> Self {
        Self {
            eligible: found.obstacles.is_empty(),
            reasons: found
                .obstacles
                .into_iter()
                .map(|obstacle| ReasonView::new(obstacle, language))
                .collect(),
            progress: found.progress,
        }
    }
}

impl ReasonView {
    fn new(obstacle: EligibilityObstacle, language: Language) -> Self {
        match obstacle {
            EligibilityObstacle::Closed(refusal) => Self::of_code(closed_code(&refusal), language),
            EligibilityObstacle::AlreadyRequested(id) => {
                Self { reward_request_id: Some(id), ..Self::of_code(ReasonCode::AlreadyRequested, language) }
            }
            EligibilityObstacle::SoldOut => Self::of_code(ReasonCode::SoldOut, language),
            EligibilityObstacle::Unmet(reason) => Self::of_reason(reason, language),
        }
    }

    fn of_code(code: ReasonCode, language: Language) -> Self {
        let message = describe_code(code, language).to_owned();
        Self {
            code,
            message,
            reward_request_id: None,
            fact: None,
            operator: None,
            target: None,
            actual: None,
        }
    }

    /// Of what a condition asks for.
    pub(in crate::handlers) fn of_reason(reason: Reason, language: Language) -> Self {
        Self {
            message: reason.sentence(language),
            fact: reason.fact,
            operator: Some(reason.operator.to_owned()),
            target: Some(reason.target),
            actual: Some(reason.actual),
            ..Self::of_code(ReasonCode::ConditionNotMet, language)
        }
    }
}

fn closed_code(refusal: &ClaimRefusal) -> ReasonCode {
    match refusal {
        ClaimRefusal::EventNotActive => ReasonCode::EventNotActive,
        ClaimRefusal::EventNotStarted => ReasonCode::EventNotStarted,
        ClaimRefusal::EventEnded => ReasonCode::EventEnded,
        ClaimRefusal::ConditionNotMet(_) => ReasonCode::ConditionNotMet,
    }
}

fn describe_code(code: ReasonCode, language: Language) -> &'static str {
    match (code, language) {
        (ReasonCode::EventNotActive, Language::English) => "The event is switched off.",
        (ReasonCode::EventNotActive, Language::Korean) => "이벤트가 비활성 상태입니다.",
        (ReasonCode::EventNotStarted, Language::English) => "The event has not begun yet.",
        (ReasonCode::EventNotStarted, Language::Korean) => "아직 시작되지 않은 이벤트입니다.",
        (ReasonCode::EventEnded, Language::English) => "The event is over.",
        (ReasonCode::EventEnded, Language::Korean) => "이미 종료된 이벤트입니다.",
        (ReasonCode::AlreadyRequested, Language::English) => {
            "You have requested this event's rewards already."
        }
        (ReasonCode::AlreadyRequested, Language::Korean) => "이미 이 이벤트의 보상을 요청했습니다.",
        (ReasonCode::SoldOut, Language::English) => "Nothing is left of one of the rewards.",
        (ReasonCode::SoldOut, Language::Korean) => "보상이 모두 소진되었습니다.",
        (ReasonCode::ConditionNotMet, Language::English) => "You do not meet the event's condition.",
        (ReasonCode::ConditionNotMet, Language::Korean) => "이벤트 조건을 충족하지 못했습니다.",
    }
}
