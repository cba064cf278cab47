use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{Faults, Role, RoleSet, User, UserId};
use service_kit::{
    extract::{Admin, ChangedBy, JsonBody, PathId},
    problem::Refused,
};

use crate::{AuthService, app::roles::ChangeRolesError};

/// The roles a user shall have.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub(crate) struct RolesBody {
    /// At least one; they replace those the user has.
    #[schema(min_items = 1)]
    roles: Vec<Role>,
}

service_kit::refusals! {
    /// Why a user's roles are not changed.
    pub(crate) enum SetRolesRefusal {
        /// There is no such user.
        NotFound,
        /// Nobody would be ADMIN.
        LastAdmin,
    }
}

impl From<ChangeRolesError> for Refused<SetRolesRefusal> {
    fn from(error: ChangeRolesError) -> Self {
        match error {
            ChangeRolesError::UnknownUser => SetRolesRefusal::NotFound.into(),
            ChangeRolesError::LastAdmin => SetRolesRefusal::LastAdmin.into(),
            ChangeRolesError::Store(error) => error.into(),
        }
    }
}

/// Change a user's roles
///
/// Counts at once: the user's access token is dead when this returns, and a refresh gets one with the new roles.
#[utoipa::path(
    put,
    path = "/users/{id}/roles",
    operation_id = "setUserRoles",
    tag = "Users",
    params(("id" = UserId, Path, description = "The user's id")),
    request_body = RolesBody,
    responses((status = 200, description = "The user as they are now", body = User), SetRolesRefusal)
)]
pub(crate) async fn set_roles(
    State(auth): State<AuthService>,
    _admin: Admin,
    ChangedBy(author): ChangedBy,
    PathId(id): PathId<UserId>,
    JsonBody(RolesBody { roles }): JsonBody<RolesBody>,
) -> Result<Json<User>, Refused<SetRolesRefusal>> {
    let roles: RoleSet = roles.into_iter().collect();
    if roles.is_empty() {
        return Err(Faults::new("/roles", "must have at least one role").into());
    }
    Ok(Json(auth.change_roles(id, roles, author).await?))
}

#[cfg(test)]
mod tests;
