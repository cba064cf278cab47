use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{ClaimId, ClaimStatus, Faults, Ruling};
use event_store::MOST_DECISIONS;
use serde::Serialize;
use service_kit::{
    extract::{ChangedBy, JsonBody, OperatorOrKey, scope::RequestsDecide},
    problem::Refused,
};

use super::decision::{ClaimIdList, DecisionFilter, DecisionReason, ExpectedCount, ruling_with_reason};
use crate::{
    app::decisions::{ClaimChoice, DecideClaimsError, DecisionResult},
    service::EventService,
};

/// Decisions of one kind: on the requests with these ids, or on those that match a filter.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(as = DecideRequests, rename_all = "camelCase")]
pub(crate) struct DecideClaimsBody {
    /// 1 to 500, each once.
    #[deserr(default)]
    #[schema(value_type = Option<Vec<ClaimId>>, min_items = 1, max_items = 500)]
    ids: Option<ClaimIdList>,
    /// In place of ids: PENDING requests that match, at most 500.
    #[deserr(default)]
    filter: Option<DecisionFilter>,
    /// With a filter: how many match, as you have seen. If others match by now, nothing is decided.
    #[deserr(default)]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 500)]
    expected_count: Option<ExpectedCount>,
    status: Ruling,
    /// Why. At most 500 characters.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Option<DecisionReason>,
}

/// What became of each decision.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DecisionResults)]
pub(crate) struct DecisionResultsView {
    /// In the order of the ids; of those that match a filter the oldest comes first.
    results: Vec<DecisionResultView>,
}

/// What became of one decision.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DecisionResult)]
pub(crate) struct DecisionResultView {
    id: ClaimId,
    outcome: DecisionOutcomeName,
    /// What the request is now; left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<ClaimStatus>,
}

/// How a decision ended.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = DecisionOutcome)]
pub(crate) enum DecisionOutcomeName {
    /// It counts.
    Decided,
    /// The request was decided before, and nothing was changed.
    AlreadyDecided,
    /// There is no such request.
    NotFound,
}

impl From<(ClaimId, DecisionResult)> for DecisionResultView {
    fn from((id, result): (ClaimId, DecisionResult)) -> Self {
        let (outcome, status) = match result {
            DecisionResult::Decided(status) => (DecisionOutcomeName::Decided, Some(status)),
            DecisionResult::AlreadyDecided(status) => (DecisionOutcomeName::AlreadyDecided, Some(status)),
            DecisionResult::NotFound => (DecisionOutcomeName::NotFound, None),
        };
        Self { id, outcome, status }
    }
}

service_kit::refusals! {
    /// Why no reward request is decided.
    pub(crate) enum DecideClaimsRefusal {
        /// Not as many requests match the filter as you have seen: count tells how many do. Nothing was decided.
        CountChanged { count: usize },
    }
}

impl From<DecideClaimsError> for Refused<DecideClaimsRefusal> {
    fn from(error: DecideClaimsError) -> Self {
        match error {
            DecideClaimsError::CountChanged(count) => DecideClaimsRefusal::CountChanged { count }.into(),
            DecideClaimsError::TooMany => {
                let message = format!("matches more than {MOST_DECISIONS} PENDING requests: narrow it");
                Faults::new("/filter", message).into()
            }
            DecideClaimsError::Store(error) => error.into(),
        }
    }
}

/// Decide many reward requests
///
/// Each by itself: one that cannot be decided keeps no other from it. With a filter only if exactly as many PENDING requests
/// match as you have seen.
#[utoipa::path(
    post,
    path = "/events/requests/decisions",
    operation_id = "decideRewardRequests",
    tag = "Requests",
    request_body(content = DecideClaimsBody, examples(
        ("By ids" = (value = json!({"ids": ["6650f1a2c3d4e5f601234567"], "status": "APPROVED"}))),
        ("By filter" = (value = json!({"filter": {"eventId": "6650f1a2c3d4e5f601234567"}, "expectedCount": 12,
            "status": "REJECTED", "reason": "The event was cancelled"}))),
    )),
    responses((status = 200, description = "What became of each", body = DecisionResultsView), DecideClaimsRefusal)
)]
pub(crate) async fn decide_claims(
    State(service): State<EventService>,
    OperatorOrKey(decider, ..): OperatorOrKey<RequestsDecide>,
    ChangedBy(author): ChangedBy,
    JsonBody(body): JsonBody<DecideClaimsBody>,
) -> Result<Json<DecisionResultsView>, Refused<DecideClaimsRefusal>> {
    let choice = read_choice(body.ids, body.filter, body.expected_count)?;
    let ruling = ruling_with_reason(body.status, body.reason);
    let results = service.decide_claims(&decider, choice, ruling, author).await?;
    Ok(Json(DecisionResultsView { results: results.into_iter().map(DecisionResultView::from).collect() }))
}

fn read_choice(
    ids: Option<ClaimIdList>,
    filter: Option<DecisionFilter>,
    expected: Option<ExpectedCount>,
) -> Result<ClaimChoice, Faults> {
    match (ids, filter, expected) {
        (Some(ClaimIdList(ids)), None, None) => Ok(ClaimChoice::Ids(ids)),
        (None, Some(filter), Some(ExpectedCount(expected))) => {
            Ok(ClaimChoice::Matching { filter: filter.into(), expected })
        }
        (None, Some(_), None) => Err(Faults::new("/expectedCount", "is required with filter")),
        _ => Err(Faults::new("", "must have either ids, or filter and expectedCount")),
    }
}

#[cfg(test)]
mod tests;
