//! The ports of auth, one trait per aggregate, and beside them one file or folder per adapter.
//!
//! Every verb is atomic by itself and no signature knows transactions: each can be done with conditional updates of
//! single documents. What a port foresees (a taken email, a last administrator) is part of its result; a
//! [`StoreError`] is a store that did not do its work.
//!
//! Reads see every write that was acknowledged before they began. The session protocol rests on that: an adapter over
//! replicas reads from the primary.
//!
//! To add an adapter, implement the traits and run the suites of `contract.rs` on it.

mod access_tokens;
mod api_keys;
mod audit;
#[cfg(test)]
pub(crate) mod contract;
mod memory;
mod mongo;
mod redis;
mod refresh_tokens;
mod sql;
mod transfer;
mod user_stores;
mod users;

pub use access_tokens::AccessTokenStore;
pub use api_keys::{ApiKeyRecord, ApiKeyStore};
pub use memory::MemoryTokenDb;
pub use mongo::MongoUserDb;
pub use redis::RedisTokenDb;
pub use refresh_tokens::{RefreshRow, RefreshTokenStore, RotationOutcome, TokenRotation};
pub use sql::SqlUserDb;
pub use store_kit::{
    audit::{AuditFilter, AuditStore},
    error::StoreError,
};
pub use transfer::{ApiKeyTransfer, UserTransfer};
pub use user_stores::UserStores;
pub use users::{
    NewUser, PasswordHashChange, RegistrationOutcome, RoleChange, UserFilter, UserRecord, UserStore,
};
