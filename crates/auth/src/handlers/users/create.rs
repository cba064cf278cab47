use axum::{Json, extract::State, response::IntoResponse};
use deserr::Deserr;
use domain::{Email, Faults, Role, RoleSet, User, UserId};
use http::{StatusCode, header};
use service_kit::{
    extract::JsonBody,
    problem::{Code, Problem, ProblemBody},
};

use crate::{
    Auth,
    password::ChosenPassword,
    store::{Created, NewUser},
};

/// Who registers.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub(crate) struct CreateUser {
    /// Kept in lower case.
    email: Email,
    /// 8 to 128 characters, none of the common passwords, and without the e-mail address.
    password: ChosenPassword,
}

/// Register
///
/// A new user has the role USER.
#[utoipa::path(
    post,
    path = "/users",
    operation_id = "createUser",
    tag = "Users",
    request_body = CreateUser,
    responses(
        (status = 201, description = "Registered", body = User,
            headers(("location" = String, description = "Where the user is found"))),
        (status = 400, description = "VALIDATION_FAILED or MALFORMED_BODY", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "EMAIL_TAKEN", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(auth): State<Auth>,
    JsonBody(CreateUser { email, password }): JsonBody<CreateUser>,
) -> Result<impl IntoResponse, Problem> {
    password
        .check_against(&email)
        .map_err(|error| Problem::invalid(Faults::new("/password", error.to_string())))?;
    // Asked before the costly hashing too; the store has the last word.
    if auth.users.find_by_email(&email).await?.is_some() {
        return Err(Problem::new(Code::EmailTaken));
    }
    let password_hash = auth.passwords.hash(password.into()).await?;
    let minted = auth.ids.mint();
    let roles = RoleSet::from_roles(&[Role::User]);
    let user = NewUser { id: UserId(minted.id), email, password_hash, roles, at: minted.at };
    match auth.users.create(user).await? {
        Created::Created(user) => {
            let location = [(header::LOCATION, format!("/users/{}", user.id))];
            Ok((StatusCode::CREATED, location, Json(user)))
        }
        Created::EmailTaken => Err(Problem::new(Code::EmailTaken)),
    }
}

#[cfg(test)]
mod tests;
