use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{EventId, Faults, UserId};
use rules::Condition;
use serde::Serialize;
use service_kit::{
    extract::{JsonBody, PathId, Staff},
    problem::Refused,
};

use crate::{
    app::backtest::{BacktestError, BacktestStep, ChangedUsers},
    handlers::events::fields::CheckedCondition,
    service::EventService,
};

/// A draft of a condition.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = BacktestCondition)]
pub(crate) struct BacktestBody {
    /// The draft, a JsonLogic rule.
    #[schema(value_type = Object, example = json!({">=": [{"var": "activity.login.days"}, 7]}))]
    condition: CheckedCondition,
    /// The `nextCursor` of the step before.
    #[deserr(default)]
    cursor: Option<UserId>,
}

/// What a draft would change among some of the users with recorded activity. Add up the steps.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BacktestStep)]
pub(crate) struct BacktestView {
    /// How many users were looked at in this step.
    evaluated: usize,
    /// How many of them the draft admits.
    qualifying: usize,
    /// Those whom the draft admits and the present condition does not.
    gained: ChangedUsersView,
    /// Those whom the draft does not admit and the present condition does.
    lost: ChangedUsersView,
    /// Give this as `cursor` for the next step; null when all users were looked at.
    #[schema(required)]
    next_cursor: Option<UserId>,
}

/// Users for whom something would change.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BacktestChange)]
pub(crate) struct ChangedUsersView {
    /// How many.
    count: usize,
    /// At most ten of them.
    sample_user_ids: Vec<UserId>,
}

impl From<ChangedUsers> for ChangedUsersView {
    fn from(users: ChangedUsers) -> Self {
        Self { count: users.count, sample_user_ids: users.samples }
    }
}

impl From<BacktestStep> for BacktestView {
    fn from(step: BacktestStep) -> Self {
        Self {
            evaluated: step.evaluated,
            qualifying: step.qualifying,
            gained: step.gained.into(),
            lost: step.lost.into(),
            next_cursor: step.next,
        }
    }
}

service_kit::refusals! {
    /// Why a draft is not tried out.
    pub(crate) enum BacktestRefusal {
        /// There is no such event.
        UnknownEvent = NotFound,
    }
}

impl From<BacktestError> for Refused<BacktestRefusal> {
    fn from(error: BacktestError) -> Self {
        match error {
            BacktestError::UnknownEvent => BacktestRefusal::UnknownEvent.into(),
            BacktestError::Store(error) => error.into(),
        }
    }
}

/// Try a condition on everybody
///
/// A step looks at up to 500 users with recorded activity, as if each claimed now with the role USER, and stores nothing.
/// Ask again with `nextCursor` until it is null; stop whenever enough was seen.
#[utoipa::path(
    post,
    path = "/events/{eventId}/condition/backtest",
    operation_id = "backtestCondition",
    tag = "Events",
    params(("eventId" = EventId, Path, description = "The event's id")),
    request_body = BacktestBody,
    responses((status = 200, description = "What would change", body = BacktestView), BacktestRefusal)
)]
pub(crate) async fn backtest_condition(
    State(service): State<EventService>,
    _: Staff,
    PathId(event): PathId<EventId>,
    JsonBody(body): JsonBody<BacktestBody>,
) -> Result<Json<BacktestView>, Refused<BacktestRefusal>> {
    let draft = Condition::from_stored(&body.condition.0);
    Ok(Json(service.backtest_step(event, &draft, body.cursor).await?.into()))
}
