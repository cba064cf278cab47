use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{Email, Faults, Role, User};
use service_kit::{
    extract::{Admin, ListQuery, PageParams},
    page::Page,
    problem::{Problem, ProblemBody},
};

use crate::{Auth, store::UserFilter};

/// Which users are listed.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UserListFilter {
    /// Exactly this address, in any case.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    email: Option<Email>,
    /// Only users who have this role.
    #[deserr(default)]
    role: Option<Role>,
}

/// List users
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "listUsers",
    tag = "Users",
    params(UserListFilter, PageParams),
    responses(
        (status = 200, description = "A page of users", body = Page<User>),
        (status = 400, description = "VALIDATION_FAILED", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(auth): State<Auth>,
    _admin: Admin,
    ListQuery(query, page): ListQuery<UserListFilter>,
) -> Result<Json<Page<User>>, Problem> {
    let filter = UserFilter { email: query.email, role: query.role };
    Ok(Json(auth.users.list(&filter, page).await?))
}

#[cfg(test)]
mod tests;
