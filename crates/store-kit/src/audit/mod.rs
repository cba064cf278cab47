//! The audit log of a database: the port through which it is read, and what keeps it in each kind of store.
//!
//! A change and its entry are one. A relational store appends the entry in the transaction of the change
//! ([`sql`], [`sqlite`]). MongoDB has no transactions: the draft goes into the changed document in the same update, and
//! [`AuditStore::chain_drafts`] moves it into the chain later ([`mongo`]).

mod chainer;
pub mod mongo;
pub mod sql;
pub mod sqlite;
mod verify;

use std::fmt;

use async_trait::async_trait;
use audit::{AuditEntry, AuditHead};
use domain::{AuditAction, ObjectId, Timestamp};
use service_kit::page::{Page, PageRequest};

pub use self::{
    chainer::{AuditChainer, AuditLogName},
    verify::{AuditFault, verify_log, verify_onward},
};
use crate::{error::StoreError, row::StoredRow};

/// The name of its table or collection in every store.
pub const AUDIT_LOG: &str = "audit_log";

/// Which entries to list: those that match everything that is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only what the user or API key with this id did.
    pub actor: Option<ObjectId>,
    /// Only what was done to the thing with this id.
    pub object: Option<ObjectId>,
    /// Only what was this kind of change.
    pub action: Option<AuditAction>,
    /// Only what was done from this moment on.
    pub from: Option<Timestamp>,
    /// Only what was done before this moment.
    pub to: Option<Timestamp>,
}

/// The audit log of a database (`audit_log`). Entries are appended by the ports that change something, and
/// never changed.
#[async_trait]
pub trait AuditStore: Send + Sync + fmt::Debug {
    /// One page, newest first: by time, and among equals by sequence. Walks an index whatever is asked for:
    /// the cost does not grow with the page's position.
    async fn list_entries(
        &self,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError>;

    /// The last entry's sequence and hash.
    async fn head(&self) -> Result<AuditHead, StoreError>;

    /// When the oldest change was made that has no place in the chain yet. Where changes and entries are
    /// stored in one transaction, there is none.
    async fn oldest_draft(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Gives a bounded number of the oldest changes that wait their places in the chain; how many got one.
    /// Any number of replicas may do so at once, and whoever comes after a crash, at whichever step, goes on
    /// there.
    async fn chain_drafts(&self) -> Result<u64, StoreError>;

    /// The next entries after this key, or from the beginning, ascending by sequence, at most `limit` of
    /// them. Fewer mean that there are no more. Each may be damaged by itself; its id is [`AuditEntry::key`].
    async fn export_entries(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<AuditEntry>>, StoreError>;

    /// Stores entries as they are, leaving those alone that are there. For moving a whole log into a database
    /// that has none: if it is cut off, some of them are stored.
    async fn import_entries(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError>;
}

/// A part of an entry is not what this program writes.
#[derive(Debug, thiserror::Error)]
#[error("the audit log's {0} is not as it was written")]
struct UnreadablePart(&'static str);
