use std::{fmt, sync::Arc};

use async_trait::async_trait;
use domain::{Activity, Event, EventId, LedgerEntry, ObjectId, Reward};
use serde::Serialize;

use super::{
    Attachment, CouponCode, EventRevision, NewClaim, StockCounter, StoreError, UserAttributes, activity_place,
};

/// Anything an event-db holds, whole. Each table takes one of these.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TransferRecord {
    /// `events`.
    Event(Event),
    /// `event_revisions`.
    Revision(EventRevision),
    /// `rewards`.
    Reward(Reward),
    /// `event_rewards`.
    Attachment(Attachment),
    /// `stock_counters`.
    Stock(StockCounter),
    /// `coupon_codes`, free and taken ones.
    Code(CouponCode),
    /// `reward_requests`, in any state.
    Claim(NewClaim),
    /// `grants`.
    LedgerEntry(LedgerEntry),
    /// `activities`. Their totals follow from them.
    Activity(Activity),
    /// `user_attributes`.
    Attributes(UserAttributes),
}

/// By which the records of a table are ordered: their id; for what belongs to an event's revision, both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey {
    /// The record's own id, or the event's.
    pub id: ObjectId,
    /// 0 where there is none.
    pub revision: i64,
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision {
            0 => write!(f, "{}", self.id),
            revision => write!(f, "{} at revision {revision}", self.id),
        }
    }
}

impl From<ObjectId> for RecordKey {
    fn from(id: ObjectId) -> Self {
        Self { id, revision: 0 }
    }
}

impl From<EventId> for RecordKey {
    fn from(id: EventId) -> Self {
        id.0.into()
    }
}

impl TransferRecord {
    /// By which it is ordered among the records of its table.
    pub fn key(&self) -> RecordKey {
        match self {
            TransferRecord::Event(event) => event.id.into(),
            TransferRecord::Revision(revision) => {
                RecordKey { id: revision.event_id.0, revision: revision.revision }
            }
            TransferRecord::Reward(reward) => reward.id.0.into(),
            TransferRecord::Attachment(attachment) => attachment.id.into(),
            TransferRecord::Stock(counter) => counter.id.into(),
            TransferRecord::Code(code) => code.id.into(),
            TransferRecord::Claim(new) => new.request.id.0.into(),
            TransferRecord::LedgerEntry(entry) => entry.id.into(),
            TransferRecord::Activity(activity) => activity_place(activity).into(),
            TransferRecord::Attributes(attributes) => attributes.user_id.0.into(),
        }
    }
}

/// A row as it was found: it may be damaged.
#[derive(Debug)]
pub struct ExportedRow {
    /// Its place, unless even that cannot be read.
    pub key: Result<RecordKey, StoreError>,
    /// What it says.
    pub record: Result<TransferRecord, StoreError>,
}

/// One table or collection of an event-db, as a data move sees it.
#[async_trait]
pub trait TransferTable: Send + Sync + fmt::Debug {
    /// Its name, the same in every store.
    fn name(&self) -> &'static str;

    /// The next rows after this key, or from the beginning, ascending, at most `limit` of them. Fewer mean that there are
    /// no more.
    async fn export(&self, after: Option<RecordKey>, limit: usize) -> Result<Vec<ExportedRow>, StoreError>;

    /// Stores records of this table, leaving those alone that are there, and leaving out those whose unique key another has.
    /// If it is cut off, some of them are stored. A record of another table is an error.
    async fn import(&self, records: Vec<TransferRecord>) -> Result<(), StoreError>;
}

/// Every table of a store, in the order in which they are to be moved: what others refer to comes first. A table that is
/// not in it fails a test of its adapter.
#[derive(Debug)]
pub struct TransferRegistry {
    tables: Vec<Arc<dyn TransferTable>>,
}

impl TransferRegistry {
    pub(crate) fn new(tables: Vec<Arc<dyn TransferTable>>) -> Self {
        Self { tables }
    }

    /// All of them.
    pub fn tables(&self) -> &[Arc<dyn TransferTable>] {
        &self.tables
    }

    /// The one with this name.
    pub fn table(&self, name: &str) -> Option<&dyn TransferTable> {
        self.tables.iter().find(|table| table.name() == name).map(AsRef::as_ref)
    }
}

/// What an adapter answers to a record that belongs into another of its tables.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the record belongs into another table than {0}")]
pub(crate) struct WrongTable(pub(crate) &'static str);
