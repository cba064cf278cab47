use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use deserr::Deserr;
use domain::Faults;
use service_kit::{
    extract::{JsonBody, LoggedIn, no_content},
    problem::Refused,
};

use crate::{
    AuthService,
    app::passwords::ChangePasswordError,
    password::{ChosenPassword, Password},
};

/// The password a user has, and the one they want.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub(crate) struct PasswordChangeBody {
    /// The password that is to be replaced.
    current_password: Password,
    /// 8 to 128 characters, none of the passwords that are tried first.
    new_password: ChosenPassword,
}

service_kit::refusals! {
    /// Why a password is not changed.
    pub(crate) enum SetPasswordRefusal {
        /// The current password is wrong.
        InvalidCredentials,
        /// The user is no longer there.
        NotFound,
    }
}

impl From<ChangePasswordError> for Refused<SetPasswordRefusal> {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::RateLimited(wait) => wait.into(),
            ChangePasswordError::UnknownUser => SetPasswordRefusal::NotFound.into(),
            ChangePasswordError::WrongPassword => SetPasswordRefusal::InvalidCredentials.into(),
            ChangePasswordError::WeakPassword(error) => Faults::new("/newPassword", error.to_string()).into(),
            ChangePasswordError::Password(error) => error.into(),
            ChangePasswordError::Store(error) => error.into(),
        }
    }
}

/// Change your password
///
/// Ends every session you have, this one too: log in with the new password.
#[utoipa::path(
    put,
    path = "/users/me/password",
    operation_id = "setMyPassword",
    tag = "Users",
    request_body = PasswordChangeBody,
    responses((status = 204, description = "Changed"), SetPasswordRefusal)
)]
pub(crate) async fn set_password(
    State(auth): State<AuthService>,
    LoggedIn(caller): LoggedIn,
    JsonBody(change): JsonBody<PasswordChangeBody>,
) -> Result<Response, Refused<SetPasswordRefusal>> {
    auth.change_password(caller.id, change.current_password, change.new_password).await?;
    Ok(no_content().into_response())
}

#[cfg(test)]
mod tests;
