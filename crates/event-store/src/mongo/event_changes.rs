//! How events change where there are no transactions.
//!
//! The next revision is stored first, under the unique key (event, revision): that decides which of many changes is made.
//! Then it is put into force: the event is replaced if it still is at the revision before. A crash between leaves a revision
//! that is not in force; whoever changes the event next finds its number taken, puts it into force, and is outdated.

use domain::{Event, EventId, Timestamp};
use mongodb::{
    Collection,
    bson::{Bson, Document, RawDocumentBuf, doc},
};
use store_kit::{
    error::StoreError,
    mongo::{to_date, to_oid},
};

use super::{
    claims,
    events::{EventDocument, MongoEvents, read_event},
    revisions::{self, RevisionDocument, read_revision},
    rewards::{ATTACHMENT_TABLE, AttachmentDocument},
    to_document,
};
use crate::{Attachment, ChangeOutcome, DeleteOutcome, EventChange, EventRevision, RewardChange};

impl MongoEvents {
    pub(super) async fn carry_out(&self, change: EventChange) -> Result<ChangeOutcome, StoreError> {
        let EventChange { event, changed_by, rewards } = change;
        let Some(before) = self.find_one(event.id).await? else { return Ok(ChangeOutcome::UnknownEvent) };
        if before.revision != event.revision - 1 {
            return Ok(ChangeOutcome::Outdated);
        }
        if let RewardChange::Attach { new: Some(reward), .. } = rewards {
            self.insert_reward(reward).await?;
        }
        let revision = EventRevision::from_event(&event, changed_by);
        let document = RevisionDocument::try_from(revision.clone())?;
        if self.mongo.unless_taken(self.revisions.insert_one(document)).await?.is_some() {
            self.put_into_force(&event).await?;
            return Ok(ChangeOutcome::Changed);
        }
        let Some(stored) = self.find_revision(&revision).await? else { return Ok(ChangeOutcome::Outdated) };
        let Some(stored_event) = stored.apply_to(&before) else { return Ok(ChangeOutcome::Outdated) };
        self.put_into_force(&stored_event).await?;
        // The one in the way may be this very one, inserted by an attempt the driver repeated.
        Ok(if stored == revision { ChangeOutcome::Changed } else { ChangeOutcome::Outdated })
    }

    /// Replaces the event at the revision before. If there is none, somebody else has put this revision into force, or the
    /// event is gone.
    async fn put_into_force(&self, event: &Event) -> Result<(), StoreError> {
        let at = doc! { "_id": to_oid(event.id.0), "revision": event.revision - 1, "deletedAt": Bson::Null };
        let document = EventDocument::try_from(event.clone())?;
        let replaced = self.mongo.run(self.events.replace_one(at, document)).await?;
        if replaced.matched_count == 1 {
            self.follow_rewards(event).await?;
        }
        Ok(())
    }

    /// Makes the attachments what the event says. The event decides; a crash before this leaves them behind until the next
    /// change of the event.
    pub(super) async fn follow_rewards(&self, event: &Event) -> Result<(), StoreError> {
        let attachments: Collection<AttachmentDocument> = self.mongo.collection(ATTACHMENT_TABLE.name);
        let listed: Vec<_> = event.rewards.iter().map(|place| to_oid(place.attachment)).collect();
        let others = doc! { "event": to_oid(event.id.0), "_id": { "$nin": &listed } };
        self.mongo.run(attachments.delete_many(others)).await?;
        let places = attachments.clone_with_type::<Document>();
        let mine = places.find(doc! { "event": to_oid(event.id.0) });
        let there = self.mongo.all(mine.projection(doc! { "_id": 1 }).max_time(self.mongo.limit())).await?;
        let there: Vec<_> = there.iter().filter_map(|found| found.get_object_id("_id").ok()).collect();
        for place in event.rewards.iter().filter(|place| !there.contains(&to_oid(place.attachment))) {
            let attachment = Attachment {
                id: place.attachment,
                event: event.id,
                reward: place.reward,
                at: event.updated_at,
            };
            let insert = attachments.insert_one(AttachmentDocument::from(attachment));
            self.mongo.unless_taken(insert).await?;
        }
        Ok(())
    }

    /// The event is hidden first: from then on no claim on it stays (whoever stores one looks for the event afterwards). If
    /// there is a claim all the same, the event is shown again. A crash between leaves it hidden; deleting it again goes on.
    pub(super) async fn delete_unclaimed(
        &self,
        id: EventId,
        at_revision: Option<i64>,
    ) -> Result<DeleteOutcome, StoreError> {
        let mut this = doc! { "_id": to_oid(id.0) };
        if let Some(revision) = at_revision {
            this.insert("revision", revision);
        }
        let hide = doc! { "$set": { "deletedAt": to_date(Timestamp::from_millis(0)) } };
        let hidden = self.mongo.run(self.events.update_one(this.clone(), hide)).await?;
        if hidden.matched_count == 0 {
            let is_there = self.find_one(id).await?.is_some();
            return Ok(if is_there { DeleteOutcome::Outdated } else { DeleteOutcome::UnknownEvent });
        }
        let claims: Collection<RawDocumentBuf> = self.mongo.collection(claims::TABLE.name);
        let of_event = doc! { "event": to_oid(id.0) };
        let find = claims.find_one(of_event.clone()).projection(doc! { "_id": 1 });
        if self.mongo.run(find.max_time(self.mongo.limit())).await?.is_some() {
            let this = doc! { "_id": to_oid(id.0) };
            let show = doc! { "$unset": { "deletedAt": "" } };
            self.mongo.run(self.events.update_one(this, show)).await?;
            return Ok(DeleteOutcome::HasClaims);
        }
        for part in [ATTACHMENT_TABLE.name, revisions::TABLE.name] {
            let documents: Collection<Document> = self.mongo.collection(part);
            self.mongo.run(documents.delete_many(of_event.clone())).await?;
        }
        self.mongo.run(self.events.delete_one(doc! { "_id": to_oid(id.0) })).await?;
        Ok(DeleteOutcome::Deleted)
    }

    async fn find_one(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        let events = self.events.clone_with_type::<RawDocumentBuf>();
        let find = events.find_one(doc! { "_id": to_oid(id.0), "deletedAt": Bson::Null });
        let found = self.mongo.run(find.max_time(self.mongo.limit())).await?;
        found.map(|document| read_event(&document).value).transpose()
    }

    async fn find_revision(&self, like: &EventRevision) -> Result<Option<EventRevision>, StoreError> {
        let revisions = self.revisions.clone_with_type::<RawDocumentBuf>();
        let key = doc! { "event": to_oid(like.event_id.0), "revision": like.revision };
        let found = self.mongo.run(revisions.find_one(key).max_time(self.mongo.limit())).await?;
        found.map(|document| read_revision(&document)).transpose()
    }

    async fn insert_reward(&self, reward: domain::Reward) -> Result<(), StoreError> {
        let rewards: Collection<Document> = self.mongo.collection(super::rewards::TABLE.name);
        let document = to_document(&super::rewards::RewardDocument::from(reward))?;
        self.mongo.unless_taken(rewards.insert_one(document)).await.map(drop)
    }
}
