use axum::{Json, extract::State, response::IntoResponse};
use deserr::Deserr;
use domain::{Email, Faults, User};
use http::{StatusCode, header};
use service_kit::{extract::JsonBody, problem::Refused};

use crate::{AuthService, app::users::RegisterError, password::ChosenPassword};

/// Who registers.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub(crate) struct RegistrationBody {
    /// Kept in one form: case-folded, the domain in A-labels.
    email: Email,
    /// 8 to 128 characters, none of the passwords that are tried first.
    password: ChosenPassword,
}

service_kit::refusals! {
    /// Why nobody is registered.
    pub(crate) enum CreateUserRefusal {
        /// The email address is already registered.
        EmailTaken,
    }
}

impl From<RegisterError> for Refused<CreateUserRefusal> {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::EmailTaken => CreateUserRefusal::EmailTaken.into(),
            RegisterError::WeakPassword(error) => Faults::new("/password", error.to_string()).into(),
            RegisterError::Password(error) => error.into(),
            RegisterError::Store(error) => error.into(),
        }
    }
}

/// Register
///
/// A new user has the role USER.
#[utoipa::path(
    post,
    path = "/users",
    operation_id = "createUser",
    tag = "Users",
    request_body = RegistrationBody,
    responses(
        (status = 201, description = "Registered", body = User,
            headers(("location" = String, description = "Where the user is found"))),
        CreateUserRefusal,
    )
)]
pub(crate) async fn create_user(
    State(auth): State<AuthService>,
    JsonBody(RegistrationBody { email, password }): JsonBody<RegistrationBody>,
) -> Result<impl IntoResponse, Refused<CreateUserRefusal>> {
    let user = auth.register(email, password).await?;
    let location = [(header::LOCATION, format!("/users/{}", user.id))];
    Ok((StatusCode::CREATED, location, Json(user)))
}

#[cfg(test)]
mod tests;
