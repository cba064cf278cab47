//! How an event is deleted where there are no transactions.
//!
//! It is hidden first: from then on no claim on it stays (whoever stores one looks for the event afterwards), and it is not
//! changed. If there is a claim all the same, it is shown again. If there is none, one update marks it as deleted and puts the
//! draft for the audit log into it; the log removes it once it has the draft. A crash before that leaves it hidden, and
//! deleting it again goes on.
//!
//! Of several who delete an event, whoever hides it last decides: the others find that and begin anew, so that nobody deletes
//! it on an old look at its claims.

use audit::ChangeStamp;
use domain::EventId;
use mongodb::{
    Collection,
    bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use store_kit::{
    audit::mongo::{DELETED_AT, DRAFTS},
    error::StoreError,
    mongo::{to_date, to_oid},
};

use super::{
    claims,
    events::{MongoEvents, TABLE, read_event},
    revisions,
    rewards::ATTACHMENT_TABLE,
    to_draft,
};
use crate::{DeleteOutcome, STORE, audit::event_deleted};

/// Attempts to delete an event that others delete at the same moment.
const ATTEMPTS: usize = 20;

/// Who hides the event at the moment: the id of their draft.
const HIDDEN_BY: &str = "hiddenBy";

impl MongoEvents {
    pub(super) async fn delete_unclaimed(
        &self,
        id: EventId,
        at_revision: Option<i64>,
        stamp: ChangeStamp,
    ) -> Result<DeleteOutcome, StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(hidden) = self.hide(id, at_revision, &stamp).await? else {
                if self.find_one(id).await?.is_some() {
                    return Ok(DeleteOutcome::Outdated);
                }
                // A crash may have left them.
                self.remove_parts(id).await?;
                return Ok(DeleteOutcome::UnknownEvent);
            };
            if self.has_claims(id).await? {
                let show = doc! { "$unset": { DELETED_AT: "", HIDDEN_BY: "" } };
                self.mongo.run(self.events.update_one(hidden_by(id, &stamp), show)).await?;
                return Ok(DeleteOutcome::HasClaims);
            }
            if self.mark_deleted(id, &hidden, &stamp).await? {
                self.remove_parts(id).await?;
                return Ok(DeleteOutcome::Deleted);
            }
        }
        Err(StoreError::unavailable(STORE, "too many delete the event at the same time"))
    }

    /// The event as it is hidden, if it is there at that revision. It may have been hidden before.
    async fn hide(
        &self,
        id: EventId,
        at_revision: Option<i64>,
        stamp: &ChangeStamp,
    ) -> Result<Option<RawDocumentBuf>, StoreError> {
        let not_deleted = [Bson::Null, Bson::DateTime(hidden_at())];
        let mut this = doc! { "_id": to_oid(id.0), DELETED_AT: { "$in": not_deleted.to_vec() } };
        if let Some(revision) = at_revision {
            this.insert("revision", revision);
        }
        let hide = doc! { "$set": { DELETED_AT: hidden_at(), HIDDEN_BY: to_oid(stamp.id) } };
        let events = self.events.clone_with_type::<RawDocumentBuf>();
        if self.mongo.run(events.update_one(this, hide)).await?.matched_count == 0 {
            return Ok(None);
        }
        let find = events.find_one(doc! { "_id": to_oid(id.0) }).max_time(self.mongo.limit());
        self.mongo.run(find).await
    }

    async fn has_claims(&self, id: EventId) -> Result<bool, StoreError> {
        let claims: Collection<RawDocumentBuf> = self.mongo.collection(claims::TABLE.name);
        let find = claims.find_one(doc! { "event": to_oid(id.0) }).projection(doc! { "_id": 1 });
        Ok(self.mongo.run(find.max_time(self.mongo.limit())).await?.is_some())
    }

    /// Whether it is deleted: nobody has shown it or hidden it anew meanwhile.
    async fn mark_deleted(
        &self,
        id: EventId,
        hidden: &RawDocumentBuf,
        stamp: &ChangeStamp,
    ) -> Result<bool, StoreError> {
        let event = read_event(hidden).into_readable(TABLE.name);
        let draft = to_draft(&event_deleted(stamp.clone(), id, event.as_ref()))?;
        let mark = doc! {
            "$set": { DELETED_AT: to_date(stamp.at) },
            "$unset": { HIDDEN_BY: "" },
            "$push": { DRAFTS: draft },
        };
        if self.mongo.run(self.events.update_one(hidden_by(id, stamp), mark)).await?.matched_count == 1 {
            return Ok(true);
        }
        self.is_recorded(id, to_oid(stamp.id)).await
    }

    /// It may have been deleted by an attempt the driver repeated.
    async fn is_recorded(&self, id: EventId, draft: ObjectId) -> Result<bool, StoreError> {
        let waiting = doc! { "_id": to_oid(id.0), format!("{DRAFTS}.id"): draft };
        let events = self.events.clone_with_type::<RawDocumentBuf>();
        let find = events.find_one(waiting).projection(doc! { "_id": 1 });
        Ok(self.mongo.run(find).await?.is_some()
            || self.audit.is_chained(store_kit::mongo::from_oid(draft)).await?)
    }

    /// What belongs to an event that is gone.
    async fn remove_parts(&self, id: EventId) -> Result<(), StoreError> {
        for part in [ATTACHMENT_TABLE.name, revisions::TABLE.name] {
            let documents: Collection<Document> = self.mongo.collection(part);
            self.mongo.run(documents.delete_many(doc! { "event": to_oid(id.0) })).await?;
        }
        Ok(())
    }
}

/// What an event says of its deletion that is only hidden: no event was ever deleted then.
fn hidden_at() -> DateTime {
    DateTime::from_millis(0)
}

/// The event, while this one hides it.
fn hidden_by(id: EventId, stamp: &ChangeStamp) -> Document {
    doc! { "_id": to_oid(id.0), DELETED_AT: hidden_at(), HIDDEN_BY: to_oid(stamp.id) }
}
