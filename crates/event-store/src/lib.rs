//! What the event service keeps: one trait (port) per aggregate, and for each store an adapter with the same file names.
//!
//! Every verb is atomic by itself and no signature knows transactions: each can be done with conditional updates of
//! single documents. What a port foresees (a second claim, a reward attached already) is part of its result; a
//! [`StoreError`] is a store that did not do its work.
//!
//! Reads see every write that was acknowledged before they began: an adapter over replicas reads from the primary. What
//! is stored is read as it is and not judged anew. A row that cannot be read is named in the log and left out of lists;
//! whoever asks for that very row gets [`StoreError::Corrupt`].
//!
//! **To add an aggregate**: a file here with its port; a file of the same name in `sqlite/` and `mongo/` with a struct for
//! each, which enters its tables and collections into that folder's list of tables to be moved; a suite in `contract/`;
//! a field in [`Stores`].
//!
//! **To add a store**: a folder with those files, a constructor of [`Stores`], and the suites of `contract/` run on it.

mod active_day;
mod activities;
mod attributes;
mod audit;
mod claims;
mod code_pools;
#[cfg(test)]
pub(crate) mod contract;
mod day_sheet;
mod decisions;
mod events;
mod field_changes;
mod ledger;
mod mongo;
mod revisions;
mod rewards;
mod sqlite;
mod stock;
mod transfer;

use std::{path::Path, sync::Arc};

use service_kit::health::Dependency;
use store_kit::{
    changes::ChangeWatch, connection::StoreConnection, mongo::MongoConnectError, sqlite::OpenError,
};

pub use active_day::{ActiveDay, ActivityTally, QUARTERS_PER_DAY, QuarterSet};
pub use activities::{ActivityFilter, ActivitySpan, ActivityStore, RecordOutcome, activity_place};
pub use attributes::{AttributeStore, UserAttributes};
pub use claims::{ClaimFilter, ClaimOutcome, ClaimStore, NewClaim, StoredClaim};
pub use code_pools::{CodeCounts, CodePoolStore, CouponCode, NewCode};
pub use decisions::{
    ClaimCounts, DecideOutcome, Decision, MOST_DECISIONS, OldestClaim, Revocation, RevokeOutcome,
};
pub use events::{
    ChangeOutcome, DeleteOutcome, EventChange, EventFilter, EventStore, FoundByEvent, NewEvent, RewardChange,
};
pub use field_changes::{FieldChange, list_changes};
pub use ledger::{LedgerFilter, LedgerStore, WalletBalance};
pub use revisions::{EventRevision, RevisionDetails, RevisionKey, RevisionStore};
pub use rewards::{Attachment, FoundByReward, RewardFilter, RewardStore};
pub use stock::{SetTotalOutcome, StockAuthor, StockCounter, StockRepairs, StockStore};
pub use store_kit::audit::{AuditFilter, AuditStore};
pub use store_kit::error::StoreError;
pub use transfer::{ExportedRow, RecordKey, TransferRecord, TransferRegistry, TransferTable};

/// The name operators know this store by, and its database where none is named.
const STORE: &str = "event-db";

/// An event-db that is open, by the ports it is used through. Cheap to clone.
#[derive(Clone)]
pub struct Stores {
    /// The events.
    pub events: Arc<dyn EventStore>,
    /// What events said at each of their revisions.
    pub revisions: Arc<dyn RevisionStore>,
    /// The rewards, and which events have them.
    pub rewards: Arc<dyn RewardStore>,
    /// The claims.
    pub claims: Arc<dyn ClaimStore>,
    /// What reached users.
    pub ledger: Arc<dyn LedgerStore>,
    /// How many there are of limited rewards.
    pub stock: Arc<dyn StockStore>,
    /// The codes of pools of coupons.
    pub code_pools: Arc<dyn CodePoolStore>,
    /// What users did.
    pub activities: Arc<dyn ActivityStore>,
    /// What the game says about users.
    pub attributes: Arc<dyn AttributeStore>,
    /// Whether anything in the store has changed, for reads that are kept.
    pub changes: Arc<dyn ChangeWatch>,
    /// What staff and servers changed, beside what they changed.
    pub audit: Arc<dyn AuditStore>,
    /// Every table or collection but the audit log, for moving all data to another store.
    pub transfer: Arc<TransferRegistry>,
    /// Whether the store does its work: asked by writing, at most once a second.
    pub readiness: Arc<dyn Dependency>,
    /// To be closed when nothing asks any more.
    pub connection: Arc<dyn StoreConnection>,
}

impl Stores {
    /// Opens or creates a SQLite file, brings its tables up to date, and starts the tasks that group writes. Needs a
    /// runtime.
    pub async fn open_sqlite(path: &Path) -> Result<Self, OpenError> {
        sqlite::open_stores(path).await
    }

    /// Connects to MongoDB, brings its collections up to date, and starts the task that groups claims. The database is the
    /// given one, else the one in the URL, else `event-db`. Needs a runtime.
    pub async fn connect_mongo(url: &str, database: Option<&str>) -> Result<Self, MongoConnectError> {
        mongo::connect_stores(url, database).await
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores").field("connection", &self.connection).finish_non_exhaustive()
    }
}
