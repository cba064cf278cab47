//! What an earlier version has stored becomes what this one reads, once.

use domain::fold_text;
use futures::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use serde::Deserialize;
use store_kit::{mongo::Mongo, row::log_unreadable};

use super::{corrupt_document, events, revisions};
use crate::{StoreError, TransferRecord};

/// Which steps a database has behind it: one document for each.
pub(super) const UPGRADES: &str = "schema_upgrades";
/// Events have revisions, and folded names by Unicode's rules.
const REVISIONS: &str = "0002_event_revisions";
/// Revisions in one insert.
const STEP: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventName {
    name: String,
    name_folded: String,
}

/// Does what was not done before. Replicas may do so at the same time; cut off, it is done again.
pub(super) async fn upgrade_documents(mongo: &Mongo) -> Result<(), StoreError> {
    let done = mongo.collection::<Document>(UPGRADES);
    if mongo.run(done.find_one(doc! { "_id": REVISIONS })).await?.is_some() {
        return Ok(());
    }
    let events = mongo.collection::<RawDocumentBuf>(events::TABLE.name);
    let found = mongo.stream(events.find(doc! {})).try_chunks(STEP).map_err(|cut_off| cut_off.1);
    found.try_for_each(|chunk| upgrade_events(mongo, chunk)).await?;
    mongo.unless_taken(done.insert_one(doc! { "_id": REVISIONS })).await.map(drop)
}

async fn upgrade_events(mongo: &Mongo, events: Vec<RawDocumentBuf>) -> Result<(), StoreError> {
    let mut revisions = Vec::new();
    for document in &events {
        match read_revision(document) {
            Ok(revision) => revisions.push(revision),
            // It stays as it is, and spoils no other.
            Err(error) => log_unreadable(events::TABLE.name, &format!("{:?}", document.get("_id")), &error),
        }
        refold_name(mongo, document).await?;
    }
    mongo.insert_missing(&mongo.collection(revisions::TABLE.name), revisions).await
}

fn read_revision(document: &RawDocumentBuf) -> Result<Document, StoreError> {
    match (events::TABLE.read)(document)? {
        TransferRecord::Event(event) => {
            (revisions::TABLE.write)(TransferRecord::Revision(crate::EventRevision::from_event(&event)))
        }
        _ => Err(super::wrong_table(events::TABLE.name)),
    }
}

async fn refold_name(mongo: &Mongo, document: &RawDocumentBuf) -> Result<(), StoreError> {
    let Ok(event) = mongodb::bson::deserialize_from_slice::<EventName>(document.as_bytes()) else {
        return Ok(());
    };
    let folded = fold_text(&event.name);
    if folded == event.name_folded {
        return Ok(());
    }
    let id = document.get_object_id("_id").map_err(corrupt_document)?;
    let events = mongo.collection::<Document>(events::TABLE.name);
    let update = events.update_one(doc! { "_id": id }, doc! { "$set": { "nameFolded": folded } });
    mongo.run(update).await.map(drop)
}
