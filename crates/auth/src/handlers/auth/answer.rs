//! What a login and a refresh answer: the tokens as JSON, and the refresh token as a cookie for browsers.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use domain::User;
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use service_kit::access_token::ACCESS_TOKEN_SECONDS;

use crate::{REFRESH_TOKEN_SECONDS, session::Session};

/// The cookie's name.
const COOKIE: &str = "refreshToken";

/// The tokens of a session (RFC 6749, 5.1, in this API's spelling).
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tokens {
    /// Send it as `Authorization: Bearer …`.
    access_token: String,
    /// Good for one refresh, within 7 days.
    #[schema(min_length = 80, max_length = 80)]
    refresh_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 900)]
    expires_in: i64,
}

/// The tokens, and who logged in.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct LoggedIn {
    #[serde(flatten)]
    tokens: Tokens,
    user: User,
}

/// 200 with the tokens and the user.
pub(crate) fn logged_in(session: Session, cookie_secure: bool) -> Response {
    let (tokens, headers, user) = parts(session, cookie_secure);
    (headers, Json(LoggedIn { tokens, user })).into_response()
}

/// 200 with the tokens.
pub(crate) fn refreshed(session: Session, cookie_secure: bool) -> Response {
    let (tokens, headers, _) = parts(session, cookie_secure);
    (headers, Json(tokens)).into_response()
}

fn parts(session: Session, cookie_secure: bool) -> (Tokens, HeaderMap, User) {
    let refresh_token = session.refresh.reveal();
    let mut headers = cookie(&refresh_token, REFRESH_TOKEN_SECONDS, cookie_secure);
    // RFC 6749, 5.1: tokens must not be cached.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let tokens = Tokens {
        access_token: session.access.token,
        refresh_token,
        token_type: "Bearer",
        expires_in: ACCESS_TOKEN_SECONDS,
    };
    (tokens, headers, session.user)
}

/// `Set-Cookie` for the refresh token. Out of reach of scripts and other sites, and sent to `/auth` alone.
fn cookie(value: &str, max_age: i64, secure: bool) -> HeaderMap {
    let secure = if secure { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/auth; Max-Age={max_age}{secure}");
    // Base64url and digits always are a header value.
    let value = HeaderValue::try_from(cookie).into_iter();
    value.map(|value| (header::SET_COOKIE, value)).collect()
}

/// `Set-Cookie` that makes a browser forget the refresh token.
pub(crate) fn forget_cookie(secure: bool) -> HeaderMap {
    cookie("", 0, secure)
}

/// The refresh token a browser sent along.
pub(crate) fn cookie_token(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && !value.is_empty())
        .map(|(_, value)| value.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("theme=dark; xrefreshToken=no"));
        assert_eq!(cookie_token(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("a=b;refreshToken=yes; c=d"));
        assert_eq!(cookie_token(&headers), Some("yes"));
    }

    #[test]
    fn over_https_only_when_so_configured() {
        let text = |secure| cookie("v", 5, secure)[header::SET_COOKIE].to_str().unwrap().to_owned();
        assert_eq!(text(false), "refreshToken=v; HttpOnly; SameSite=Strict; Path=/auth; Max-Age=5");
        assert_eq!(text(true), "refreshToken=v; HttpOnly; SameSite=Strict; Path=/auth; Max-Age=5; Secure");
    }
}
