use axum::{Json, extract::State};
use domain::{User, UserId};
use service_kit::{
    extract::{LoggedInOrKey, PathId, scope::UsersRead},
    problem::Refused,
};

use crate::{AuthService, app::users::ShowUserError};

service_kit::refusals! {
    /// Why a user is not shown.
    pub(crate) enum ShowUserRefusal {
        /// Your roles do not allow this.
        Forbidden,
        /// There is no such user.
        NotFound,
    }
}

impl From<ShowUserError> for Refused<ShowUserRefusal> {
    fn from(error: ShowUserError) -> Self {
        match error {
            ShowUserError::Forbidden => ShowUserRefusal::Forbidden.into(),
            ShowUserError::Unknown => ShowUserRefusal::NotFound.into(),
            ShowUserError::Store(error) => error.into(),
        }
    }
}

/// Look up a user
#[utoipa::path(
    get,
    path = "/users/{id}",
    operation_id = "getUser",
    tag = "Users",
    params(("id" = UserId, Path, description = "The user's id")),
    responses((status = 200, description = "The user", body = User), ShowUserRefusal)
)]
pub(crate) async fn get_user(
    State(auth): State<AuthService>,
    LoggedInOrKey(caller, ..): LoggedInOrKey<UsersRead>,
    PathId(id): PathId<UserId>,
) -> Result<Json<User>, Refused<ShowUserRefusal>> {
    Ok(Json(auth.show_user(caller, id).await?))
}

#[cfg(test)]
mod tests;
