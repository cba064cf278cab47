//! What a login and a refresh answer: the tokens as JSON, and the refresh token as a cookie for browsers.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use domain::User;
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use service_kit::access_token::ACCESS_TOKEN_SECONDS;

use super::{cookie::keep_token, delivery::TokenDelivery};
use crate::app::sessions::UserSession;

/// The tokens of a session (RFC 6749, 5.1, in this API's spelling).
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionTokens {
    /// Send it as `Authorization: Bearer …`.
    access_token: String,
    /// Good for one refresh, within 7 days. Left out if the cookie alone was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 80, max_length = 80)]
    refresh_token: Option<String>,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 900)]
    expires_in: i64,
}

/// The tokens, and who logged in.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct LoginAnswer {
    #[serde(flatten)]
    tokens: SessionTokens,
    user: User,
}

/// How the tokens are handed out.
#[derive(Clone, Copy)]
pub(super) struct HandOut {
    pub(super) delivery: TokenDelivery,
    /// Browsers send the cookie over HTTPS only.
    pub(super) cookie_secure: bool,
}

impl HandOut {
    /// 200 with the tokens and the user.
    pub(super) fn answer_login(self, session: UserSession) -> Response {
        let (tokens, headers, user) = self.write_tokens(session);
        (headers, Json(LoginAnswer { tokens, user })).into_response()
    }

    /// 200 with the tokens.
    pub(super) fn answer_refresh(self, session: UserSession) -> Response {
        let (tokens, headers, _) = self.write_tokens(session);
        (headers, Json(tokens)).into_response()
    }

    fn write_tokens(self, session: UserSession) -> (SessionTokens, HeaderMap, User) {
        let refresh_token = session.refresh.reveal();
        let mut headers = keep_token(&refresh_token, self.cookie_secure);
        // RFC 6749, 5.1: tokens must not be cached.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let tokens = SessionTokens {
            access_token: session.access.token,
            refresh_token: (self.delivery == TokenDelivery::BodyAndCookie).then_some(refresh_token),
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_SECONDS,
        };
        (tokens, headers, session.user)
    }
}
