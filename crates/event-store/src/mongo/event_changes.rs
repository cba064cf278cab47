//! How events change where there are no transactions.
//!
//! The next revision is stored first, under the unique key (event, revision): that decides which of many changes is made.
//! Then it is put into force: the event is replaced if it still is at the revision before. A crash between leaves a revision
//! that is not in force; whoever changes the event next finds its number taken, puts it into force, and is outdated.
//!
//! The draft for the audit log lies in the revision until then, where nobody looks for drafts, and is put into the event by the
//! update that puts the revision into force: so there is an entry if and only if the event was changed.

use domain::{Event, EventId};
use mongodb::{
    Collection,
    bson::{Bson, Document, RawDocumentBuf, doc},
};
use store_kit::{audit::mongo::DRAFTS, error::StoreError, mongo::to_oid};

use super::{
    corrupt_document,
    events::{EventDocument, MongoEvents, read_event},
    revisions::{RevisionDocument, read_revision},
    rewards::{ATTACHMENT_TABLE, AttachmentDocument},
    to_document, to_draft,
};
use crate::{Attachment, ChangeOutcome, EventChange, EventRevision, RewardChange, audit::event_changed};

impl MongoEvents {
    pub(super) async fn carry_out(&self, change: EventChange) -> Result<ChangeOutcome, StoreError> {
        let Some(before) = self.find_one(change.event.id).await? else {
            return Ok(ChangeOutcome::UnknownEvent);
        };
        if before.revision != change.event.revision - 1 {
            return Ok(ChangeOutcome::Outdated);
        }
        let draft = to_draft(&event_changed(&change, &before))?;
        let EventChange { event, changed_by, rewards, .. } = change;
        if let RewardChange::Attach { new: Some(reward), .. } = rewards {
            self.insert_reward(reward).await?;
        }
        let revision = EventRevision::from_event(&event, changed_by);
        let mut document = RevisionDocument::try_from(revision.clone())?;
        document.draft = Some(draft.clone());
        if self.mongo.unless_taken(self.revisions.insert_one(document)).await?.is_some() {
            return self.put_mine_into_force(&event, Some(draft)).await;
        }
        let Some((stored, draft)) = self.find_revision(&revision).await? else {
            return Ok(ChangeOutcome::Outdated);
        };
        let Some(stored_event) = stored.apply_to(&before) else { return Ok(ChangeOutcome::Outdated) };
        // The one in the way may be this very one, inserted by an attempt the driver repeated.
        if stored == revision {
            return self.put_mine_into_force(&stored_event, draft).await;
        }
        self.put_into_force(&stored_event, draft).await?;
        Ok(ChangeOutcome::Outdated)
    }

    /// If somebody else has put it into force, it is; if the event was deleted or hidden before anybody could, it is not.
    async fn put_mine_into_force(
        &self,
        event: &Event,
        draft: Option<Document>,
    ) -> Result<ChangeOutcome, StoreError> {
        if self.put_into_force(event, draft).await? {
            return Ok(ChangeOutcome::Changed);
        }
        let found = self.find_one(event.id).await?;
        let is_in_force = found.is_some_and(|found| found.revision >= event.revision);
        Ok(if is_in_force { ChangeOutcome::Changed } else { ChangeOutcome::UnknownEvent })
    }

    /// Changes the event at the revision before, which gets the draft. If there is none, somebody else has put this revision
    /// into force, or the event is gone.
    async fn put_into_force(&self, event: &Event, draft: Option<Document>) -> Result<bool, StoreError> {
        let at = doc! { "_id": to_oid(event.id.0), "revision": event.revision - 1, "deletedAt": Bson::Null };
        // Not replaced: drafts of earlier changes may be waiting in it.
        let mut fields = to_document(&EventDocument::try_from(event.clone())?)?;
        fields.remove("_id");
        let lacks_description = !fields.contains_key("description");
        let mut update = doc! { "$set": fields };
        if lacks_description {
            update.insert("$unset", doc! { "description": "" });
        }
        if let Some(draft) = draft {
            update.insert("$push", doc! { DRAFTS: draft });
        }
        let is_put = self.mongo.run(self.events.update_one(at, update)).await?.matched_count == 1;
        if is_put {
            self.follow_rewards(event).await?;
        }
        Ok(is_put)
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

    pub(super) async fn find_one(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        let events = self.events.clone_with_type::<RawDocumentBuf>();
        let find = events.find_one(doc! { "_id": to_oid(id.0), "deletedAt": Bson::Null });
        let found = self.mongo.run(find.max_time(self.mongo.limit())).await?;
        found.map(|document| read_event(&document).value).transpose()
    }

    /// The one of the same number that there is, and the draft of the change that made it.
    async fn find_revision(
        &self,
        like: &EventRevision,
    ) -> Result<Option<(EventRevision, Option<Document>)>, StoreError> {
        let revisions = self.revisions.clone_with_type::<RawDocumentBuf>();
        let key = doc! { "event": to_oid(like.event_id.0), "revision": like.revision };
        let found = self.mongo.run(revisions.find_one(key).max_time(self.mongo.limit())).await?;
        let Some(found) = found else { return Ok(None) };
        let draft = found.get_document("draft").ok();
        let draft = draft.map(Document::try_from).transpose().map_err(corrupt_document)?;
        Ok(Some((read_revision(&found)?, draft)))
    }

    async fn insert_reward(&self, reward: domain::Reward) -> Result<(), StoreError> {
        let rewards: Collection<Document> = self.mongo.collection(super::rewards::TABLE.name);
        let document = to_document(&super::rewards::RewardDocument::from(reward))?;
        self.mongo.unless_taken(rewards.insert_one(document)).await.map(drop)
    }
}
