use async_trait::async_trait;
use domain::{Event, ObjectId, Reward};
use futures::{StreamExt, stream::BoxStream};
use mongodb::{
    Collection,
    bson::{Document, doc, oid},
};
use serde::de::DeserializeOwned;
use store_kit::mongo::to_oid;

use super::{
    MongoEventDb,
    claims::ClaimDocument,
    events::EventDocument,
    rewards::{AttachmentDocument, RewardDocument},
};
use crate::{Attachment, EventTransfer, NewClaim, Record, RecordKind, StoreError};

#[async_trait]
impl EventTransfer for MongoEventDb {
    fn export(&self, kind: RecordKind, after: Option<ObjectId>) -> BoxStream<'_, Result<Record, StoreError>> {
        match kind {
            RecordKind::Event => self.all(&self.events, after, |document: EventDocument| {
                Event::try_from(document).map(Record::Event)
            }),
            RecordKind::Reward => self.all(&self.rewards, after, |document: RewardDocument| {
                Reward::try_from(document).map(Record::Reward)
            }),
            RecordKind::Attachment => self.all(&self.event_rewards, after, |document: AttachmentDocument| {
                Ok(Record::Attachment(Attachment::from(document)))
            }),
            RecordKind::Request => self.all(&self.requests, after, |document: ClaimDocument| {
                NewClaim::try_from(document).map(Record::Request)
            }),
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
    requests: Vec<(oid::ObjectId, ClaimDocument)>,
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
    fn all<'a, D>(
        &'a self,
        collection: &Collection<D>,
        after: Option<ObjectId>,
        read: impl Fn(D) -> Result<Record, StoreError> + Send + 'a,
    ) -> BoxStream<'a, Result<Record, StoreError>>
    where
        D: DeserializeOwned + Send + Sync + Unpin + 'a,
    {
        let query = after.map_or_else(Document::new, |id| doc! { "_id": { "$gt": to_oid(id) } });
        // The find borrows nothing once it is a future of its own.
        let collection = collection.clone();
        let find = async move { collection.find(query).sort(doc! { "_id": 1 }).await };
        self.mongo.stream(find).map(move |found| found.and_then(&read)).boxed()
    }
}
