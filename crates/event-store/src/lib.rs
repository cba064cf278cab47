//! The ports of event, one trait per aggregate, and beside them one file or folder per adapter.
//!
//! Every verb is atomic by itself and no signature knows transactions: each can be done with conditional updates of
//! single documents. What a port foresees (a second claim, a reward attached already) is part of its result; a
//! [`StoreError`] is a store that did not do its work.
//!
//! Reads see every write that was acknowledged before they began: an adapter over replicas reads from the primary.
//!
//! To add an adapter, implement the traits and run the suites of `contract.rs` on it.

mod claims;
#[cfg(test)]
pub(crate) mod contract;
mod events;
mod mongo;
mod rewards;
mod sqlite;
mod transfer;

pub use claims::{ClaimFilter, ClaimStore, Claimed, NewClaim, Stored};
pub use events::{EventFilter, EventStore, Readable};
pub use mongo::MongoEventDb;
pub use rewards::{Attached, Attachment, RewardStore};
pub use sqlite::SqliteEventDb;
pub use store_kit::error::StoreError;
pub use transfer::{EventTransfer, Record, RecordKind};
