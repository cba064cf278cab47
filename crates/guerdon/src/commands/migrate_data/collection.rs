use std::sync::Arc;

use auth::store::{UserRecord, UserTransfer};
use domain::ObjectId;
use event::store::{EventTransfer, RecordKind};
use serde::Serialize;
use service_kit::store::StoreError;

/// One collection or table of a store.
pub(super) enum Collection {
    /// The users.
    Users(Arc<dyn UserTransfer>),
    /// Records of one kind in an event-db.
    Events(Arc<dyn EventTransfer>, RecordKind),
}

/// Anything that is copied, whole.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Record {
    User(UserRecord),
    Event(event::store::Record),
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

    /// Up to `limit` records with greater ids than `after`, ascending.
    pub(super) async fn export(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        Ok(match self {
            Collection::Users(db) => db.export(after, limit).await?.into_iter().map(Record::User).collect(),
            Collection::Events(db, kind) => {
                db.export(*kind, after, limit).await?.into_iter().map(Record::Event).collect()
            }
        })
    }

    /// Stores records of a collection of the same name, leaving those alone that are there.
    pub(super) async fn import(&self, records: Vec<Record>) -> Result<(), StoreError> {
        match self {
            Collection::Users(db) => {
                let user = |record| if let Record::User(user) = record { Some(user) } else { None };
                db.import(records.into_iter().filter_map(user).collect()).await
            }
            Collection::Events(db, _) => {
                let event = |record| if let Record::Event(event) = record { Some(event) } else { None };
                db.import(records.into_iter().filter_map(event).collect()).await
            }
        }
    }
}
