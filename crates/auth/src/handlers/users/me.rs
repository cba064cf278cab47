use axum::{Json, extract::State};
use domain::User;
use service_kit::{extract::LoggedIn, problem::Refused};

use crate::AuthService;

service_kit::refusals! {
    /// Why a caller is not shown to themselves.
    pub(crate) enum ShowCallerRefusal {
        /// The user is no longer there.
        NotFound,
    }
}

/// Who am I?
#[utoipa::path(
    get,
    path = "/users/me",
    operation_id = "getMe",
    tag = "Users",
    responses((status = 200, description = "The caller", body = User), ShowCallerRefusal)
)]
pub(crate) async fn get_me(
    State(auth): State<AuthService>,
    LoggedIn(caller): LoggedIn,
) -> Result<Json<User>, Refused<ShowCallerRefusal>> {
    auth.users.find(caller.id).await?.map(Json).ok_or_else(|| ShowCallerRefusal::NotFound.into())
}
