use std::{sync::Arc, time::Duration};

use auth::store::{UserRecord, UserTransfer};
use domain::ObjectId;
use event_store::{EventTransfer, RecordKind};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use serde::Serialize;
use store_kit::error::StoreError;

/// How often a store that does not answer is tried again before the command gives up: a replica set may have to elect a
/// primary meanwhile.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

/// One collection or table of a store.
pub(super) enum Collection {
    /// The users.
    Users(Arc<dyn UserTransfer>),
    /// Records of one kind in an event-db.
    Events(Arc<dyn EventTransfer>, RecordKind),
}

/// Anything that is copied, whole.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Record {
    User(UserRecord),
    Event(event_store::Record),
}

impl Record {
    pub(super) fn id(&self) -> ObjectId {
        match self {
            Record::User(record) => record.user.id.0,
            Record::Event(record) => record.id(),
        }
    }
}

impl Collection {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Collection::Users(_) => "users",
            Collection::Events(_, kind) => kind.collection(),
        }
    }

    /// Everything with greater ids than `after`, ascending.
    pub(super) fn read(&self, after: Option<ObjectId>) -> Reader<'_> {
        Reader { collection: self, after, records: self.export(after), failed: 0 }
    }

    /// Stores records of a collection of the same name, leaving those alone that are there.
    pub(super) async fn import(&self, records: &[Record]) -> Result<(), StoreError> {
        let mut failed = 0;
        while let Err(error) = self.try_import(records).await {
            failed += 1;
            give_up_or_wait(failed, error).await?;
        }
        Ok(())
    }

    fn export(&self, after: Option<ObjectId>) -> BoxStream<'_, Result<Record, StoreError>> {
        match self {
            Collection::Users(db) => db.export(after).map_ok(Record::User).boxed(),
            Collection::Events(db, kind) => db.export(*kind, after).map_ok(Record::Event).boxed(),
        }
    }

    async fn try_import(&self, records: &[Record]) -> Result<(), StoreError> {
        let records = records.iter().cloned();
        match self {
            Collection::Users(db) => {
                let user = |record| if let Record::User(user) = record { Some(user) } else { None };
                db.import(records.filter_map(user).collect()).await
            }
            Collection::Events(db, _) => {
                let event = |record| if let Record::Event(event) = record { Some(event) } else { None };
                db.import(records.filter_map(event).collect()).await
            }
        }
    }
}

/// Reads a collection, and goes on where it was if the store was away meanwhile.
pub(super) struct Reader<'a> {
    collection: &'a Collection,
    after: Option<ObjectId>,
    records: BoxStream<'a, Result<Record, StoreError>>,
    failed: u32,
}

impl Reader<'_> {
    /// The next record; nothing after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Record>, StoreError> {
        loop {
            match self.records.try_next().await {
                Ok(record) => {
                    self.failed = 0;
                    self.after = record.as_ref().map(Record::id).or(self.after);
                    return Ok(record);
                }
                Err(error) => {
                    self.failed += 1;
                    give_up_or_wait(self.failed, error).await?;
                    self.records = self.collection.export(self.after);
                }
            }
        }
    }

    /// The next records, `count` of them as long as there are so many.
    pub(super) async fn next_chunk(&mut self, count: usize) -> Result<Vec<Record>, StoreError> {
        let mut chunk = Vec::with_capacity(count);
        while chunk.len() < count
            && let Some(record) = self.next().await?
        {
            chunk.push(record);
        }
        Ok(chunk)
    }
}

async fn give_up_or_wait(failed: u32, error: StoreError) -> Result<(), StoreError> {
    if failed > ATTEMPTS || matches!(error, StoreError::Corrupt { .. }) {
        return Err(error);
    }
    tokio::time::sleep(PAUSE).await;
    Ok(())
}
