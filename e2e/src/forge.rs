//! Tokens that the system did not hand out.

use std::sync::Arc;

use domain::{Clock, ManualClock, Role, RoleSet, SystemClock, UserId};
use service_kit::{
    access_token::AccessTokenKey,
    identity::{Audience, Caller, Identity, IdentityKey},
};

use crate::SECRET;

/// A secret the system does not have.
const ANOTHER_SECRET: &[u8] = b"another secret of more than 32 bytes, not theirs";

/// An access token signed with the system's secret, for everything, that nobody stored.
pub fn access_token(user: &str) -> String {
    sign_token(SECRET.as_bytes(), Arc::new(SystemClock), user)
}

/// One whose time was over long ago.
pub fn expired_access_token(user: &str) -> String {
    sign_token(SECRET.as_bytes(), long_ago(), user)
}

/// One signed with another secret.
pub fn forged_access_token(user: &str) -> String {
    sign_token(ANOTHER_SECRET, Arc::new(SystemClock), user)
}

/// One that says it needs no signature.
pub fn unsigned_access_token(user: &str) -> String {
    let token = access_token(user);
    let claims = token.split('.').nth(1).expect("a JWT has claims");
    // {"alg":"none"}
    format!("eyJhbGciOiJub25lIn0.{claims}.")
}

/// A caller's identity as the gateway signs it.
pub fn identity(audience: Audience, user: &str, roles: &[Role]) -> String {
    sign_identity(SECRET.as_bytes(), Arc::new(SystemClock), audience, caller_with(user, roles))
}

/// An identity that is no user's.
pub fn identity_of(audience: Audience, identity: Identity) -> String {
    sign_identity(SECRET.as_bytes(), Arc::new(SystemClock), audience, identity)
}

/// An administrator's identity the gateway signed long ago.
pub fn expired_identity(audience: Audience, user: &str) -> String {
    sign_identity(SECRET.as_bytes(), long_ago(), audience, caller_with(user, &Role::ALL))
}

/// An administrator's identity signed with another secret.
pub fn forged_identity(audience: Audience, user: &str) -> String {
    sign_identity(ANOTHER_SECRET, Arc::new(SystemClock), audience, caller_with(user, &Role::ALL))
}

fn sign_token(secret: &[u8], clock: Arc<dyn Clock>, user: &str) -> String {
    let key = AccessTokenKey::new(secret, clock);
    key.issue(user_id(user), RoleSet::from_roles(&Role::ALL)).expect("claims can be signed").token
}

fn sign_identity(secret: &[u8], clock: Arc<dyn Clock>, audience: Audience, identity: Identity) -> String {
    IdentityKey::derive(secret, clock).sign(audience, identity).expect("an identity can be signed")
}

fn caller_with(user: &str, roles: &[Role]) -> Identity {
    Identity::User(Caller { id: user_id(user), roles: RoleSet::from_roles(roles) })
}

fn user_id(user: &str) -> UserId {
    user.parse().expect("an id")
}

fn long_ago() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new("2020-01-01T00:00:00Z".parse().expect("a time")))
}
