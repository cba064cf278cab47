//! What users did. Conditions count it, so that counting is cheap: beside each activity, totals of its day are kept.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use domain::{Activity, ActivityType, Clock, ObjectId, SystemClock, Timestamp, UserId};
use service_kit::page::{Page, PageRequest};
use sha2::{Digest, Sha256};
use store_kit::row::StoredRow;

use super::{
    ActiveDay, ExportedRow, RecordKey, StoreError, TransferRecord, TransferTable, transfer::WrongTable,
};

/// What became of an activity that was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    /// It is stored, and counts.
    Recorded,
    /// One with this id was stored before, for whomever: this one changed nothing.
    Duplicate,
}

/// What to count: one type of activity of one user, from a moment until just before another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActivitySpan {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub activity_type: ActivityType,
    /// The first moment that counts.
    pub from: Timestamp,
    /// The first moment that no longer counts.
    pub to: Timestamp,
}

/// Which activities to list: those that match everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivityFilter {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only of this type.
    pub activity_type: Option<ActivityType>,
    /// Only those done at this moment or later.
    pub from: Option<Timestamp>,
    /// Only those done before this moment.
    pub to: Option<Timestamp>,
}

/// The activities (`activities` in event-db) and the totals of their days.
#[async_trait]
pub trait ActivityStore: Send + Sync + fmt::Debug {
    /// Stores activities that are not there yet, by their ids; one answer for each, in order. Each counts once, however
    /// often and by however many it is reported at the same moment. After an error some of them may be stored: whoever
    /// reports them again changes nothing but what is lacking. Durable, and counted, when it returns.
    async fn record(
        &self,
        activities: Vec<Activity>,
        now: Timestamp,
    ) -> Result<Vec<RecordOutcome>, StoreError>;

    /// The days of a span on which there was activity, each as far as it lies within the span, in any order; a day may
    /// come in several parts. The cost grows with these days and not with the number of activities.
    async fn active_days(&self, span: &ActivitySpan) -> Result<Vec<ActiveDay>, StoreError>;

    /// One page, those done last first, by their [`activity_place`]. Each combination of filters walks an index.
    async fn list(&self, filter: &ActivityFilter, page: PageRequest) -> Result<Page<Activity>, StoreError>;

    /// Every type there is activity of, in order of the alphabet, at most `limit`.
    async fn types(&self, limit: usize) -> Result<Vec<ActivityType>, StoreError>;

    /// Users there is activity of, ascending, after this one, at most `limit`.
    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, StoreError>;

    /// The next activities after this place, ascending, at most `limit`. For moving them to another store.
    async fn export(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<Activity>>, StoreError>;

    /// Finishes what a process that died left half done, and forgets what is no longer needed. Returns whether there may
    /// be more to do. Any number of replicas may call it.
    async fn tidy(&self, now: Timestamp) -> Result<bool, StoreError>;
}

/// Where an activity stands among all: by its moment, to the second, then by a hash of its id. It is an id's form, so
/// that lists have one kind of cursor.
pub fn activity_place(activity: &Activity) -> ObjectId {
    let mut place = ObjectId::floor(activity.at).bytes();
    place[4..].copy_from_slice(&Sha256::digest(activity.id.as_str())[..8]);
    ObjectId::from_bytes(place)
}

/// Moves activities by way of the port, so that they are counted as they arrive, on every store.
#[derive(Debug)]
pub(crate) struct ActivityTransfer(pub(crate) Arc<dyn ActivityStore>);

#[async_trait]
impl TransferTable for ActivityTransfer {
    fn name(&self) -> &'static str {
        "activities"
    }

    async fn export(&self, after: Option<RecordKey>, limit: usize) -> Result<Vec<ExportedRow>, StoreError> {
        let rows = self.0.export(after.map(|key| key.id), limit).await?;
        let row = |row: StoredRow<Activity>| ExportedRow {
            key: row.id.map(RecordKey::from),
            record: row.value.map(TransferRecord::Activity),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    async fn import(&self, records: Vec<TransferRecord>) -> Result<(), StoreError> {
        let activity = |record| match record {
            TransferRecord::Activity(activity) => Ok(activity),
            _ => Err(StoreError::corrupt(super::STORE, WrongTable("activities"))),
        };
        let activities = records.into_iter().map(activity).collect::<Result<Vec<_>, _>>()?;
        self.0.record(activities, SystemClock.now()).await.map(drop)
    }
}
