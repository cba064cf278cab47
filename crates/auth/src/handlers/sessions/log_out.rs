use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use http::HeaderMap;
use service_kit::{
    extract::{OptionalJsonBody, no_content},
    identity::Identity,
    problem::Refused,
};

use super::{cookie::forget_token, shown_token::RefreshTokenBody};
use crate::AuthService;

service_kit::refusals! {
    /// Why nobody is logged out.
    pub(crate) enum LogOutRefusal {
        /// There is neither an access token nor a refresh token.
        Unauthenticated,
    }
}

/// Log out
///
/// When this returns, the access and the refresh token of the session are dead. An access token tells which session, or a
/// refresh token in the body or the cookie, even a used or expired one; with both, both sessions end.
#[utoipa::path(
    post,
    path = "/auth/logout",
    operation_id = "logOut",
    tag = "Sessions",
    request_body(content = Option<RefreshTokenBody>,
        description = "May be left out where an access token or the cookie is sent"),
    responses(
        (status = 204, description = "Logged out", headers(("set-cookie" = String, description = "Clears refreshToken"))),
        LogOutRefusal,
    )
)]
pub(crate) async fn log_out(
    State(auth): State<AuthService>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
    OptionalJsonBody(body): OptionalJsonBody<RefreshTokenBody>,
) -> Result<Response, Refused<LogOutRefusal>> {
    let caller = match identity {
        Identity::User(caller) => Some(caller.id),
        Identity::Anonymous | Identity::Gateway | Identity::ApiKey(_) => None,
    };
    let shown = body.shown_token(&headers);
    if caller.is_none() && shown.is_none() {
        return Err(LogOutRefusal::Unauthenticated.into());
    }
    // A text that is no token of ours is dead already.
    let token = shown.and_then(|shown| shown.text.parse().ok());
    auth.log_out(caller, token).await?;
    Ok((forget_token(auth.cookie_secure), no_content()).into_response())
}

#[cfg(test)]
mod tests;
