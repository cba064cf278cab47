//! Claims are stored in batches: one insert, whatever their number.

use std::collections::{HashMap, HashSet};

use domain::{ClaimId, EventId, UserId};
use mongodb::{
    Collection,
    bson::{Bson, Document, RawDocumentBuf, doc},
};
use store_kit::{
    error::StoreError,
    mongo::{Mongo, from_oid, to_oid},
};
use tokio::time::Instant;

use super::{
    claims::{ClaimDocument, TABLE, read_claim},
    corrupt_document, events,
    insert_each::{InsertOutcome, insert_each},
    read_text,
    seats::{Admission, take_seats},
};
use crate::{ClaimOutcome, NewClaim, STORE, claims::EarlierClaims, stock::ACT_WITHIN};

type ClaimPair = (UserId, EventId);

/// How far a claim has come.
#[derive(Debug, Clone)]
enum BatchPlace {
    /// It was not inserted, and why.
    Refused(Admission),
    /// It was to be inserted.
    Inserted(InsertOutcome),
    /// It was inserted and taken back, since its event is gone.
    Withdrawn,
}

/// One answer for each claim, in order. Each is stored or not by itself.
pub(super) async fn store_batch(
    mongo: Mongo,
    requests: Collection<ClaimDocument>,
    batch: Vec<NewClaim>,
) -> Vec<Result<ClaimOutcome, StoreError>> {
    let claims: Vec<_> = batch.iter().map(|new| (new.request.id, pair_of(new))).collect();
    let limited: Vec<_> = batch.iter().filter(|new| !new.request.seats.is_empty()).map(pair_of).collect();
    // Somebody who has a claim is told so, also where everything is sold out by now.
    let there = find_earlier(&mongo, &requests, &limited).await;
    let begun = Instant::now();
    let (mut admissions, seats) = take_seats(&mongo, &batch, &there).await;
    if begun.elapsed() > ACT_WITHIN {
        give_up_limited(&batch, &mut admissions);
    }
    let mut places = insert_admitted(&mongo, &requests, batch, admissions).await;
    withdraw_without_event(&mongo, &claims, &mut places).await;
    let in_the_way = claims.iter().zip(&places).filter(|(_, place)| place.is_behind_another());
    let in_the_way: Vec<_> = in_the_way.map(|((_, pair), _)| *pair).collect();
    let earlier = find_earlier(&mongo, &requests, &in_the_way).await;
    let answers: Vec<_> =
        claims.iter().zip(&places).map(|((id, pair), place)| place.answer(*id, *pair, &earlier)).collect();
    seats.settle(&mongo, |place| is_stored(&answers[place])).await;
    answers
}

/// This process was held up: others may have counted the stock by now, without these claims.
fn give_up_limited(batch: &[NewClaim], admissions: &mut [Admission]) {
    let late = StoreError::unavailable(STORE, "it took too long to take seats");
    for (_, admission) in batch.iter().zip(admissions).filter(|(new, _)| !new.request.seats.is_empty()) {
        *admission = Admission::Failed(late.clone());
    }
}

fn pair_of(new: &NewClaim) -> ClaimPair {
    (new.request.user_id, new.request.event_id)
}

/// Whether a claim keeps its seats; none if nobody knows.
fn is_stored(answer: &Result<ClaimOutcome, StoreError>) -> Option<bool> {
    answer.as_ref().ok().map(|outcome| *outcome == ClaimOutcome::Stored)
}

impl BatchPlace {
    /// Whether the user has another claim on the event.
    fn is_behind_another(&self) -> bool {
        matches!(self, Self::Refused(Admission::Earlier) | Self::Inserted(InsertOutcome::KeyTaken))
    }

    fn answer(
        &self,
        id: ClaimId,
        pair: ClaimPair,
        earlier: &Result<EarlierClaims, StoreError>,
    ) -> Result<ClaimOutcome, StoreError> {
        match self {
            Self::Inserted(InsertOutcome::Stored) => return Ok(ClaimOutcome::Stored),
            Self::Withdrawn => return Ok(ClaimOutcome::UnknownEvent),
            Self::Refused(Admission::SoldOut) => return Ok(ClaimOutcome::SoldOut),
            Self::Inserted(InsertOutcome::Failed(error)) | Self::Refused(Admission::Failed(error)) => {
                return Err(error.clone());
            }
            Self::Refused(Admission::Earlier | Admission::Admitted)
            | Self::Inserted(InsertOutcome::KeyTaken) => {}
        }
        match earlier.as_ref().map_err(Clone::clone)?.get(&pair) {
            // The one in the way is this very claim, inserted by an attempt the driver repeated.
            Some(Ok(stored)) if stored.request.id == id => Ok(ClaimOutcome::Stored),
            Some(stored) => stored.clone().map(|stored| ClaimOutcome::Already(Box::new(stored))),
            None => Err(StoreError::unavailable(STORE, "the earlier claim is gone")),
        }
    }
}

