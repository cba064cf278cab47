//! Users.

use serde::{Deserialize, Serialize};

use crate::{Email, RoleSet, Timestamp, UserId};

/// A registered person, as the API shows them. The password hash is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The address they log in with, in its one canonical form; unique.
    pub email: Email,
    /// One or more roles.
    pub roles: RoleSet,
    /// When the user registered.
    pub created_at: Timestamp,
    /// When the user last changed.
    pub updated_at: Timestamp,
}
