//! Decisions on claims, how many claims there are, and which wait for a worker.

use domain::{Claim, ClaimId, ClaimStatus, ClaimWork, EventId, Ruling, UserId};
use futures::{StreamExt, stream};
use mongodb::{
    Collection,
    bson::{Document, RawDocumentBuf, doc},
    options::ReturnDocument,
};
use store_kit::{
    error::StoreError,
    mongo::{Mongo, to_date, to_oid},
    row::log_unreadable,
};

use super::{
    claims::{TABLE, VerdictDocument, read_claim},
    to_document,
};
use crate::{ClaimCounts, DecideOutcome, Decision, OldestClaim};

/// Decisions under way at the same time.
const AT_ONCE: usize = 16;

/// One answer for each, in order.
pub(super) async fn decide_many(
    mongo: &Mongo,
    decisions: Vec<Decision>,
) -> Result<Vec<Result<DecideOutcome, StoreError>>, StoreError> {
    let claims = mongo.collection::<RawDocumentBuf>(TABLE.name);
    let decided = stream::iter(decisions).map(|decision| decide_one(mongo, &claims, decision));
    let outcomes: Vec<_> = mongo.in_time(async { Ok(decided.buffered(AT_ONCE).collect().await) }).await?;
    Ok(outcomes)
}

/// The filter has the expected state: of any number of racers one finds it.
async fn decide_one(
    mongo: &Mongo,
    claims: &Collection<RawDocumentBuf>,
    decision: Decision,
) -> Result<DecideOutcome, StoreError> {
    let id = to_oid(decision.claim.0);
    let pending = doc! { "_id": id, "status": ClaimStatus::Pending.name() };
    let update = claims.find_one_and_update(pending, decided_claim(&decision)?);
    let update = update.return_document(ReturnDocument::After).projection(doc! { "decision": 0 });
    if let Some(decided) = mongo.run(update.max_time(mongo.limit())).await? {
        return Ok(DecideOutcome::Decided(read_claim(&decided).value?.request));
    }
    let find = claims.find_one(doc! { "_id": id }).projection(doc! { "decision": 0 });
    let Some(found) = mongo.run(find.max_time(mongo.limit())).await? else {
        return Ok(DecideOutcome::Unknown);
    };
    let there = read_claim(&found).value;
    let there =
        there.inspect_err(|error| log_unreadable(TABLE.name, &decision.claim.to_string(), error))?.request;
    // Decided by this very decision, in an attempt that the driver repeated.
    let is_this =
        there.status == decision.ruling.status() && there.verdict.as_ref() == Some(&decision.verdict);
    Ok(if is_this { DecideOutcome::Decided(there) } else { DecideOutcome::AlreadyDecided(there) })
}

/// What a decision changes in a claim.
fn decided_claim(decision: &Decision) -> Result<Document, StoreError> {
    let mut set = doc! {
        "status": decision.ruling.status().name(),
        "verdict": to_document(&VerdictDocument::from(&decision.verdict))?,
        "updatedAt": to_date(decision.verdict.at),
    };
    Ok(match decision.ruling {
        Ruling::Approved => {
            set.insert("work", ClaimWork::Grant.name());
            doc! { "$set": set }
        }
        Ruling::Rejected => doc! { "$set": set, "$unset": { "work": "" } },
    })
}

/// Walks `{work: 1, _id: 1}`, the oldest first. Where nothing on a page can be read, it goes on behind it.
pub(super) async fn list_work(
    mongo: &Mongo,
    work: ClaimWork,
    limit: usize,
) -> Result<Vec<Claim>, StoreError> {
    let claims = mongo.collection::<RawDocumentBuf>(TABLE.name);
    let mut after = None;
    loop {
        let find = claims.find(work_filter(work, after)).projection(doc! { "decision": 0 });
        let find = find.sort(doc! { "_id": 1 }).limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = mongo.all(find.max_time(mongo.limit())).await?;
        let rows: Vec<_> = found.iter().map(read_claim).collect();
        let is_last = rows.len() < limit;
        let last = rows.last().and_then(|row| row.id.as_ref().ok()).map(|id| ClaimId(*id));
        let readable = rows.into_iter().filter_map(|row| row.into_readable(TABLE.name));
        let claims: Vec<_> = readable.map(|stored| stored.request).collect();
        if last.is_none() || is_last || !claims.is_empty() {
            return Ok(claims);
        }
        after = last;
    }
}

pub(super) fn work_filter(work: ClaimWork, after: Option<ClaimId>) -> Document {
    let mut filter = doc! { "work": work.name() };
    if let Some(after) = after {
        filter.insert("_id", doc! { "$gt": to_oid(after.0) });
    }
    filter
}

/// Exact, by walking the part of an index that has them: without transactions, numbers kept beside the claims could differ
/// from them after a crash. Since that takes the longer the more there are, few are counted at the same time.
pub(super) async fn count_claims(
    mongo: &Mongo,
    user: Option<UserId>,
    event: Option<EventId>,
) -> Result<ClaimCounts, StoreError> {
    let claims = mongo.collection::<RawDocumentBuf>(TABLE.name);
    let mut counts = ClaimCounts::default();
    for status in ClaimStatus::ALL {
        let filter = count_filter(user, event, status);
        counts.add(status, mongo.count(claims.count_documents(filter).max_time(mongo.limit())).await?);
    }
    let oldest = claims.find_one(count_filter(user, event, ClaimStatus::Pending));
    let oldest = oldest.sort(doc! { "_id": 1 }).projection(doc! { "decision": 0 });
    let oldest = mongo.run(oldest.max_time(mongo.limit())).await?;
    counts.oldest_pending = oldest.as_ref().and_then(|found| {
        let Claim { id, created_at, .. } = read_claim(found).into_readable(TABLE.name)?.request;
        Some(OldestClaim { id, created_at })
    });
    Ok(counts)
}

fn count_filter(user: Option<UserId>, event: Option<EventId>, status: ClaimStatus) -> Document {
    let mut filter = Document::new();
    if let Some(user) = user {
        filter.insert("userId", user.to_string());
    }
    if let Some(event) = event {
        filter.insert("event", to_oid(event.0));
    }
    filter.insert("status", status.name());
    filter
}
