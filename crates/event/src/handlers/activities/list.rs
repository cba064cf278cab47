use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{Activity, ActivityType, Faults, Timestamp, UserId};
use event_store::ActivityFilter;
use service_kit::{
    extract::{ListQuery, PageParams, Staff},
    page::Page,
    problem::Problem,
};

use crate::service::EventService;

/// Which activities to list: those that match everything that is given.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase", parameter_in = Query)]
pub(crate) struct ActivityQuery {
    /// Only this user's.
    #[deserr(default)]
    user_id: Option<UserId>,
    /// Only of this type.
    #[deserr(default, rename = "type")]
    #[param(rename = "type")]
    activity_type: Option<ActivityType>,
    /// Only those done at this time or later.
    #[deserr(default)]
    from: Option<Timestamp>,
    /// Only those done before this time.
    #[deserr(default)]
    to: Option<Timestamp>,
}

impl From<ActivityQuery> for ActivityFilter {
    fn from(query: ActivityQuery) -> Self {
        Self { user: query.user_id, activity_type: query.activity_type, from: query.from, to: query.to }
    }
}

/// List activities
///
/// Those done last first.
#[utoipa::path(
    get,
    path = "/activities",
    operation_id = "listActivities",
    tag = "Activities",
    params(ActivityQuery, PageParams),
    responses((status = 200, description = "A page of activities", body = Page<Activity>))
)]
pub(crate) async fn list_activities(
    State(service): State<EventService>,
    _: Staff,
    ListQuery(query, page): ListQuery<ActivityQuery>,
) -> Result<Json<Page<Activity>>, Problem> {
    Ok(Json(service.list_activities(&query.into(), page).await?))
}
