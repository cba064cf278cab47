//! Makes counters exact again after a crash.
//!
//! A process may end after it has taken a seat and before its claim is stored, or after a claim has given up a seat and before
//! the counter has it back. Both leave a mark: a hold on the counter, or `leaving` on the claim. Once a mark is so old that
//! nobody can be at work on it, what is left is counted: the total less the claims that hold a seat. The counter takes that
//! only if nothing has changed meanwhile, so that a seat is never given twice.

use std::collections::{BTreeSet, HashSet};

use domain::Timestamp;
use mongodb::{
    Collection,
    bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use store_kit::{
    error::StoreError,
    mongo::{Mongo, from_date, to_date},
};

use super::{
    claims,
    returned_seats::{LeavingSeats, drop_leaving},
    stock::{CounterDocument, STOCK, count_seats},
};
use crate::{StockRepairs, stock::LEFT_BEHIND_SECONDS};

/// Marks that are looked at in one step.
const STEP: i64 = 100;

/// What a step knows of the marks that were left behind.
struct RepairStep<'m> {
    mongo: &'m Mongo,
    /// Marks from before this were left behind.
    old: DateTime,
    oldest: Option<Timestamp>,
}

/// One step. Several at the same time do no harm: each either finds nothing or comes to the same number.
pub(super) async fn repair(mongo: &Mongo, now: Timestamp) -> Result<StockRepairs, StoreError> {
    let old = to_date(now.plus_seconds(-LEFT_BEHIND_SECONDS));
    let mut step = RepairStep { mongo, old, oldest: None };
    let leaving = step.find_leaving().await?;
    let mut counters = step.find_held().await?;
    counters.extend(leaving.iter().flat_map(|seats| seats.counters.iter().copied()));
    let (mut exact, mut repaired) = (HashSet::new(), 0);
    let wanted = counters.len();
    for counter in counters {
        if step.count_anew(counter).await? {
            exact.insert(counter);
            repaired += 1;
        }
    }
    drop_leaving(mongo, &leaving, &exact).await?;
    if repaired > 0 {
        tracing::info!(repaired, "stock that a process left behind was counted anew");
    }
    let is_done = exact.len() == wanted;
    Ok(StockRepairs { repaired, waiting_since: step.oldest.filter(|_| !is_done) })
}

/// Walks the sparse index on that field. There are few at any time.
pub(super) fn leaving_filter() -> Document {
    doc! { "leaving": { "$exists": true } }
}

impl RepairStep<'_> {
    /// Claims whose seats did not get back.
    async fn find_leaving(&mut self) -> Result<Vec<LeavingSeats>, StoreError> {
        let claims: Collection<RawDocumentBuf> = self.mongo.collection(claims::TABLE.name);
        let find = claims.find(leaving_filter()).projection(doc! { "leaving": 1, "updatedAt": 1 });
        let mut found = self.mongo.all(find.limit(STEP).max_time(self.mongo.limit())).await?;
        let age = |document: &RawDocumentBuf| document.get_datetime("updatedAt").ok();
        found.retain(|document| age(document).is_some_and(|since| since < self.old));
        for document in &found {
            self.note_age(age(document));
        }
        Ok(found.iter().filter_map(LeavingSeats::from_document).collect())
    }

    /// Counters with seats for claims that were perhaps never stored.
    async fn find_held(&mut self) -> Result<BTreeSet<ObjectId>, StoreError> {
        let counters: Collection<RawDocumentBuf> = self.mongo.collection(STOCK);
        let find = counters.find(doc! { "holds.at": { "$lt": self.old } }).projection(doc! { "holds": 1 });
        let found = self.mongo.all(find.limit(STEP).max_time(self.mongo.limit())).await?;
        let mut held = BTreeSet::new();
        for document in &found {
            held.extend(document.get_object_id("_id"));
            let holds = document.get_array("holds").ok().into_iter().flatten();
            let since = holds.filter_map(|hold| hold.ok()?.as_document()?.get_datetime("at").ok()).min();
            self.note_age(since);
        }
        Ok(held)
    }

    fn note_age(&mut self, since: Option<DateTime>) {
        let since = since.map(from_date);
        self.oldest = [self.oldest, since].into_iter().flatten().min();
    }

    /// Whether the counter is exact now. It is not where somebody is at work on it, or has changed it meanwhile; then the next
    /// step tries again.
    async fn count_anew(&self, id: ObjectId) -> Result<bool, StoreError> {
        let counters: Collection<CounterDocument> = self.mongo.collection(STOCK);
        let find = counters.find_one(doc! { "_id": id }).max_time(self.mongo.limit());
        // Of a counter that is not there nothing can be wrong.
        let Some(before) = self.mongo.run(find).await? else { return Ok(true) };
        if before.holds.iter().any(|hold| hold.at >= self.old) {
            return Ok(false);
        }
        let held = count_seats(self.mongo, id).await?;
        // Looked for after counting: a seat that was given up before that and is not back yet shows up here, unless its
        // counter has changed.
        if self.is_being_left(id).await? {
            return Ok(false);
        }
        let unchanged = doc! { "_id": id, "changes": before.changes, "total": before.total };
        let holds: Vec<_> = before.holds.iter().map(|hold| Bson::ObjectId(hold.id)).collect();
        let exact = doc! {
            "$set": { "remaining": (before.total - held).max(0) },
            "$inc": { "changes": 1_i64 },
            "$pull": { "holds": { "id": { "$in": holds } } },
        };
        let stock: Collection<Document> = self.mongo.collection(STOCK);
        Ok(self.mongo.run(stock.update_one(unchanged, exact)).await?.matched_count == 1)
    }

    async fn is_being_left(&self, id: ObjectId) -> Result<bool, StoreError> {
        let claims: Collection<Document> = self.mongo.collection(claims::TABLE.name);
        let young = doc! { "leaving": id, "updatedAt": { "$gte": self.old } };
        let find = claims.find_one(young).projection(doc! { "_id": 1 });
        Ok(self.mongo.run(find.max_time(self.mongo.limit())).await?.is_some())
    }
}
