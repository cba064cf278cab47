use deserr::Deserr;
use domain::Faults;
use http::HeaderMap;

use super::cookie::shown_token;

/// The refresh token, where it is not sent as a cookie.
#[derive(Default, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RefreshTokenBody {
    /// From the last login or refresh. Wins over the cookie.
    #[deserr(default)]
    refresh_token: Option<String>,
}

/// The text of a refresh token as it came.
pub(super) struct ShownToken {
    pub(super) text: String,
    /// A browser sent it: if it is refused, the browser shall forget it.
    pub(super) is_cookie: bool,
}

impl RefreshTokenBody {
    /// The token in the body, else the one in the cookie.
    pub(super) fn shown_token(self, headers: &HeaderMap) -> Option<ShownToken> {
        let from_body = self.refresh_token.map(|text| ShownToken { text, is_cookie: false });
        from_body.or_else(|| shown_token(headers).map(|text| ShownToken { text, is_cookie: true }))
    }
}
