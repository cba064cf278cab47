//! Claims are stored in batches: one insert, whatever their number.

use std::collections::HashMap;

use domain::{ClaimId, EventId, UserId};
use mongodb::{Collection, bson::doc, error::ErrorKind};
use store_kit::{
    error::StoreError,
    mongo::{Mongo, is_duplicate_code, to_oid},
};

use super::{STORE, claims::ClaimDocument};
use crate::{Claimed, NewClaim, Stored};

/// How the insert of one claim ended.
#[derive(Clone)]
enum Inserted {
    Yes,
    KeyTaken,
    Failed(StoreError),
}

/// One answer for each claim, in order. Each is stored or not by itself.
pub(super) async fn claim_batch(
    mongo: Mongo,
    requests: Collection<ClaimDocument>,
    batch: Vec<NewClaim>,
) -> Vec<Result<Claimed, StoreError>> {
    let claims: Vec<_> =
        batch.iter().map(|new| (new.request.id, new.request.user_id, new.request.event_id)).collect();
    let inserted = insert(&mongo, &requests, batch).await;
    let taken = claims.iter().zip(&inserted).filter(|(_, inserted)| matches!(inserted, Inserted::KeyTaken));
    let taken: Vec<_> = taken.map(|((_, user, event), _)| (*user, *event)).collect();
    let earlier = earlier(&mongo, &requests, &taken).await;
    let answers = claims.into_iter().zip(inserted);
    answers.map(|((id, user, event), inserted)| answer(inserted, id, (user, event), &earlier)).collect()
}

type Earlier = Result<HashMap<(UserId, EventId), Stored>, StoreError>;

fn answer(
    inserted: Inserted,
    id: ClaimId,
    pair: (UserId, EventId),
    earlier: &Earlier,
) -> Result<Claimed, StoreError> {
    match inserted {
        Inserted::Yes => return Ok(Claimed::Stored),
        Inserted::Failed(error) => return Err(error),
        Inserted::KeyTaken => {}
    }
    match earlier.as_ref().map_err(Clone::clone)?.get(&pair) {
        // The one in the way is this very claim, inserted by an attempt the driver repeated.
        Some(stored) if stored.request.id == id => Ok(Claimed::Stored),
        Some(stored) => Ok(Claimed::Already(stored.clone())),
        None => Err(StoreError::unavailable(STORE, "the earlier claim is gone")),
    }
}

async fn insert(mongo: &Mongo, requests: &Collection<ClaimDocument>, batch: Vec<NewClaim>) -> Vec<Inserted> {
    let claims = batch.len();
    let all = |error: StoreError| vec![Inserted::Failed(error); claims];
    let documents = match batch.into_iter().map(ClaimDocument::try_from).collect::<Result<Vec<_>, _>>() {
        Ok(documents) => documents,
        Err(error) => return all(error),
    };
    let error = match mongo.attempt(requests.insert_many(documents).ordered(false)).await {
        Ok(Ok(_)) => return vec![Inserted::Yes; claims],
        Ok(Err(error)) => error,
        Err(late) => return all(late),
    };
    match &*error.kind {
        // Without a write concern error, what has no error of its own is stored by the majority.
        ErrorKind::InsertMany(many) if many.write_concern_error.is_none() => {
            let mut inserted = vec![Inserted::Yes; claims];
            for failed in many.write_errors.iter().flatten() {
                if let Some(inserted) = inserted.get_mut(failed.index) {
                    *inserted = if is_duplicate_code(failed.code) {
                        Inserted::KeyTaken
                    } else {
                        Inserted::Failed(StoreError::unavailable(STORE, failed.message.clone()))
                    };
                }
            }
            inserted
        }
        _ => all(mongo.failed(error)),
    }
}

/// The claims that stood in the way of others, by the unique index.
async fn earlier(
    mongo: &Mongo,
    requests: &Collection<ClaimDocument>,
    claims: &[(UserId, EventId)],
) -> Earlier {
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
    let found = mongo.all(requests.find(filter).projection(doc! { "decision": 0 })).await?;
    let stored = found.into_iter().map(Stored::try_from);
    stored.map(|stored| stored.map(|s| ((s.request.user_id, s.request.event_id), s))).collect()
}
