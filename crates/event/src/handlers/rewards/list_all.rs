use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{Faults, RewardType, TextLine};
use event_store::RewardFilter;
use service_kit::{
    extract::{ListQuery, PageParams, Staff},
    page::Page,
    problem::Problem,
};

use super::view::RewardView;
use crate::service::EventService;

/// Which rewards to list: those that match everything that is given.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase", parameter_in = Query)]
pub(crate) struct RewardQuery {
    /// Only rewards of this type.
    #[deserr(default, rename = "type")]
    #[param(rename = "type")]
    reward_type: Option<RewardType>,
    /// Only rewards whose name contains this, whatever the case.
    #[deserr(default)]
    #[param(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Option<TextLine<200>>,
}

/// List rewards
///
/// All there are, newest first, whatever events have them.
#[utoipa::path(
    get,
    path = "/rewards",
    operation_id = "listRewards",
    tag = "Rewards",
    params(RewardQuery, PageParams),
    responses((status = 200, description = "A page of rewards", body = Page<RewardView>))
)]
pub(crate) async fn list_all_rewards(
    State(service): State<EventService>,
    _staff: Staff,
    ListQuery(query, page): ListQuery<RewardQuery>,
) -> Result<Json<Page<RewardView>>, Problem> {
    let filter = RewardFilter { reward_type: query.reward_type, name: query.name.map(TextLine::into_string) };
    let found = service.stores.rewards.list(&filter, page).await?;
    Ok(Json(found.map(|reward| RewardView::for_staff(&reward))))
}
