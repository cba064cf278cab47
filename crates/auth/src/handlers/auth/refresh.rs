use axum::{extract::State, response::Response};
use deserr::Deserr;
use domain::Faults;
use http::HeaderMap;
use service_kit::{
    extract::OptionalJsonBody,
    problem::{Code, Problem, ProblemBody},
};

use super::answer::{Tokens, cookie_token, refreshed};
use crate::{Auth, refresh_token::RefreshToken, session::to_the_end};

/// The refresh token, where it is not sent as a cookie.
#[derive(Default, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Refresh {
    /// From the last login or refresh. Wins over the cookie.
    #[deserr(default)]
    refresh_token: Option<String>,
}

/// Renew the session
///
/// Each refresh token works once and is answered with the next one. Using one again revokes the session.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    operation_id = "refreshSession",
    tag = "Sessions",
    request_body(content = Option<Refresh>, description = "May be left out where the cookie is sent"),
    responses(
        (status = 200, description = "Renewed", body = Tokens,
            headers(("set-cookie" = String, description = "refreshToken, HttpOnly"))),
        (status = 400, description = "VALIDATION_FAILED (no token at all) or MALFORMED_BODY", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHENTICATED, TOKEN_EXPIRED or SESSION_REVOKED", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(auth): State<Auth>,
    headers: HeaderMap,
    OptionalJsonBody(body): OptionalJsonBody<Refresh>,
) -> Result<Response, Problem> {
    let Some(text) = body.refresh_token.as_deref().or_else(|| cookie_token(&headers)) else {
        let message = "is required, here or as the cookie refreshToken";
        return Err(Problem::invalid(Faults::new("/refreshToken", message)));
    };
    let presented: RefreshToken = text
        .parse()
        .map_err(|_| Problem::new(Code::Unauthenticated).detail("The refresh token is not valid"))?;
    let cookie_secure = auth.cookie_secure;
    let session = to_the_end(async move { auth.refresh(&presented).await }).await?;
    Ok(refreshed(session, cookie_secure))
}

#[cfg(test)]
mod tests;
