use std::collections::HashSet;

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{Event, EventId, Phase, RewardPlace};
use mongodb::{
    Collection,
    bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use serde::{Deserialize, Serialize};
use service_kit::page::{Page, PageRequest};
use store_kit::{
    audit::mongo::MongoAuditLog,
    mongo::{Mongo, from_date, from_oid, to_date, to_oid},
    row::{StoredRow, readable_page},
};

use super::{
    from_bson, read_row, read_text, revisions::RevisionDocument, to_bson, to_draft, transfer::MongoTable,
};
use crate::{
    ChangeOutcome, DeleteOutcome, EventChange, EventFilter, EventRevision, EventStore, FoundByEvent,
    NewEvent, StoreError, TransferRecord, audit::event_created,
};

/// The events on a MongoDB server.
#[derive(Debug, Clone)]
pub(super) struct MongoEvents {
    pub(super) mongo: Mongo,
    pub(super) events: Collection<EventDocument>,
    pub(super) revisions: Collection<RevisionDocument>,
    pub(super) audit: MongoAuditLog,
}

impl MongoEvents {
    pub(super) fn new(mongo: &Mongo, audit: MongoAuditLog) -> Self {
        Self {
            audit,
            events: mongo.collection(TABLE.name),
            revisions: mongo.collection(super::revisions::TABLE.name),
            mongo: mongo.clone(),
        }
    }
}

pub(super) const TABLE: MongoTable = MongoTable {
    name: "events",
    order: super::transfer::ID_ORDER,
    read: |document| read_event(document).value.map(TransferRecord::Event),
    write: |record| match record {
        TransferRecord::Event(event) => super::to_document(&EventDocument::try_from(event)?),
        _ => Err(super::wrong_table("events")),
    },
};

/// An event as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventDocument {
    #[serde(rename = "_id")]
    id: ObjectId,
    name: String,
    /// The name folded, for searching.
    name_folded: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    condition: Bson,
    period_start: DateTime,
    period_end: Option<DateTime>,
    timezone: String,
    status: String,
    approval: String,
    #[serde(default)]
    rewards: Vec<RewardPlace>,
    revision: i64,
    created_by: String,
    created_at: DateTime,
    updated_at: DateTime,
    /// The beginning of time while it is looked at whether anybody has claimed it; when it was deleted, until the audit log
    /// has its drafts and removes it. Nobody sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<DateTime>,
    /// What the audit log does not have yet. Only its own port reads it.
    #[serde(default, skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    audit_drafts: Vec<Document>,
}

impl TryFrom<Event> for EventDocument {
    type Error = StoreError;

    fn try_from(event: Event) -> Result<Self, StoreError> {
        Ok(Self {
            id: to_oid(event.id.0),
            name_folded: domain::fold_text(&event.name),
            name: event.name,
            description: event.description,
            condition: to_bson(&event.condition)?,
            period_start: to_date(event.period_start),
            period_end: event.period_end.map(to_date),
            timezone: event.timezone,
            status: event.status.name().to_owned(),
            approval: event.approval.name().to_owned(),
            rewards: event.rewards,
            revision: event.revision,
            created_by: event.created_by.to_string(),
            created_at: to_date(event.created_at),
            updated_at: to_date(event.updated_at),
            deleted_at: None,
            audit_drafts: Vec::new(),
        })
    }
}

impl TryFrom<EventDocument> for Event {
    type Error = StoreError;

    fn try_from(document: EventDocument) -> Result<Self, StoreError> {
        Ok(Event {
            id: EventId(from_oid(document.id)),
            name: document.name,
            description: document.description,
            condition: from_bson(document.condition)?,
            period_start: from_date(document.period_start),
            period_end: document.period_end.map(from_date),
            timezone: document.timezone,
            status: read_text(&document.status)?,
            approval: read_text(&document.approval)?,
            rewards: document.rewards,
            revision: document.revision,
            created_by: read_text(&document.created_by)?,
            created_at: from_date(document.created_at),
            updated_at: from_date(document.updated_at),
        })
    }
}

