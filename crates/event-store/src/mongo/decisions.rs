//! Decisions on claims, how many claims there are, and which wait for a worker.

use std::collections::HashMap;

use domain::{Claim, ClaimId, ClaimStatus, ClaimWork, EventId, Ruling, UserId};
use mongodb::{
    Collection,
    bson::{Document, RawDocumentBuf, doc},
};
use store_kit::{
    audit::mongo::DRAFTS,
    error::StoreError,
    mongo::{Mongo, to_date, to_oid},
    row::{StoredRow, log_unreadable},
};
use tokio::time::Instant;

use super::{
    claims::{TABLE, VerdictDocument, read_claim},
    returned_seats::{LeavingSeats, return_seats},
    to_document, to_draft,
    update_each::update_each,
};
use crate::{ClaimCounts, DecideOutcome, Decision, OldestClaim, StoredClaim, audit::claim_decided};

/// One answer for each, in order. Decisions of one mark are one command.
pub(super) async fn decide_many(
    mongo: &Mongo,
    decisions: Vec<Decision>,
) -> Result<Vec<Result<DecideOutcome, StoreError>>, StoreError> {
    let claims = mongo.collection::<RawDocumentBuf>(TABLE.name);
    let mut outcomes = Vec::with_capacity(decisions.len());
    for made_together in decisions.chunk_by(is_same_but_for_claim) {
        outcomes.extend(mongo.in_time(decide_together(mongo, &claims, made_together)).await?);
    }
    Ok(outcomes)
}

fn is_same_but_for_claim(one: &Decision, other: &Decision) -> bool {
    one.mark == other.mark && one.ruling == other.ruling && one.verdict == other.verdict
}

/// The filter has the expected state, so that of any number of racers one finds a claim; the mark tells who it was.
async fn decide_together(
    mongo: &Mongo,
    claims: &Collection<RawDocumentBuf>,
    decisions: &[Decision],
) -> Result<Vec<Result<DecideOutcome, StoreError>>, StoreError> {
    let Some(first) = decisions.first() else { return Ok(Vec::new()) };
    let begun = Instant::now();
    let ids: Vec<_> = decisions.iter().map(|decision| to_oid(decision.claim.0)).collect();
    if decisions.iter().any(|decision| decision.stamp.is_some()) {
        let updates = decisions.iter().map(audited_update).collect::<Result<_, _>>()?;
        update_each(mongo, TABLE.name, updates).await?;
    } else {
        let pending = doc! { "_id": { "$in": &ids }, "status": ClaimStatus::Pending.name() };
        mongo.run(claims.update_many(pending, decided_claim(first)?)).await?;
    }
    let find = claims.find(doc! { "_id": { "$in": &ids } }).projection(doc! { "decision": 0 });
    let found = mongo.all(find.max_time(mongo.limit())).await?;
    let mut there = HashMap::new();
    let mut leaving = Vec::new();
    for document in &found {
        let StoredRow { id, value } = read_claim(document);
        let is_mine = has_mark(document, first);
        if is_mine {
            leaving.extend(LeavingSeats::from_document(document));
        }
        let id = ClaimId(id?);
        let value = value.inspect_err(|error| log_unreadable(TABLE.name, &id.to_string(), error));
        there.insert(id, value.map(|stored| outcome_of(stored, is_mine)));
    }
    return_seats(mongo, &leaving, begun).await;
    let outcome =
        |decision: &Decision| there.get(&decision.claim).cloned().unwrap_or(Ok(DecideOutcome::Unknown));
    Ok(decisions.iter().map(outcome).collect())
}

/// One of many updates: each claim has a draft of its own.
fn audited_update(decision: &Decision) -> Result<Document, StoreError> {
    let mut update = decided_claim(decision)?;
    if let Some(stamp) = decision.stamp.clone() {
        let reason = decision.verdict.reason.as_deref();
        let draft = to_draft(&claim_decided(stamp, decision.claim, decision.ruling, reason))?;
        update.insert("$push", doc! { DRAFTS: draft });
    }
    let pending = doc! { "_id": to_oid(decision.claim.0), "status": ClaimStatus::Pending.name() };
    Ok(doc! { "q": pending, "u": update })
}

fn has_mark(document: &RawDocumentBuf, decision: &Decision) -> bool {
    let verdict = document.get_document("verdict");
    verdict.is_ok_and(|verdict| verdict.get_object_id("mark").ok() == Some(to_oid(decision.mark)))
}

fn outcome_of(stored: StoredClaim, is_mine: bool) -> DecideOutcome {
    if is_mine {
        DecideOutcome::Decided(stored.request)
    } else {
        DecideOutcome::AlreadyDecided(stored.request)
    }
}

/// What a decision changes in a claim. Who rejects it also has to give its seats back: until that is done they stand in
/// `leaving`.
fn decided_claim(decision: &Decision) -> Result<Document, StoreError> {
    let mut verdict = to_document(&VerdictDocument::from(&decision.verdict))?;
    verdict.insert("mark", to_oid(decision.mark));
    let mut set = doc! {
        "status": decision.ruling.status().name(),
        "verdict": verdict,
        "updatedAt": to_date(decision.verdict.at),
    };
    Ok(match decision.ruling {
        Ruling::Approved => {
            set.insert("work", ClaimWork::Grant.name());
            doc! { "$set": set }
        }
        Ruling::Rejected => {
            doc! { "$set": set, "$unset": { "work": "" }, "$rename": { "seats": "leaving" } }
        }
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
