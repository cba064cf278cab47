use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::Faults;
use http::{HeaderMap, StatusCode};
use service_kit::{extract::OptionalJsonBody, problem::Refused};

use super::{
    answer::{HandOut, SessionTokens},
    cookie::forget_token,
    delivery::TokenDelivery,
    shown_token::RefreshTokenBody,
};
use crate::{AuthService, app::sessions::RefreshError};

service_kit::refusals! {
    /// Why a session is not renewed.
    pub(crate) enum RefreshRefusal {
        /// The refresh token is not valid.
        Unauthenticated,
        /// The refresh token has expired.
        TokenExpired,
        /// The refresh token was used before; the session has been revoked.
        SessionRevoked,
    }
}

impl From<RefreshError> for Refused<RefreshRefusal> {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::UnknownToken => RefreshRefusal::Unauthenticated.into(),
            RefreshError::Expired => RefreshRefusal::TokenExpired.into(),
            RefreshError::Revoked => RefreshRefusal::SessionRevoked.into(),
            RefreshError::Session(error) => error.into(),
        }
    }
}

/// Renew the session
///
/// Each refresh token works once and is answered with the next one. For a few seconds it is answered with the very same one
/// again, as long as that has not been used. Using it later revokes the session. A cookie that is refused is cleared.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    operation_id = "refreshSession",
    tag = "Sessions",
    params(TokenDelivery),
    request_body(content = Option<RefreshTokenBody>, description = "May be left out where the cookie is sent"),
    responses(
        (status = 200, description = "Renewed", body = SessionTokens,
            headers(("set-cookie" = String, description = "refreshToken, HttpOnly"))),
        RefreshRefusal,
    )
)]
pub(crate) async fn refresh_session(
    State(auth): State<AuthService>,
    headers: HeaderMap,
    delivery: TokenDelivery,
    OptionalJsonBody(body): OptionalJsonBody<RefreshTokenBody>,
) -> Result<Response, Refused<RefreshRefusal>> {
    let cookie_secure = auth.cookie_secure;
    let shown = body
        .shown_token(&headers)
        .ok_or_else(|| Faults::new("/refreshToken", "is required, here or as the cookie refreshToken"))?;
    let renewed = match shown.text.parse() {
        Ok(token) => auth.refresh_session(token).await,
        Err(_) => Err(RefreshError::UnknownToken),
    };
    let answer = renewed.map(|session| HandOut { delivery, cookie_secure }.answer_refresh(session));
    Ok(match answer.map_err(Refused::<RefreshRefusal>::from) {
        Err(refused) if shown.is_cookie && refused.code().status() == StatusCode::UNAUTHORIZED => {
            (forget_token(cookie_secure), refused).into_response()
        }
        answer => answer.into_response(),
    })
}

#[cfg(test)]
mod tests;
