use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{EventId, Fault, Faults, UserId};
use http::HeaderMap;
use rules::{Condition, ConditionTrace, Facts, ProgressStep};
use serde::Serialize;
use serde_json::Value;
use service_kit::{
    extract::{JsonBody, NamedSubject, Staff},
    problem::{Problem, ProblemCode, Refused},
};

use crate::{
    app::evaluation::{ConditionVerdict, EvaluateConditionError, judge_facts},
    handlers::{
        eligibility::{language::asked_language, view::ReasonView},
        events::fields::CheckedCondition,
    },
    service::EventService,
};

/// A condition, and what to try it on: facts, or a user and an event.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(as = EvaluateCondition, rename_all = "camelCase")]
pub(crate) struct EvaluateConditionBody {
    /// A JsonLogic rule.
    #[schema(value_type = Object, example = json!({">=": [{"var": "activity.login.days"}, 7]}))]
    condition: CheckedCondition,
    /// Facts as a decision keeps them. What is left out is as if nothing were known of it.
    #[deserr(default)]
    #[schema(value_type = Option<Object>, example = json!({"activity": {"login": {"days": 7}}}))]
    facts: Option<Value>,
    /// The user whose facts to take, with eventId in place of facts.
    #[deserr(default)]
    user_id: Option<UserId>,
    /// The event in whose period and zone activity counts.
    #[deserr(default)]
    event_id: Option<EventId>,
}

/// What the condition makes of the facts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ConditionEvaluation)]
pub(crate) struct ConditionVerdictView {
    /// Whether it admits.
    eligible: bool,
    /// The facts it was evaluated over.
    #[schema(value_type = Object)]
    facts: Value,
    /// The condition with the value of each part.
    #[schema(value_type = Object)]
    trace: ConditionTrace,
    /// Every comparison.
    progress: Vec<ProgressStep>,
    /// What is lacking, what matters of it; empty if it admits.
    reasons: Vec<ReasonView>,
}

service_kit::refusals! {
    /// Why a condition is not tried.
    pub(crate) enum EvaluateConditionRefusal {
        /// There is no such event or user.
        UnknownEvent = NotFound,
    }
}

impl From<EvaluateConditionError> for Refused<EvaluateConditionRefusal> {
    fn from(error: EvaluateConditionError) -> Self {
        match error {
            EvaluateConditionError::UnknownEvent => EvaluateConditionRefusal::UnknownEvent.into(),
            EvaluateConditionError::Store(error) => error.into(),
        }
    }
}

/// Try a condition
///
/// On facts that are given, or on a user as they are now. Nothing is stored.
#[utoipa::path(
    post,
    path = "/conditions/evaluate",
    operation_id = "evaluateCondition",
    tag = "Events",
    params(("accept-language" = Option<String>, Header, description = "en or ko, for the reasons")),
    request_body = EvaluateConditionBody,
    responses((status = 200, description = "The verdict", body = ConditionVerdictView), EvaluateConditionRefusal)
)]
pub(crate) async fn evaluate_condition(
    State(service): State<EventService>,
    Staff(caller): Staff,
    NamedSubject(looked_up): NamedSubject,
    headers: HeaderMap,
    JsonBody(body): JsonBody<EvaluateConditionBody>,
) -> Result<Json<ConditionVerdictView>, Refused<EvaluateConditionRefusal>> {
    let condition = Condition::from_stored(&body.condition.0);
    let verdict = match (body.facts, body.user_id, body.event_id) {
        (Some(given), None, None) => judge_facts(&condition, &read_facts(&given, service.now())?),
        (None, Some(user), Some(event)) => {
            let known = [Some(caller), looked_up].into_iter().flatten().find(|known| known.id == user);
            let user =
                known.ok_or_else(|| Problem::new(ProblemCode::Internal).detail("The user is not known"))?;
            service.evaluate_for_user(&condition, event, &user).await?
        }
        _ => return Err(Faults::new("", "must have either facts, or userId and eventId").into()),
    };
    let language = asked_language(&headers);
    let ConditionVerdict { eligible, facts, trace, progress, reasons } = verdict;
    let reasons = reasons.into_iter().map(|reason| ReasonView::of_reason(reason, language)).collect();
    Ok(Json(ConditionVerdictView { eligible, facts, trace, progress, reasons }))
}

fn read_facts(given: &Value, now: domain::Timestamp) -> Result<Facts, Faults> {
    Facts::from_json(given, now).map_err(|faults| {
        let fault = |fault: rules::ConditionFault| Fault {
            pointer: format!("/facts{}", fault.pointer),
            message: fault.message,
        };
        faults.into_iter().map(fault).collect()
    })
}
