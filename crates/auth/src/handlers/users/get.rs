use axum::{Json, extract::State};
use domain::{User, UserId};
use service_kit::{
    extract::{LoggedIn, PathId},
    problem::{Code, Problem, ProblemBody},
};

use crate::Auth;

/// Look up a user
#[utoipa::path(
    get,
    path = "/users/{id}",
    operation_id = "getUser",
    tag = "Users",
    params(("id" = UserId, Path, description = "The user's id")),
    responses(
        (status = 200, description = "The user", body = User),
        (status = 400, description = "VALIDATION_FAILED: not an id", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN: somebody else's, and the caller is no staff", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "NOT_FOUND", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(auth): State<Auth>,
    LoggedIn(caller): LoggedIn,
    PathId(id): PathId<UserId>,
) -> Result<Json<User>, Problem> {
    // Before looking: who may not see a user may not learn whether there is one.
    if caller.id != id && !caller.roles.is_staff() {
        return Err(Problem::new(Code::Forbidden));
    }
    auth.users.find(id).await?.map(Json).ok_or_else(|| Problem::new(Code::NotFound))
}

#[cfg(test)]
mod tests;
