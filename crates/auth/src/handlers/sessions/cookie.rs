//! The cookie `refreshToken`: out of reach of scripts and other sites, and sent to `/auth` alone.

use cookie::{Cookie, SameSite, time::Duration};
use http::{HeaderMap, HeaderValue, header};

use crate::REFRESH_TOKEN_SECONDS;

const COOKIE: &str = "refreshToken";

/// `Set-Cookie` with a refresh token. `secure`: browsers send it over HTTPS only.
pub(super) fn keep_token(token: &str, secure: bool) -> HeaderMap {
    set_cookie(token, REFRESH_TOKEN_SECONDS, secure)
}

/// `Set-Cookie` that makes a browser forget the refresh token.
pub(super) fn forget_token(secure: bool) -> HeaderMap {
    set_cookie("", 0, secure)
}

fn set_cookie(value: &str, seconds: i64, secure: bool) -> HeaderMap {
    let cookie = Cookie::build((COOKIE, value))
        .http_only(true)
        .same_site(SameSite::Strict)
        .path("/auth")
        .max_age(Duration::seconds(seconds))
        .secure(secure);
    // Base64url and digits always are a header value.
    let value = HeaderValue::try_from(cookie.to_string()).into_iter();
    value.map(|value| (header::SET_COOKIE, value)).collect()
}

/// The refresh token a browser sent along; an empty one is none.
pub(super) fn shown_token(headers: &HeaderMap) -> Option<String> {
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = texts.flat_map(Cookie::split_parse).flatten();
    let found = cookies.find(|cookie| cookie.name() == COOKIE && !cookie.value_trimmed().is_empty());
    found.map(|cookie| cookie.value_trimmed().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers
            .append(header::COOKIE, HeaderValue::from_static("theme=dark; xrefreshToken=no; refreshToken="));
        assert_eq!(shown_token(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("a=b;refreshToken=\"yes\"; c=d"));
        assert_eq!(shown_token(&headers).as_deref(), Some("yes"));
    }

    #[test]
    fn over_https_only_when_so_configured() {
        let text = |secure| keep_token("v", secure)[header::SET_COOKIE].to_str().unwrap().to_owned();
        assert_eq!(text(false), "refreshToken=v; HttpOnly; SameSite=Strict; Path=/auth; Max-Age=604800");
        assert_eq!(
            text(true),
            "refreshToken=v; HttpOnly; SameSite=Strict; Secure; Path=/auth; Max-Age=604800"
        );
        let forget = forget_token(false)[header::SET_COOKIE].clone();
        assert_eq!(forget, "refreshToken=; HttpOnly; SameSite=Strict; Path=/auth; Max-Age=0");
    }
}
