//! People to call a service on behalf of, told apart by a number. Their ids say that they registered in 1970.

use domain::{ApiKeyId, ApiKeyScope, ApiKeyScopeSet, ObjectId, Role, RoleSet, UserId};
use service_kit::identity::{Caller, Identity, KeyCaller, Subject, VouchedCall};

/// The id of the person with this number.
pub fn user_id(number: u8) -> UserId {
    let mut id = [0; 12];
    id[11] = number;
    UserId(ObjectId::from_bytes(id))
}

/// The person with this number, in these roles.
pub fn as_roles(number: u8, roles: &[Role]) -> Identity {
    Identity::User(Caller { id: user_id(number), roles: RoleSet::from_roles(roles) })
}

/// A person with the role USER.
pub fn as_user(number: u8) -> Identity {
    as_roles(number, &[Role::User])
}

/// Somebody with the role OPERATOR: number 200.
pub fn as_operator() -> Identity {
    as_roles(200, &[Role::Operator])
}

/// Somebody with the role AUDITOR: number 201.
pub fn as_auditor() -> Identity {
    as_roles(201, &[Role::Auditor])
}

/// Somebody with the role ADMIN: number 202.
pub fn as_admin() -> Identity {
    as_roles(202, &[Role::Admin])
}

/// A server whose key has these scopes.
pub fn as_server(scopes: &[ApiKeyScope]) -> Identity {
    let scopes = ApiKeyScopeSet::from_scopes(scopes);
    Identity::ApiKey(KeyCaller { id: ApiKeyId(ObjectId::from_bytes([203; 12])), scopes })
}

/// A call about the person with this number, whom the gateway has found in these roles.
pub fn about(who: Identity, number: u8, roles: &[Role]) -> VouchedCall {
    let user = Caller { id: user_id(number), roles: RoleSet::from_roles(roles) };
    VouchedCall { identity: who, subject: Some(Subject(user)) }
}
