use axum::{extract::State, response::Response};
use deserr::Deserr;
use domain::{Email, Faults};
use service_kit::{
    extract::JsonBody,
    metrics::LOGINS,
    problem::{Code, Problem, ProblemBody},
    ratelimit::RateClass,
};

use super::answer::{LoggedIn, logged_in};
use crate::{
    Auth,
    password::{Password, PasswordError},
    session::Session,
};

/// Who logs in.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub(crate) struct Login {
    /// The registered address, in any case.
    email: Email,
    /// Their password.
    password: Password,
}

/// Log in
///
/// Begins a session in place of any other this user has. Browsers keep the refresh token as a cookie.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "logIn",
    tag = "Sessions",
    request_body = Login,
    responses(
        (status = 200, description = "Logged in", body = LoggedIn,
            headers(("set-cookie" = String, description = "refreshToken, HttpOnly"))),
        (status = 400, description = "VALIDATION_FAILED or MALFORMED_BODY", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 401, description = "INVALID_CREDENTIALS", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED; see Retry-After", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "UNAVAILABLE, also when too many log in at once; see Retry-After",
            body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(auth): State<Auth>,
    JsonBody(login): JsonBody<Login>,
) -> Result<Response, Problem> {
    let session = log_in(&auth, login).await?;
    count("success");
    Ok(logged_in(session, auth.cookie_secure))
}

async fn log_in(auth: &Auth, Login { email, password }: Login) -> Result<Session, Problem> {
    // Before the hashing, which is what an attack on an account costs us.
    auth.limits.take(RateClass::LoginAccount, email.as_str()).await.inspect_err(|_| count("rate_limited"))?;
    let (user, phc) = match auth.users.find_by_email(&email).await? {
        Some(known) => (Some(known.user), Some(known.password_hash)),
        None => (None, None),
    };
    let right = auth.passwords.verify(password, phc).await.inspect_err(|error| {
        if matches!(error, PasswordError::Busy) {
            count("shed");
        }
    })?;
    match user {
        Some(user) if right => auth.log_in(user).await,
        _ => {
            count("invalid_credentials");
            Err(Problem::new(Code::InvalidCredentials))
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!(LOGINS, "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests;
