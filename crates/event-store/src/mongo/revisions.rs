use std::collections::HashMap;

use async_trait::async_trait;
use domain::EventId;
use mongodb::{
    Collection,
    bson::{Bson, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use serde::{Deserialize, Serialize};
use store_kit::{
    mongo::{Mongo, from_oid, to_oid},
    row::log_unreadable,
};

use super::{
    corrupt_document, from_bson, read_row, to_bson,
    transfer::{MongoOrder, MongoTable},
};
use crate::{
    EventRevision, RecordKey, RevisionDetails, RevisionKey, RevisionStore, StoreError, TransferRecord,
};

/// A revision as it is stored; its `_id` says nothing.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RevisionDocument {
    event: ObjectId,
    revision: i64,
    condition: Bson,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    details: Option<RevisionDetails>,
    /// The change's draft for the audit log, which goes to the event together with the revision. Only
    /// [`super::event_changes`] reads it.
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(super) draft: Option<Document>,
}

/// The events' revisions on a MongoDB server.
#[derive(Debug, Clone)]
pub(super) struct MongoRevisions {
    mongo: Mongo,
    revisions: Collection<RawDocumentBuf>,
}

impl MongoRevisions {
    pub(super) fn new(mongo: &Mongo) -> Self {
        Self { revisions: mongo.collection(TABLE.name), mongo: mongo.clone() }
    }
}

pub(super) const TABLE: MongoTable = MongoTable {
    name: "event_revisions",
    order: MongoOrder {
        sort: || doc! { "event": 1, "revision": 1 },
        after: filter_after,
        key: |document| read_key(document).map(|key| RecordKey { id: key.event.0, revision: key.revision }),
    },
    read: |document| read_revision(document).map(TransferRecord::Revision),
    write: |record| match record {
        TransferRecord::Revision(revision) => super::to_document(&RevisionDocument::try_from(revision)?),
        _ => Err(super::wrong_table("event_revisions")),
    },
};

fn filter_after(key: RecordKey) -> Document {
    let event = to_oid(key.id);
    doc! { "$or": [
        { "event": event, "revision": { "$gt": key.revision } },
        { "event": { "$gt": event } },
    ] }
}

impl TryFrom<EventRevision> for RevisionDocument {
    type Error = StoreError;

    fn try_from(revision: EventRevision) -> Result<Self, StoreError> {
        Ok(Self {
            event: to_oid(revision.event_id.0),
            revision: revision.revision,
            condition: to_bson(&revision.condition)?,
            details: revision.details,
            draft: None,
        })
    }
}

impl TryFrom<RevisionDocument> for EventRevision {
    type Error = StoreError;

    fn try_from(document: RevisionDocument) -> Result<Self, StoreError> {
        Ok(Self {
            event_id: EventId(from_oid(document.event)),
            revision: document.revision,
            condition: from_bson(document.condition)?,
            details: document.details,
        })
    }
}

fn read_key(document: &RawDocumentBuf) -> Result<RevisionKey, StoreError> {
    let event = document.get_object_id("event").map_err(corrupt_document)?;
    let revision = document.get_i64("revision").map_err(corrupt_document)?;
    Ok(RevisionKey { event: EventId(from_oid(event)), revision })
}

pub(super) fn read_revision(document: &RawDocumentBuf) -> Result<EventRevision, StoreError> {
    read_row::<RevisionDocument, _>(document, EventRevision::try_from).value
}

#[async_trait]
impl RevisionStore for MongoRevisions {
    /// Walks `{event: 1, revision: 1}`. Several revisions of an event are rarely asked for at once: all of the events' are
    /// looked at if more than one event is.
    async fn find_many(
        &self,
        keys: &[RevisionKey],
    ) -> Result<HashMap<RevisionKey, Result<EventRevision, StoreError>>, StoreError> {
        let key = |key: &RevisionKey| doc! { "event": to_oid(key.event.0), "revision": key.revision };
        let filter = match keys {
            [] => return Ok(HashMap::new()),
            [one] => key(one),
            // Servers that only speak MongoDB's protocol may walk the collection for an $or.
            many => {
                let events: Vec<_> = many.iter().map(|key| to_oid(key.event.0)).collect();
                let revisions: Vec<_> = many.iter().map(|key| key.revision).collect();
                doc! { "event": { "$in": events }, "revision": { "$in": revisions } }
            }
        };
        let found = self.mongo.all(self.revisions.find(filter).max_time(self.mongo.limit())).await?;
        let mut wanted = HashMap::new();
        for document in found {
            let key = read_key(&document)?;
            if keys.contains(&key) {
                wanted.insert(key, read_revision(&document));
            }
        }
        Ok(wanted)
    }

    /// Walks `{event: 1, revision: 1}` backwards.
    async fn list(&self, event: EventId, below: i64, limit: usize) -> Result<Vec<EventRevision>, StoreError> {
        let filter = doc! { "event": to_oid(event.0), "revision": { "$lt": below } };
        let find = self.revisions.find(filter).sort(doc! { "event": -1, "revision": -1 });
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX)).max_time(self.mongo.limit());
        let found = self.mongo.all(find).await?;
        let readable = found.iter().filter_map(|document| match read_revision(document) {
            Ok(revision) => Some(revision),
            Err(error) => {
                log_unreadable(TABLE.name, &format!("{event}"), &error);
                None
            }
        });
        Ok(readable.collect())
    }
}
