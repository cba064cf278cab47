use axum::{extract::State, response::Response};
use deserr::Deserr;
use domain::{Email, Faults};
use service_kit::{extract::JsonBody, problem::Refused};

use super::{
    answer::{HandOut, LoginAnswer},
    client::ClientName,
    delivery::TokenDelivery,
};
use crate::{
    AuthService,
    app::sessions::{LogInError, LoginAttempt},
    password::Password,
};

/// Who logs in.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub(crate) struct LoginBody {
    /// The registered address, however it is written.
    email: Email,
    /// Their password.
    password: Password,
}

service_kit::refusals! {
    /// Why nobody is logged in.
    pub(crate) enum LogInRefusal {
        /// Email or password is wrong.
        InvalidCredentials,
    }
}

impl From<LogInError> for Refused<LogInRefusal> {
    fn from(error: LogInError) -> Self {
        match error {
            LogInError::RateLimited(wait) => wait.into(),
            LogInError::WrongCredentials => LogInRefusal::InvalidCredentials.into(),
            LogInError::Password(error) => error.into(),
            LogInError::Session(error) => error.into(),
        }
    }
}

/// Log in
///
/// Begins a session in place of any other this user has. Browsers keep the refresh token as a cookie.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "logIn",
    tag = "Sessions",
    params(TokenDelivery),
    request_body = LoginBody,
    responses(
        (status = 200, description = "Logged in", body = LoginAnswer,
            headers(("set-cookie" = String, description = "refreshToken, HttpOnly"))),
        LogInRefusal,
    )
)]
pub(crate) async fn log_in(
    State(auth): State<AuthService>,
    ClientName(client): ClientName,
    delivery: TokenDelivery,
    JsonBody(LoginBody { email, password }): JsonBody<LoginBody>,
) -> Result<Response, Refused<LogInRefusal>> {
    let session = auth.log_in(LoginAttempt { email, password, client }).await?;
    Ok(HandOut { delivery, cookie_secure: auth.cookie_secure }.answer_login(session))
}

#[cfg(test)]
mod tests;
