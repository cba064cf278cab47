use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use service_kit::{
    extract::{LoggedIn, no_content},
    problem::Problem,
};

use super::answer::forget_cookie;
use crate::{Auth, session::to_the_end};

/// Log out
///
/// When this returns, the access and the refresh token are dead.
#[utoipa::path(
    post,
    path = "/auth/logout",
    operation_id = "logOut",
    tag = "Sessions",
    responses((status = 204, description = "Logged out",
        headers(("set-cookie" = String, description = "Clears refreshToken"))))
)]
pub(crate) async fn handle(
    State(auth): State<Auth>,
    LoggedIn(caller): LoggedIn,
) -> Result<Response, Problem> {
    let forget = forget_cookie(auth.cookie_secure);
    to_the_end(async move { auth.log_out(caller.id).await }).await?;
    Ok((forget, no_content()).into_response())
}

#[cfg(test)]
mod tests;
