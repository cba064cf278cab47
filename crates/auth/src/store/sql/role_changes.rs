use audit::ChangeStamp;
use domain::{RoleSet, UserId};
use sqlx::AnyConnection;
use store_kit::audit::sql::append_draft;

use super::users::{ONE_CHANGE_AT_A_TIME, SET_ROLES, UserRow, role_bits, roles_from_bits};
use crate::store::audit::roles_replaced;

/// What became of a user's row.
pub(super) enum RowChange {
    Updated(UserRow),
    Refused,
    NotFound,
}

/// Replaces a user's roles, and appends that to the audit log.
pub(super) async fn replace_roles(
    connection: &mut AnyConnection,
    id: UserId,
    roles: RoleSet,
    stamp: ChangeStamp,
) -> Result<RowChange, sqlx::Error> {
    sqlx::query(ONE_CHANGE_AT_A_TIME).execute(&mut *connection).await?;
    let before: Option<i64> = sqlx::query_scalar("SELECT roles FROM users WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(before) = before else { return Ok(RowChange::NotFound) };
    let updated: Option<UserRow> = sqlx::query_as(SET_ROLES)
        .bind(id.to_string())
        .bind(role_bits(roles))
        .bind(stamp.at.as_millis())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(updated) = updated else { return Ok(RowChange::Refused) };
    append_draft(connection, roles_replaced(stamp, id, roles_from_bits(before), roles)).await?;
    Ok(RowChange::Updated(updated))
}
