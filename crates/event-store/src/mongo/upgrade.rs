//! What an earlier version has stored becomes what this one reads, once.

use domain::{RewardPlace, fold_text};
use futures::TryStreamExt;
use mongodb::{
    Collection,
    bson::{self, Document, RawDocumentBuf, doc},
};
use serde::Deserialize;
use store_kit::{
    mongo::{Mongo, from_oid, to_oid},
    row::log_unreadable,
};

use super::{corrupt_document, events, revisions, rewards};
use crate::{EventRevision, StoreError, TransferRecord};

/// Which steps a database has behind it: one document for each.
pub(super) const UPGRADES: &str = "schema_upgrades";
/// Events have revisions that say all, know their rewards, and have names folded by Unicode's rules, as rewards have.
const CHANGES: &str = "0010_event_changes";
/// Documents read at once.
const STEP: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredName {
    name: String,
    #[serde(default)]
    name_folded: String,
}

#[derive(Deserialize)]
struct StoredPlace {
    #[serde(rename = "_id")]
    id: bson::oid::ObjectId,
    reward: bson::oid::ObjectId,
}

/// Does what was not done before. Replicas may do so at the same time; cut off, it is done again.
pub(super) async fn upgrade_documents(mongo: &Mongo) -> Result<(), StoreError> {
    let done = mongo.collection::<Document>(UPGRADES);
    if mongo.run(done.find_one(doc! { "_id": CHANGES })).await?.is_some() {
        return Ok(());
    }
    for (collection, upgrade) in
        [(events::TABLE.name, Upgrade::Event), (rewards::TABLE.name, Upgrade::Reward)]
    {
        let documents = mongo.collection::<RawDocumentBuf>(collection);
        let found = mongo.stream(documents.find(doc! {})).try_chunks(STEP).map_err(|cut_off| cut_off.1);
        found.try_for_each(|chunk| upgrade.apply(mongo, chunk)).await?;
    }
    mongo.unless_taken(done.insert_one(doc! { "_id": CHANGES })).await.map(drop)
}

#[derive(Clone, Copy)]
enum Upgrade {
    Event,
    Reward,
}

impl Upgrade {
    async fn apply(self, mongo: &Mongo, documents: Vec<RawDocumentBuf>) -> Result<(), StoreError> {
        for document in &documents {
            match self {
                Self::Event => {
                    refold_name(mongo, events::TABLE.name, document).await?;
                    note_rewards(mongo, document).await?;
                    complete_revision(mongo, document).await?;
                }
                Self::Reward => refold_name(mongo, rewards::TABLE.name, document).await?,
            }
        }
        Ok(())
    }
}

async fn refold_name(
    mongo: &Mongo,
    collection: &'static str,
    document: &RawDocumentBuf,
) -> Result<(), StoreError> {
    let Ok(stored) = bson::deserialize_from_slice::<StoredName>(document.as_bytes()) else {
        return Ok(());
    };
    let folded = fold_text(&stored.name);
    if folded == stored.name_folded {
        return Ok(());
    }
    let id = document.get_object_id("_id").map_err(corrupt_document)?;
    let documents = mongo.collection::<Document>(collection);
    let update = documents.update_one(doc! { "_id": id }, doc! { "$set": { "nameFolded": folded } });
    mongo.run(update).await.map(drop)
}

/// Which rewards an event has stood in another collection alone.
async fn note_rewards(mongo: &Mongo, event: &RawDocumentBuf) -> Result<(), StoreError> {
    if matches!(event.get("rewards"), Ok(Some(_))) {
        return Ok(());
    }
    let id = event.get_object_id("_id").map_err(corrupt_document)?;
    let attachments: Collection<StoredPlace> = mongo.collection(rewards::ATTACHMENT_TABLE.name);
    let attached = mongo.all(attachments.find(doc! { "event": id }).sort(doc! { "_id": 1 })).await?;
    let places: Vec<_> = attached
        .iter()
        .map(|place| RewardPlace {
            attachment: from_oid(place.id),
            reward: domain::RewardId(from_oid(place.reward)),
            has_stock: false,
            is_pool: false,
        })
        .collect();
    let places = bson::serialize_to_bson(&places).map_err(corrupt_document)?;
    let unnoted = doc! { "_id": id, "rewards": { "$exists": false } };
    let events = mongo.collection::<Document>(events::TABLE.name);
    mongo.run(events.update_one(unnoted, doc! { "$set": { "rewards": places } })).await.map(drop)
}

/// The present revision says what the event says. Those before it keep what they have.
async fn complete_revision(mongo: &Mongo, event: &RawDocumentBuf) -> Result<(), StoreError> {
    let id = event.get_object_id("_id").map_err(corrupt_document)?;
    let events = mongo.collection::<RawDocumentBuf>(events::TABLE.name);
    let Some(document) = mongo.run(events.find_one(doc! { "_id": id })).await? else { return Ok(()) };
    let event = match (events::TABLE.read)(&document) {
        Ok(TransferRecord::Event(event)) => event,
        Ok(_) => return Err(super::wrong_table(events::TABLE.name)),
        // It stays as it is, and spoils no other.
        Err(error) => {
            log_unreadable(events::TABLE.name, &format!("{id}"), &error);
            return Ok(());
        }
    };
    let revision = EventRevision::from_event(&event, event.created_by);
    let key = doc! { "event": to_oid(event.id.0), "revision": event.revision };
    let document = (revisions::TABLE.write)(TransferRecord::Revision(revision))?;
    let revisions = mongo.collection::<Document>(revisions::TABLE.name);
    if mongo.unless_taken(revisions.insert_one(&document)).await?.is_some() {
        return Ok(());
    }
    let mut lacking = key;
    lacking.insert("details", doc! { "$exists": false });
    let details = document.get("details").cloned().unwrap_or_default();
    mongo.run(revisions.update_one(lacking, doc! { "$set": { "details": details } })).await.map(drop)
}
