use async_trait::async_trait;
use domain::{Event, ObjectId, Reward};
use mongodb::{
    Collection,
    bson::{Document, doc, oid},
};
use serde::de::DeserializeOwned;
use service_kit::mongo::to_oid;

use super::{
    MongoEventDb,
    events::EventDocument,
    requests::RequestDocument,
    rewards::{AttachmentDocument, RewardDocument},
};
use crate::store::{Attachment, EventTransfer, NewRequest, Record, RecordKind, StoreError};

#[async_trait]
impl EventTransfer for MongoEventDb {
    async fn export(
        &self,
        kind: RecordKind,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        match kind {
            RecordKind::Event => {
                let read = |document: EventDocument| Event::try_from(document).map(Record::Event);
                self.page(&self.events, after, limit, read).await
            }
            RecordKind::Reward => {
                let read = |document: RewardDocument| Reward::try_from(document).map(Record::Reward);
                self.page(&self.rewards, after, limit, read).await
            }
            RecordKind::Attachment => {
                let read = |document: AttachmentDocument| Ok(Record::Attachment(Attachment::from(document)));
                self.page(&self.event_rewards, after, limit, read).await
            }
            RecordKind::Request => {
                let read = |document: RequestDocument| NewRequest::try_from(document).map(Record::Request);
                self.page(&self.requests, after, limit, read).await
            }
        }
    }

    async fn import(&self, records: Vec<Record>) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for record in records {
            batch.take(record)?;
        }
        self.mongo.insert_missing(&self.events, batch.events).await?;
        self.mongo.insert_missing(&self.rewards, batch.rewards).await?;
        self.mongo.insert_missing(&self.event_rewards, batch.attachments).await?;
        self.mongo.insert_missing(&self.requests, batch.requests).await
    }
}

/// Records as documents, each with its id.
#[derive(Default)]
struct Batch {
    events: Vec<(oid::ObjectId, EventDocument)>,
    rewards: Vec<(oid::ObjectId, RewardDocument)>,
    attachments: Vec<(oid::ObjectId, AttachmentDocument)>,
    requests: Vec<(oid::ObjectId, RequestDocument)>,
}

impl Batch {
    fn take(&mut self, record: Record) -> Result<(), StoreError> {
        let id = to_oid(record.id());
        match record {
            Record::Event(event) => self.events.push((id, event.try_into()?)),
            Record::Reward(reward) => self.rewards.push((id, reward.into())),
            Record::Attachment(attachment) => self.attachments.push((id, attachment.into())),
            Record::Request(new) => self.requests.push((id, new.try_into()?)),
        }
        Ok(())
    }
}

impl MongoEventDb {
    async fn page<D>(
        &self,
        collection: &Collection<D>,
        after: Option<ObjectId>,
        limit: usize,
        read: impl Fn(D) -> Result<Record, StoreError>,
    ) -> Result<Vec<Record>, StoreError>
    where
        D: DeserializeOwned + Send + Sync + Unpin,
    {
        let query = after.map_or_else(Document::new, |id| doc! { "_id": { "$gt": to_oid(id) } });
        let find = collection.find(query).sort(doc! { "_id": 1 });
        let found = self.mongo.all_in_bulk(find.limit(i64::try_from(limit).unwrap_or(i64::MAX))).await?;
        found.into_iter().map(read).collect()
    }
}