/// Inserts those that were admitted.
async fn insert_admitted(
    mongo: &Mongo,
    requests: &Collection<ClaimDocument>,
    batch: Vec<NewClaim>,
    admissions: Vec<Admission>,
) -> Vec<BatchPlace> {
    let is_admitted = |admission: &Admission| matches!(admission, Admission::Admitted);
    let admitted = batch.into_iter().zip(&admissions).filter(|(_, admission)| is_admitted(admission));
    let admitted: Vec<_> = admitted.map(|(new, _)| new).collect();
    let inserted = if admitted.is_empty() { Vec::new() } else { insert_all(mongo, requests, admitted).await };
    let mut inserted = inserted.into_iter();
    let place = |admission: Admission| match admission {
        Admission::Admitted => {
            let lost = || InsertOutcome::Failed(StoreError::unavailable(STORE, "an insert has no outcome"));
            BatchPlace::Inserted(inserted.next().unwrap_or_else(lost))
        }
        refused => BatchPlace::Refused(refused),
    };
    admissions.into_iter().map(place).collect()
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

/// An event may have been deleted since its claims were decided. Whoever deletes one hides it first and looks for claims then;
/// claims are stored first and look for their event then: one of both sees the other.
async fn withdraw_without_event(mongo: &Mongo, claims: &[(ClaimId, ClaimPair)], places: &mut [BatchPlace]) {
    let is_stored = |place: &BatchPlace| matches!(place, BatchPlace::Inserted(InsertOutcome::Stored));
    let stored: HashSet<_> = claims
        .iter()
        .zip(&*places)
        .filter(|(_, place)| is_stored(place))
        .map(|((_, (_, event)), _)| *event)
        .collect();
    if stored.is_empty() {
        return;
    }
    let result = withdraw_claims(mongo, claims, places, &stored).await;
    let withdrawn = match result {
        Ok(gone) => gone,
        Err(error) => {
            // They are stored, but perhaps on nothing: who asks again learns which.
            let unknown = BatchPlace::Inserted(InsertOutcome::Failed(error));
            places.iter_mut().filter(|place| is_stored(place)).for_each(|place| *place = unknown.clone());
            return;
        }
    };
    for ((_, (_, event)), place) in claims.iter().zip(places) {
        if withdrawn.contains(event) && is_stored(place) {
            *place = BatchPlace::Withdrawn;
        }
    }
}

/// Deletes the claims that were just stored on events that are gone; which events these are.
async fn withdraw_claims(
    mongo: &Mongo,
    claims: &[(ClaimId, ClaimPair)],
    places: &[BatchPlace],
    wanted: &HashSet<EventId>,
) -> Result<HashSet<EventId>, StoreError> {
    let there = events::find_existing(mongo, wanted).await?;
    let gone: HashSet<_> = wanted.difference(&there).copied().collect();
    let is_lost = |((_, (_, event)), place): &(&(ClaimId, ClaimPair), &BatchPlace)| {
        gone.contains(event) && matches!(place, BatchPlace::Inserted(InsertOutcome::Stored))
    };
    let lost: Vec<Bson> =
        claims.iter().zip(places).filter(is_lost).map(|((id, _), _)| Bson::ObjectId(to_oid(id.0))).collect();
    if !lost.is_empty() {
        let requests: Collection<Document> = mongo.collection(TABLE.name);
        mongo.run(requests.delete_many(doc! { "_id": { "$in": lost } })).await?;
    }
    Ok(gone)
}

/// By the unique index.
async fn find_earlier(
    mongo: &Mongo,
    requests: &Collection<ClaimDocument>,
    claims: &[ClaimPair],
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

fn read_pair(document: &RawDocumentBuf) -> Result<ClaimPair, StoreError> {
    let user = document.get_str("userId").map_err(corrupt_document)?;
    let event = document.get_object_id("event").map_err(corrupt_document)?;
    Ok((read_text(user)?, EventId(from_oid(event))))
}