/// What a list asks for. Walks `{status: 1, deletedAt: 1, _id: -1}` where a status is given, else `_id`.
pub(super) fn list_filter(filter: &EventFilter, page: PageRequest) -> Document {
    let mut query = doc! { "deletedAt": Bson::Null };
    if let Some(status) = filter.status {
        query.insert("status", status.name());
    }
    if let Some(before) = page.before {
        query.insert("_id", doc! { "$lt": to_oid(before) });
    }
    match filter.phase.map(|(phase, now)| (phase, to_date(now))) {
        None => {}
        Some((Phase::Upcoming, now)) => drop(query.insert("periodStart", doc! { "$gt": now })),
        Some((Phase::Ongoing, now)) => {
            query.insert("periodStart", doc! { "$lte": now });
            query.insert(
                "$or",
                [doc! { "periodEnd": Bson::Null }, doc! { "periodEnd": { "$gt": now } }].to_vec(),
            );
        }
        // A missing end is null and compares with no date.
        Some((Phase::Ended, now)) => drop(query.insert("periodEnd", doc! { "$lte": now })),
    }
    if let Some(name) = &filter.name {
        let pattern = regex_syntax::escape(&domain::fold_text(name));
        query.insert("nameFolded", doc! { "$regex": pattern });
    }
    query
}

pub(super) fn read_event(document: &RawDocumentBuf) -> StoredRow<Event> {
    read_row::<EventDocument, _>(document, Event::try_from)
}

/// Which of these events there are.
pub(super) async fn find_existing(
    mongo: &Mongo,
    wanted: &HashSet<EventId>,
) -> Result<HashSet<EventId>, StoreError> {
    let ids: Vec<_> = wanted.iter().map(|id| to_oid(id.0)).collect();
    let events: Collection<RawDocumentBuf> = mongo.collection(TABLE.name);
    let find = events.find(doc! { "_id": { "$in": ids }, "deletedAt": Bson::Null });
    let found = mongo.all(find.projection(doc! { "_id": 1 }).max_time(mongo.limit())).await?;
    Ok(found
        .iter()
        .filter_map(|found| found.get_object_id("_id").ok())
        .map(|id| EventId(from_oid(id)))
        .collect())
}

#[async_trait]
impl EventStore for MongoEvents {
    /// The revision first: a crash between leaves one of an event that there is not.
    async fn create(&self, new: NewEvent) -> Result<(), StoreError> {
        let draft = to_draft(&event_created(&new))?;
        let event = new.event;
        let revision = RevisionDocument::try_from(EventRevision::from_event(&event, event.created_by))?;
        let document = EventDocument { audit_drafts: vec![draft], ..event.clone().try_into()? };
        // Ids are minted once: what is taken is this very event, inserted by an attempt the driver repeated.
        let verb = async {
            self.mongo.unless_taken(self.revisions.insert_one(revision)).await?;
            self.mongo.unless_taken(self.events.insert_one(document)).await?;
            self.follow_rewards(&event).await
        };
        self.mongo.in_time(verb).await
    }

    async fn change(&self, change: EventChange) -> Result<ChangeOutcome, StoreError> {
        self.mongo.in_time(Box::pin(self.carry_out(change))).await
    }

    async fn delete(
        &self,
        id: EventId,
        at_revision: Option<i64>,
        stamp: ChangeStamp,
    ) -> Result<DeleteOutcome, StoreError> {
        self.mongo.in_time(self.delete_unclaimed(id, at_revision, stamp)).await
    }

    /// By `_id`.
    async fn find_many(&self, ids: &[EventId]) -> Result<FoundByEvent<Event>, StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| to_oid(id.0)).collect();
        let events = self.events.clone_with_type::<RawDocumentBuf>();
        let find =
            events.find(doc! { "_id": { "$in": ids }, "deletedAt": Bson::Null }).max_time(self.mongo.limit());
        let found = self.mongo.all(find).await?;
        found.iter().map(read_event).map(|row| Ok((EventId(row.id?), row.value))).collect()
    }

    async fn list(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>, StoreError> {
        let events = self.events.clone_with_type::<RawDocumentBuf>();
        let find = events.find(list_filter(filter, page)).sort(doc! { "_id": -1 });
        let find = find.limit(page.overfull()).max_time(self.mongo.limit());
        let is_search = filter.name.is_some() || filter.phase.is_some();
        let found = if is_search { self.mongo.search(find).await? } else { self.mongo.all(find).await? };
        Ok(readable_page(TABLE.name, found.iter().map(read_event).collect(), page.limit))
    }
}
