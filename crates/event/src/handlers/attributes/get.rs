use axum::{Json, extract::State};
use domain::UserId;
use service_kit::{
    extract::{PathId, Staff},
    problem::Problem,
};

use super::view::AttributesView;
use crate::service::EventService;

/// Show a user's attributes
#[utoipa::path(
    get,
    path = "/users/{id}/attributes",
    operation_id = "getUserAttributes",
    tag = "Activities",
    params(("id" = UserId, Path, description = "The user's id")),
    responses((status = 200, description = "What the game says about the user", body = AttributesView))
)]
pub(crate) async fn get_attributes(
    State(service): State<EventService>,
    _: Staff,
    PathId(user): PathId<UserId>,
) -> Result<Json<AttributesView>, Problem> {
    let found = service.find_attributes(user).await?;
    Ok(Json(found.map_or_else(|| AttributesView::unset(user), AttributesView::from)))
}
