use axum::{Json, extract::State};
use domain::User;
use service_kit::{
    extract::LoggedIn,
    problem::{Code, Problem, ProblemBody},
};

use crate::Auth;

/// Who am I?
#[utoipa::path(
    get,
    path = "/users/me",
    operation_id = "getMe",
    tag = "Users",
    responses(
        (status = 200, description = "The caller", body = User),
        (status = 404, description = "NOT_FOUND", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(auth): State<Auth>,
    LoggedIn(caller): LoggedIn,
) -> Result<Json<User>, Problem> {
    auth.users.find(caller.id).await?.map(Json).ok_or_else(|| Problem::new(Code::NotFound))
}
