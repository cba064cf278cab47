use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{Faults, Role, RoleSet, User, UserId};
use service_kit::{
    extract::{Admin, JsonBody, PathId},
    problem::{Code, Problem, ProblemBody},
};

use crate::{Auth, session::to_the_end, store::RolesChanged};

/// The roles a user shall have.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub(crate) struct SetRoles {
    /// At least one; they replace those the user has.
    #[schema(min_items = 1)]
    roles: Vec<Role>,
}

/// Change a user's roles
///
/// Counts at once: the user's access token is dead when this returns, and a refresh gets one with the new roles.
#[utoipa::path(
    put,
    path = "/users/{id}/roles",
    operation_id = "setUserRoles",
    tag = "Users",
    params(("id" = UserId, Path, description = "The user's id")),
    request_body = SetRoles,
    responses(
        (status = 200, description = "The user as they are now", body = User),
        (status = 400, description = "VALIDATION_FAILED or MALFORMED_BODY", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "NOT_FOUND", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "LAST_ADMIN: nobody would be ADMIN", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(auth): State<Auth>,
    _admin: Admin,
    PathId(id): PathId<UserId>,
    JsonBody(SetRoles { roles }): JsonBody<SetRoles>,
) -> Result<Json<User>, Problem> {
    let roles: RoleSet = roles.into_iter().collect();
    if roles.is_empty() {
        return Err(Problem::invalid(Faults::new("/roles", "must have at least one role")));
    }
    match to_the_end(async move { auth.change_roles(id, roles).await }).await? {
        RolesChanged::Updated(user) => Ok(Json(user)),
        RolesChanged::NotFound => Err(Problem::new(Code::NotFound)),
        RolesChanged::LastAdmin => Err(Problem::new(Code::LastAdmin)),
    }
}

#[cfg(test)]
mod tests;
