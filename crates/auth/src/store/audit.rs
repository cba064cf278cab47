//! What the audit log says of each change. Never an address or a secret: what is written there stays for
//! good.

use audit::{AuditDraft, ChangeStamp};
use domain::{ApiKey, ApiKeyId, AuditAction, RoleSet, UserId};
use serde_json::{Value, json};

/// A user was created with these roles.
pub(super) fn user_created(stamp: ChangeStamp, user: UserId, roles: RoleSet) -> AuditDraft {
    stamp.into_draft(AuditAction::UserCreated, user, None, Some(show_roles(roles)))
}

/// A user's roles were replaced.
pub(super) fn roles_replaced(
    stamp: ChangeStamp,
    user: UserId,
    before: RoleSet,
    after: RoleSet,
) -> AuditDraft {
    let (before, after) = (show_roles(before), show_roles(after));
    stamp.into_draft(AuditAction::UserRolesReplaced, user, Some(before), Some(after))
}

/// An API key was made.
pub(super) fn key_created(stamp: ChangeStamp, key: &ApiKey) -> AuditDraft {
    stamp.into_draft(AuditAction::ApiKeyCreated, key.id, None, Some(show_key(key)))
}

/// An API key was deleted. What it was is not known if it could not be read.
pub(super) fn key_deleted(stamp: ChangeStamp, id: ApiKeyId, key: Option<&ApiKey>) -> AuditDraft {
    stamp.into_draft(AuditAction::ApiKeyDeleted, id, key.map(show_key), None)
}

fn show_roles(roles: RoleSet) -> Value {
    json!({ "roles": roles })
}

/// Without its last use: nobody changes that.
fn show_key(key: &ApiKey) -> Value {
    json!({
        "name": key.name,
        "scopes": key.scopes,
        "createdBy": key.created_by,
        "createdAt": key.created_at,
        "expiresAt": key.expires_at,
    })
}
