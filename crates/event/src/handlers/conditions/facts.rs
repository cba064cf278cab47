use axum::{Json, extract::State};
use domain::{ActivityType, AttributeName};
use rules::{FactDescription, OperatorDescription, describe_facts, describe_operators};
use serde::Serialize;
use service_kit::{extract::Staff, problem::Problem};

use crate::{app::vocabulary::SeenNames, service::EventService};

/// All that conditions can say.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConditionVocabulary {
    /// Every fact.
    facts: Vec<FactDescription>,
    /// Every operator.
    operators: Vec<OperatorDescription>,
    /// The activity types seen so far, at most 1,000.
    activity_types: Vec<ActivityType>,
    /// The names of attributes seen so far, at most 1,000.
    attribute_names: Vec<AttributeName>,
}

/// List what conditions can say
///
/// Facts and operators, and the activity types and attributes that were ever reported.
#[utoipa::path(
    get,
    path = "/facts",
    operation_id = "listFacts",
    tag = "Events",
    responses((status = 200, description = "Facts, operators and names", body = ConditionVocabulary))
)]
pub(crate) async fn list_facts(
    State(service): State<EventService>,
    _: Staff,
) -> Result<Json<ConditionVocabulary>, Problem> {
    let SeenNames { activity_types, attribute_names } = service.find_seen_names().await?;
    Ok(Json(ConditionVocabulary {
        facts: describe_facts(),
        operators: describe_operators(),
        activity_types,
        attribute_names,
    }))
}
