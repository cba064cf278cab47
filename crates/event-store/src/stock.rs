use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{EventId, ObjectId, RewardId, Timestamp};
use serde::Serialize;
use store_kit::row::StoredRow;

use super::{ExportedRow, RecordKey, StoreError, TransferRecord, TransferTable, transfer::WrongTable};

/// How many there are of something limited, and how many of them nobody has a claim on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StockCounter {
    /// The id of what is limited: of a reward's attachment to an event, or of the reward where it is a pool of coupons.
    pub id: ObjectId,
    /// How many there are in all.
    pub total: i64,
    /// How many are left. Each claim that is PENDING or APPROVED holds one of the others; of a pool, also one that was revoked.
    pub remaining: i64,
}

/// Who sets how many there are of an event's reward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockAuthor {
    /// Who, and when.
    pub stamp: ChangeStamp,
    /// The event.
    pub event: EventId,
    /// Its reward.
    pub reward: RewardId,
}

/// What became of a new total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetTotalOutcome {
    /// It counts.
    Set(StockCounter),
    /// More than that are taken already. Nothing was changed.
    BelowTaken(StockCounter),
}

/// What a round of repairs came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StockRepairs {
    /// How many counters were made exact again.
    pub repaired: u64,
    /// Since when the oldest that could not be yet has waited.
    pub waiting_since: Option<Timestamp>,
}

/// How long after a seat was taken or given up nobody can be at work on it any more: far longer than any attempt to store
/// or decide a claim.
pub(crate) const LEFT_BEHIND_SECONDS: i64 = 60;

/// How long whoever takes seats, or gives some up, may go on with it. A process that was held up for longer (stopped, or out of
/// memory) leaves the rest to be counted: others may soon do so.
pub(crate) const ACT_WITHIN: Duration = Duration::from_secs(20);

/// How many there are of limited rewards (`stock_counters` in event-db). Claims take and return seats by themselves, in
/// [`super::ClaimStore`].
#[async_trait]
pub trait StockStore: Send + Sync + fmt::Debug {
    /// The counters with these ids, as far as there are any, in one round trip.
    async fn find_many(&self, ids: &[ObjectId]) -> Result<HashMap<ObjectId, StockCounter>, StoreError>;

    /// Sets how many there are in all, unless more are taken. Where there is no counter yet, nothing is taken. The audit log
    /// says so if there is an author: a stock that no event has yet is part of the change by which one gets it.
    async fn set_total(
        &self,
        id: ObjectId,
        total: i64,
        author: Option<StockAuthor>,
    ) -> Result<SetTotalOutcome, StoreError>;

    /// Sets how many there are in all, unless they are as many or more already. Where there is no counter yet, nothing is
    /// taken.
    async fn raise_total(&self, id: ObjectId, total: i64) -> Result<StockCounter, StoreError>;

    /// How many claims on this event, or on any, hold a seat. Exact when nothing is in flight.
    async fn count_held(&self, event: Option<EventId>, id: ObjectId) -> Result<i64, StoreError>;

    /// Makes counters exact again where a process ended between a counter and a claim. Until then they are too low, never
    /// too high. Any number of replicas may do so at the same time.
    ///
    /// A store whose transactions span both has nothing to repair.
    async fn repair(&self, now: Timestamp) -> Result<StockRepairs, StoreError>;

    /// The next counters after this one, ascending, at most `limit`. For moving them to another store.
    async fn export(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<StockCounter>>, StoreError>;

    /// Stores counters that are not there yet.
    async fn import(&self, counters: Vec<StockCounter>) -> Result<(), StoreError>;
}

/// Moves counters by way of the port, so that what is moved is exact.
#[derive(Debug)]
pub(crate) struct StockTransfer(pub(crate) Arc<dyn StockStore>);

#[async_trait]
impl TransferTable for StockTransfer {
    fn name(&self) -> &'static str {
        "stock_counters"
    }

    async fn export(&self, after: Option<RecordKey>, limit: usize) -> Result<Vec<ExportedRow>, StoreError> {
        let rows = self.0.export(after.map(|key| key.id), limit).await?;
        let row = |row: StoredRow<StockCounter>| ExportedRow {
            key: row.id.map(RecordKey::from),
            record: row.value.map(TransferRecord::Stock),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    async fn import(&self, records: Vec<TransferRecord>) -> Result<(), StoreError> {
        let counter = |record| match record {
            TransferRecord::Stock(counter) => Ok(counter),
            _ => Err(StoreError::corrupt(super::STORE, WrongTable("stock_counters"))),
        };
        self.0.import(records.into_iter().map(counter).collect::<Result<_, _>>()?).await
    }
}
