use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{Email, Faults, Role, User};
use service_kit::{
    extract::{ListQuery, LoggedIn, PageParams},
    page::Page,
    problem::Refused,
};

use crate::{AuthService, app::users::ShowUsersError, store::UserFilter};

/// Which users are listed.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UserListFilter {
    /// Exactly this address, however it is written.
    #[deserr(default)]
    #[param(value_type = Option<String>, format = "email", min_length = 5, max_length = 254)]
    email: Option<Email>,
    /// Only users who have this role.
    #[deserr(default)]
    role: Option<Role>,
}

service_kit::refusals! {
    /// Why no users are listed.
    pub(crate) enum ListUsersRefusal {
        /// Only an ADMIN may list users; other staff may look one up by email.
        Forbidden,
    }
}

impl From<ShowUsersError> for Refused<ListUsersRefusal> {
    fn from(error: ShowUsersError) -> Self {
        match error {
            ShowUsersError::Forbidden => ListUsersRefusal::Forbidden.into(),
            ShowUsersError::Store(error) => error.into(),
        }
    }
}

/// List users
///
/// Newest first. Staff who are not ADMIN must name the email.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "listUsers",
    tag = "Users",
    params(UserListFilter, PageParams),
    responses((status = 200, description = "A page of users", body = Page<User>), ListUsersRefusal)
)]
pub(crate) async fn list_users(
    State(auth): State<AuthService>,
    LoggedIn(caller): LoggedIn,
    ListQuery(UserListFilter { email, role }, page): ListQuery<UserListFilter>,
) -> Result<Json<Page<User>>, Refused<ListUsersRefusal>> {
    Ok(Json(auth.show_users(caller, &UserFilter { email, role }, page).await?))
}

#[cfg(test)]
mod tests;
