use std::collections::HashMap;

use async_trait::async_trait;
use domain::{EventId, ObjectId as Id, Timestamp};
use mongodb::{
    Collection,
    bson::{DateTime, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use serde::{Deserialize, Serialize};
use store_kit::{
    audit::mongo::DRAFTS,
    mongo::{Mongo, from_oid, to_oid},
    row::StoredRow,
};

use super::{claims, read_row, stock_repair, to_document, to_draft};
use crate::{
    STORE, SetTotalOutcome, StockAuthor, StockCounter, StockRepairs, StockStore, StoreError,
    audit::stock_changed,
};

/// The collection of the counters.
pub(super) const STOCK: &str = "stock_counters";
/// Attempts to set a total that others set at the same moment.
const ATTEMPTS: usize = 20;

/// The stock on a MongoDB server.
#[derive(Debug, Clone)]
pub(super) struct MongoStock {
    mongo: Mongo,
    counters: Collection<RawDocumentBuf>,
}

/// A counter as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CounterDocument {
    #[serde(rename = "_id")]
    pub(super) id: ObjectId,
    pub(super) total: i64,
    pub(super) remaining: i64,
    /// Goes up with every change, so that whoever has counted knows whether that still holds.
    #[serde(default)]
    pub(super) changes: i64,
    /// Batches of claims that have taken seats and are being stored.
    #[serde(default)]
    pub(super) holds: Vec<HoldDocument>,
}

/// A batch of claims that is being stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct HoldDocument {
    pub(super) id: ObjectId,
    pub(super) at: DateTime,
}

impl From<CounterDocument> for StockCounter {
    fn from(document: CounterDocument) -> Self {
        Self { id: from_oid(document.id), total: document.total, remaining: document.remaining }
    }
}

impl From<StockCounter> for CounterDocument {
    fn from(counter: StockCounter) -> Self {
        let StockCounter { id, total, remaining } = counter;
        Self { id: to_oid(id), total, remaining, changes: 0, holds: Vec::new() }
    }
}

pub(super) fn read_counter(document: &RawDocumentBuf) -> StoredRow<StockCounter> {
    read_row::<CounterDocument, _>(document, |document| Ok(document.into()))
}

/// How many claims hold a seat.
pub(super) async fn count_seats(mongo: &Mongo, counter: ObjectId) -> Result<i64, StoreError> {
    let claims: Collection<RawDocumentBuf> = mongo.collection(claims::TABLE.name);
    let held = mongo.count_in_bulk(claims.count_documents(doc! { "seats": counter })).await?;
    Ok(i64::try_from(held).unwrap_or(i64::MAX))
}

impl MongoStock {
    pub(super) fn new(mongo: &Mongo) -> Self {
        Self { mongo: mongo.clone(), counters: mongo.collection(STOCK) }
    }

    async fn find(&self, id: ObjectId) -> Result<Option<StockCounter>, StoreError> {
        let find = self.counters.find_one(doc! { "_id": id }).max_time(self.mongo.limit());
        self.mongo.run(find).await?.map(|found| read_counter(&found).value).transpose()
    }

    /// Whether there was none before.
    async fn create(&self, counter: StockCounter, draft: Option<Document>) -> Result<bool, StoreError> {
        let counters = self.counters.clone_with_type::<Document>();
        let mut document = to_document(&CounterDocument::from(counter))?;
        if let Some(draft) = draft {
            document.insert(DRAFTS, vec![draft]);
        }
        let insert = counters.insert_one(document);
        Ok(self.mongo.unless_taken(insert).await?.is_some())
    }
}

#[async_trait]
impl StockStore for MongoStock {
    /// By `_id`.
    async fn find_many(&self, ids: &[Id]) -> Result<HashMap<Id, StockCounter>, StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| to_oid(*id)).collect();
        let find = self.counters.find(doc! { "_id": { "$in": ids } }).max_time(self.mongo.limit());
        let found = self.mongo.all(find).await?;
        let readable = found.iter().filter_map(|document| read_counter(document).into_readable(STOCK));
        Ok(readable.map(|counter| (counter.id, counter)).collect())
    }

    async fn set_total(
        &self,
        id: Id,
        total: i64,
        author: Option<StockAuthor>,
    ) -> Result<SetTotalOutcome, StoreError> {
        for _ in 0..ATTEMPTS {
            let before = self.find(to_oid(id)).await?;
            let draft = author.clone().map(|author| stock_changed(author, before.map(|it| it.total), total));
            let draft = draft.as_ref().map(to_draft).transpose()?;
            let Some(before) = before else {
                let counter = StockCounter { id, total, remaining: total };
                if self.create(counter, draft).await? {
                    return Ok(SetTotalOutcome::Set(counter));
                }
                continue;
            };
            let more = total - before.total;
            if before.remaining + more < 0 {
                return Ok(SetTotalOutcome::BelowTaken(before));
            }
            let as_before = doc! { "_id": to_oid(id), "total": before.total, "remaining": { "$gte": -more } };
            let mut set =
                doc! { "$set": { "total": total }, "$inc": { "remaining": more, "changes": 1_i64 } };
            if let Some(draft) = draft {
                set.insert("$push", doc! { DRAFTS: draft });
            }
            if self.mongo.run(self.counters.update_one(as_before, set)).await?.matched_count == 1 {
                let remaining = before.remaining + more;
                return Ok(SetTotalOutcome::Set(StockCounter { id, total, remaining }));
            }
        }
        Err(StoreError::unavailable(STORE, "too many set the stock at the same time"))
    }

    async fn raise_total(&self, id: Id, total: i64) -> Result<StockCounter, StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(before) = self.find(to_oid(id)).await? else {
                let counter = StockCounter { id, total, remaining: total };
                if self.create(counter, None).await? {
                    return Ok(counter);
                }
                continue;
            };
            let more = total - before.total;
            if more <= 0 {
                return Ok(before);
            }
            let as_before = doc! { "_id": to_oid(id), "total": before.total };
            let raise = doc! { "$set": { "total": total }, "$inc": { "remaining": more, "changes": 1_i64 } };
            if self.mongo.run(self.counters.update_one(as_before, raise)).await?.matched_count == 1 {
                return Ok(StockCounter { id, total, remaining: before.remaining + more });
            }
        }
        Err(StoreError::unavailable(STORE, "too many raise the stock at the same time"))
    }

    async fn count_held(&self, _: Option<EventId>, id: Id) -> Result<i64, StoreError> {
        count_seats(&self.mongo, to_oid(id)).await
    }

    async fn repair(&self, now: Timestamp) -> Result<StockRepairs, StoreError> {
        stock_repair::repair(&self.mongo, now).await
    }

    /// What is left is counted, so that nothing has to be repaired where it is moved to.
    async fn export(
        &self,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<StoredRow<StockCounter>>, StoreError> {
        let filter = after.map_or_else(Document::new, |id| doc! { "_id": { "$gt": to_oid(id) } });
        let find = self.counters.find(filter).sort(doc! { "_id": 1 });
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX)).max_time(self.mongo.limit());
        let mut rows: Vec<_> = self.mongo.all(find).await?.iter().map(read_counter).collect();
        for counter in rows.iter_mut().filter_map(|row| row.value.as_mut().ok()) {
            counter.remaining = counter.total - count_seats(&self.mongo, to_oid(counter.id)).await?;
        }
        Ok(rows)
    }

    async fn import(&self, counters: Vec<StockCounter>) -> Result<(), StoreError> {
        let documents = counters.into_iter().map(CounterDocument::from).collect();
        self.mongo.insert_missing(&self.counters.clone_with_type::<CounterDocument>(), documents).await
    }
}
