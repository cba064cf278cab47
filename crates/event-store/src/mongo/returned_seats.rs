//! Seats that claims give up.
//!
//! The update that ends a claim moves its seats to `leaving`, so that the claim holds them no longer. Then they are added to
//! their counters, and then `leaving` is dropped. A crash between leaves it behind, and the counter too low until
//! [`super::stock_repair`] counts anew.

use std::collections::{HashMap, HashSet};

use mongodb::{
    Collection,
    bson::{Bson, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use store_kit::{error::StoreError, mongo::Mongo};
use tokio::time::Instant;

use super::{claims, stock::STOCK};
use crate::stock::ACT_WITHIN;

/// A claim that has given up seats, which their counters may not have back yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeavingSeats {
    pub(super) claim: ObjectId,
    pub(super) counters: Vec<ObjectId>,
}

impl LeavingSeats {
    /// None if it has none.
    pub(super) fn from_document(document: &RawDocumentBuf) -> Option<Self> {
        let claim = document.get_object_id("_id").ok()?;
        let seats = document.get_array("leaving").ok()?;
        let counters = seats.into_iter().filter_map(|seat| seat.ok()?.as_object_id()).collect();
        Some(Self { claim, counters })
    }
}

/// Adds seats to their counters. What goes wrong is repaired later, so the decision stands all the same. `begun` lies before
/// the update that moved them to `leaving`.
pub(super) async fn return_seats(mongo: &Mongo, leaving: &[LeavingSeats], begun: Instant) {
    if begun.elapsed() > ACT_WITHIN {
        tracing::warn!("seats are not given back: this process was held up, and they will be counted");
        return;
    }
    let mut seats: HashMap<ObjectId, i64> = HashMap::new();
    for counter in leaving.iter().flat_map(|seats| &seats.counters) {
        *seats.entry(*counter).or_default() += 1;
    }
    let mut returned = HashSet::new();
    for (counter, count) in seats {
        match add_seats(mongo, counter, count).await {
            Ok(()) => drop(returned.insert(counter)),
            Err(error) => tracing::warn!(%counter, %error, "seats are not back yet: they will be counted"),
        }
    }
    if let Err(error) = drop_leaving(mongo, leaving, &returned).await {
        tracing::warn!(%error, "seats that are back are still marked: they will be counted");
    }
}

async fn add_seats(mongo: &Mongo, counter: ObjectId, count: i64) -> Result<(), StoreError> {
    let stock: Collection<Document> = mongo.collection(STOCK);
    let add = doc! { "$inc": { "remaining": count, "changes": 1_i64 } };
    mongo.run(stock.update_one(doc! { "_id": counter }, add)).await.map(drop)
}

/// Takes the mark off those claims whose counters are all right again.
pub(super) async fn drop_leaving(
    mongo: &Mongo,
    leaving: &[LeavingSeats],
    returned: &HashSet<ObjectId>,
) -> Result<(), StoreError> {
    let done = leaving.iter().filter(|seats| seats.counters.iter().all(|counter| returned.contains(counter)));
    let done: Vec<_> = done.map(|seats| Bson::ObjectId(seats.claim)).collect();
    if done.is_empty() {
        return Ok(());
    }
    let claims: Collection<Document> = mongo.collection(claims::TABLE.name);
    let drop_mark = doc! { "$unset": { "leaving": "" } };
    mongo.run(claims.update_many(doc! { "_id": { "$in": done } }, drop_mark)).await.map(drop)
}
