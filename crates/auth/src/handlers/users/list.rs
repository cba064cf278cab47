use axum::{Json, extract::State};
use domain::{Role, User};
use service_kit::{
    extract::{Admin, Query},
    page::Page,
    problem::{Problem, ProblemBody},
};

use crate::{Auth, store::UserFilter};

/// List users
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "listUsers",
    tag = "Users",
    params(
        ("email" = Option<String>, Query, description = "Exactly this address, in any case"),
        ("role" = Option<Role>, Query, description = "Only users who have this role"),
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 100, description = "Users on a page; 20 if left out"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of users", body = Page<User>),
        (status = 400, description = "VALIDATION_FAILED", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(auth): State<Auth>,
    _admin: Admin,
    Query(mut query): Query,
) -> Result<Json<Page<User>>, Problem> {
    let filter = UserFilter { email: query.take("email"), role: query.take("role") };
    let page = query.take_page();
    query.finish()?;
    Ok(Json(auth.users.list(&filter, page).await?))
}

#[cfg(test)]
mod tests;
