//! Claims are stored in batches: one insert, whatever their number.

use std::collections::HashMap;

use domain::{ClaimId, EventId, UserId};
use mongodb::{
    Collection,
    bson::{RawDocumentBuf, doc},
};
use store_kit::{
    error::StoreError,
    mongo::{Mongo, from_oid, to_oid},
};

use super::{
    claims::{ClaimDocument, read_claim},
    corrupt_document,
    insert_each::{InsertOutcome, insert_each},
    read_text,
};
use crate::{ClaimOutcome, NewClaim, STORE, claims::EarlierClaims};

/// One answer for each claim, in order. Each is stored or not by itself.
pub(super) async fn store_batch(
    mongo: Mongo,
    requests: Collection<ClaimDocument>,
    batch: Vec<NewClaim>,
) -> Vec<Result<ClaimOutcome, StoreError>> {
    let claims: Vec<_> =
        batch.iter().map(|new| (new.request.id, new.request.user_id, new.request.event_id)).collect();
    let inserted = insert_all(&mongo, &requests, batch).await;
    let taken =
        claims.iter().zip(&inserted).filter(|(_, inserted)| matches!(inserted, InsertOutcome::KeyTaken));
    let taken: Vec<_> = taken.map(|((_, user, event), _)| (*user, *event)).collect();
    let earlier = find_earlier(&mongo, &requests, &taken).await;
    let answers = claims.into_iter().zip(inserted);
    answers.map(|((id, user, event), inserted)| answer_claim(inserted, id, (user, event), &earlier)).collect()
}

fn answer_claim(
    inserted: InsertOutcome,
    id: ClaimId,
    pair: (UserId, EventId),
    earlier: &Result<EarlierClaims, StoreError>,
) -> Result<ClaimOutcome, StoreError> {
    match inserted {
        InsertOutcome::Stored => return Ok(ClaimOutcome::Stored),
        InsertOutcome::Failed(error) => return Err(error),
        InsertOutcome::KeyTaken => {}
    }
    match earlier.as_ref().map_err(Clone::clone)?.get(&pair) {
        // The one in the way is this very claim, inserted by an attempt the driver repeated.
        Some(Ok(stored)) if stored.request.id == id => Ok(ClaimOutcome::Stored),
        Some(stored) => stored.clone().map(ClaimOutcome::Already),
        None => Err(StoreError::unavailable(STORE, "the earlier claim is gone")),
    }
}

async fn insert_all(
    mongo: &Mongo,
    requests: &Collection<ClaimDocument>,
    batch: Vec<NewClaim>,
) -> Vec<InsertOutcome> {
    let claims = batch.len();
    match batch.into_iter().map(ClaimDocument::try_from).collect::<Result<Vec<_>, _>>() {
        Ok(documents) => insert_each(mongo, requests, documents).await,
        Err(error) => vec![InsertOutcome::Failed(error); claims],
    }
}

/// By the unique index.
async fn find_earlier(
    mongo: &Mongo,
    requests: &Collection<ClaimDocument>,
    claims: &[(UserId, EventId)],
) -> Result<EarlierClaims, StoreError> {
    if claims.is_empty() {
        return Ok(HashMap::new());
    }
    let keys =
        claims.iter().map(|(user, event)| doc! { "userId": user.to_string(), "event": to_oid(event.0) });
    let mut keys: Vec<_> = keys.collect();
    // Servers that only speak MongoDB's protocol may walk the collection for an $or.
    let filter = if keys.len() == 1 {
        keys.remove(0)
    } else {
        doc! { "$or": keys }
    };
    let requests = requests.clone_with_type::<RawDocumentBuf>();
    let find = requests.find(filter).projection(doc! { "decision": 0 }).max_time(mongo.limit());
    let found = mongo.all(find).await?;
    found.iter().map(|document| Ok((read_pair(document)?, read_claim(document).value))).collect()
}

fn read_pair(document: &RawDocumentBuf) -> Result<(UserId, EventId), StoreError> {
    let user = document.get_str("userId").map_err(corrupt_document)?;
    let event = document.get_object_id("event").map_err(corrupt_document)?;
    Ok((read_text(user)?, EventId(from_oid(event))))
}
