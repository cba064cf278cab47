use async_trait::async_trait;
use domain::{Event, EventId, Phase};
use mongodb::bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use serde::{Deserialize, Serialize};
use service_kit::page::{Page, PageRequest};
use store_kit::mongo::{from_date, from_oid, to_date, to_oid};

use super::{MongoEventDb, STORE, from_bson, read, to_bson};
use crate::{EventFilter, EventStore, Readable, StoreError};

/// An event as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventDocument {
    #[serde(rename = "_id")]
    id: ObjectId,
    name: String,
    /// The name in lower case, for searching.
    name_folded: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    condition: Bson,
    period_start: DateTime,
    period_end: Option<DateTime>,
    timezone: String,
    status: String,
    approval: String,
    revision: i64,
    created_by: String,
    created_at: DateTime,
    updated_at: DateTime,
}

impl TryFrom<Event> for EventDocument {
    type Error = StoreError;

    fn try_from(event: Event) -> Result<Self, StoreError> {
        Ok(Self {
            id: to_oid(event.id.0),
            name_folded: event.name.to_lowercase(),
            name: event.name,
            description: event.description,
            condition: to_bson(&event.condition)?,
            period_start: to_date(event.period_start),
            period_end: event.period_end.map(to_date),
            timezone: event.timezone,
            status: event.status.name().to_owned(),
            approval: event.approval.name().to_owned(),
            revision: event.revision,
            created_by: event.created_by.to_string(),
            created_at: to_date(event.created_at),
            updated_at: to_date(event.updated_at),
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
            status: read(&document.status)?,
            approval: read(&document.approval)?,
            revision: document.revision,
            created_by: read(&document.created_by)?,
            created_at: from_date(document.created_at),
            updated_at: from_date(document.updated_at),
        })
    }
}

/// What a list asks for. Walks `{status: 1, _id: -1}` where a status is given, else `_id`.
pub(super) fn query(filter: &EventFilter, page: PageRequest) -> Document {
    let mut query = Document::new();
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
        let pattern = regex_syntax::escape(&name.to_lowercase());
        query.insert("nameFolded", doc! { "$regex": pattern });
    }
    query
}

#[async_trait]
impl EventStore for MongoEventDb {
    async fn create(&self, event: Event) -> Result<(), StoreError> {
        let document = EventDocument::try_from(event)?;
        // IdGenerator are minted once: one that is taken is this very event, inserted by an attempt the driver repeated.
        self.mongo.unless_taken(self.events.insert_one(document)).await.map(drop)
    }

    /// By `_id`.
    async fn find_many(&self, ids: &[EventId]) -> Result<Readable<Event>, StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| to_oid(id.0)).collect();
        let events = self.events.clone_with_type::<Document>();
        let found = self.mongo.all(events.find(doc! { "_id": { "$in": ids } })).await?;
        let read = |document: Document| {
            let id = document.get_object_id("_id").map_err(|error| StoreError::corrupt(STORE, error))?;
            let event = from_bson::<EventDocument>(document.into()).and_then(Event::try_from);
            Ok((EventId(from_oid(id)), event))
        };
        found.into_iter().map(read).collect()
    }

    async fn list(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>, StoreError> {
        let find = self.events.find(query(filter, page)).sort(doc! { "_id": -1 });
        let found = self.mongo.all(find.limit(page.overfull())).await?;
        let events = found.into_iter().map(Event::try_from).collect::<Result<_, _>>()?;
        Ok(Page::from_overfull(events, page.limit, |event: &Event| event.id.0))
    }
}
