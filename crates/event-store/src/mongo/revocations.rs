//! Taking back what was approved, and noting what workers have done.

use domain::{ClaimId, ClaimStatus, ClaimWork};
use mongodb::{
    bson::{RawDocumentBuf, doc},
    options::ReturnDocument,
};
use store_kit::{
    audit::mongo::DRAFTS,
    error::StoreError,
    mongo::{Mongo, to_date, to_oid},
};
use tokio::time::Instant;

use super::{
    claims::{TABLE, VerdictDocument, read_claim},
    returned_seats::{LeavingSeats, return_seats},
    to_document, to_draft,
};
use crate::{Revocation, RevokeOutcome, audit::claim_revoked};

/// The filter has the expected state: of any number of racers one finds it.
pub(super) async fn revoke(mongo: &Mongo, revocation: Revocation) -> Result<RevokeOutcome, StoreError> {
    mongo.in_time(revoke_one(mongo, revocation)).await
}

async fn revoke_one(mongo: &Mongo, revocation: Revocation) -> Result<RevokeOutcome, StoreError> {
    let claims = mongo.collection::<RawDocumentBuf>(TABLE.name);
    let begun = Instant::now();
    let id = to_oid(revocation.claim.0);
    let mut verdict = to_document(&VerdictDocument::from(&revocation.verdict))?;
    verdict.insert("mark", to_oid(revocation.mark));
    let mut set = doc! {
        "status": ClaimStatus::Revoked.name(),
        "revocation": verdict,
        "work": ClaimWork::Reverse.name(),
        "updatedAt": to_date(revocation.verdict.at),
    };
    let approved = doc! { "_id": id, "status": ClaimStatus::Approved.name() };
    let reason = revocation.verdict.reason.as_deref();
    let draft = to_draft(&claim_revoked(revocation.stamp.clone(), revocation.claim, reason))?;
    let returned: Vec<_> = revocation.returned.iter().map(|seat| to_oid(*seat)).collect();
    let change = if returned.is_empty() {
        doc! { "$set": set, "$push": { DRAFTS: draft } }
    } else {
        set.insert("leaving", &returned);
        doc! { "$set": set, "$push": { DRAFTS: draft }, "$pull": { "seats": { "$in": returned } } }
    };
    let update = claims.find_one_and_update(approved, change);
    let update = update.return_document(ReturnDocument::After).projection(doc! { "decision": 0 });
    if let Some(revoked) = mongo.run(update.max_time(mongo.limit())).await? {
        return finish_revocation(mongo, &revoked, begun).await;
    }
    let find = claims.find_one(doc! { "_id": id }).projection(doc! { "decision": 0 });
    let Some(found) = mongo.run(find.max_time(mongo.limit())).await? else {
        return Ok(RevokeOutcome::Unknown);
    };
    // Revoked by this very call, in an attempt that the driver repeated.
    let there = found.get_document("revocation").ok();
    if there.and_then(|verdict| verdict.get_object_id("mark").ok()) == Some(to_oid(revocation.mark)) {
        return finish_revocation(mongo, &found, begun).await;
    }
    Ok(RevokeOutcome::NotApproved(read_claim(&found).value?.request))
}

/// Who takes a claim back also gives back its seats.
async fn finish_revocation(
    mongo: &Mongo,
    revoked: &RawDocumentBuf,
    begun: Instant,
) -> Result<RevokeOutcome, StoreError> {
    let leaving: Vec<_> = LeavingSeats::from_document(revoked).into_iter().collect();
    return_seats(mongo, &leaving, begun).await;
    Ok(RevokeOutcome::Revoked(read_claim(revoked).value?.request))
}

pub(super) async fn finish_work(
    mongo: &Mongo,
    claims: Vec<ClaimId>,
    work: ClaimWork,
) -> Result<(), StoreError> {
    let ids: Vec<_> = claims.iter().map(|id| to_oid(id.0)).collect();
    let these = doc! { "_id": { "$in": ids }, "work": work.name() };
    let documents = mongo.collection::<RawDocumentBuf>(TABLE.name);
    mongo.run(documents.update_many(these, doc! { "$unset": { "work": "" } })).await.map(drop)
}
