//! event-db in MongoDB: the collections `events`, `rewards`, `event_rewards` and `reward_requests` of the specification,
//! and `event_revisions`.
//!
//! References to events and rewards are ObjectIds (`event`, `reward`), those to users text (`userId`), as there.

mod activities;
mod activity_count;
mod activity_document;
mod activity_sheets;
mod attributes;
mod claim_batch;
mod claims;
mod code_pools;
mod decisions;
mod event_changes;
mod event_deletion;
mod events;
mod insert_each;
mod ledger;
mod returned_seats;
mod revisions;
mod revocations;
mod rewards;
mod seats;
mod seen_names;
mod stock;
mod stock_repair;
mod transfer;
mod update_each;
mod upgrade;

use std::sync::Arc;

use mongodb::bson::{self, Bson, Document, RawDocumentBuf, doc};
use serde::{Serialize, de::DeserializeOwned};
use service_kit::{batch::Limits, budget::QUEUE_WAIT};
use store_kit::{
    audit::mongo::{MongoAuditLog, draft_document},
    changes::Unwatched,
    error::StoreError,
    mongo::{Mongo, MongoConnectError, index, partial_index, read_document, sparse_index, unique_index},
    readiness::CachedReadiness,
    row::StoredRow,
};

use self::{
    activities::{ACTIVITIES, MongoActivities},
    activity_count::DAYS,
    attributes::MongoAttributes,
    claims::MongoClaims,
    code_pools::{CODES, MongoCodePools},
    events::MongoEvents,
    ledger::MongoLedger,
    revisions::MongoRevisions,
    rewards::MongoRewards,
    stock::{MongoStock, STOCK},
    transfer::{MongoTransfer, TABLES},
};
use super::{
    ActivityStore, AttributeStore, STORE, StockStore, Stores, TransferRegistry, TransferTable,
    activities::ActivityTransfer, attributes::AttributeTransfer, stock::StockTransfer, transfer::WrongTable,
};

/// Claims on their way to the server: a flood of them is a few inserts of many.
const CLAIM_LIMITS: Limits = Limits { batch: 256, waiting: 8192, concurrent: 4, patience: QUEUE_WAIT };

/// The collections whose documents hold drafts of the audit log.
const AUDITED: &[&str] = &[events::TABLE.name, claims::TABLE.name, STOCK, attributes::ATTRIBUTES];

/// Connects, brings collections and indexes up to date and starts the tasks.
pub(super) async fn connect_stores(url: &str, database: Option<&str>) -> Result<Stores, MongoConnectError> {
    let mongo = Mongo::connect(url, STORE, database).await?;
    let audit = prepare_database(&mongo).await?;
    Ok(start_stores(&mongo, audit, CLAIM_LIMITS))
}

async fn prepare_database(mongo: &Mongo) -> Result<MongoAuditLog, MongoConnectError> {
    create_indexes(mongo).await?;
    let upgraded = upgrade::upgrade_documents(mongo).await;
    upgraded.map_err(|error| MongoConnectError::Unreachable(error.to_string()))?;
    MongoAuditLog::open(mongo, AUDITED).await
}

fn start_stores(mongo: &Mongo, audit: MongoAuditLog, claims: Limits) -> Stores {
    let table = |table| Arc::new(MongoTransfer { mongo: mongo.clone(), table }) as Arc<dyn TransferTable>;
    let activities: Arc<dyn ActivityStore> = Arc::new(MongoActivities::new(mongo));
    let attributes: Arc<dyn AttributeStore> = Arc::new(MongoAttributes::new(mongo));
    let stock: Arc<dyn StockStore> = Arc::new(MongoStock::new(mongo));
    let mut tables = TABLES.map(table).to_vec();
    tables.push(Arc::new(StockTransfer(Arc::clone(&stock))));
    tables.push(Arc::new(ActivityTransfer(Arc::clone(&activities))));
    tables.push(Arc::new(AttributeTransfer(Arc::clone(&attributes))));
    Stores {
        events: Arc::new(MongoEvents::new(mongo, audit.clone())),
        revisions: Arc::new(MongoRevisions::new(mongo)),
        rewards: Arc::new(MongoRewards::new(mongo)),
        claims: Arc::new(MongoClaims::start(mongo, claims)),
        ledger: Arc::new(MongoLedger::new(mongo)),
        stock,
        code_pools: Arc::new(MongoCodePools::new(mongo)),
        activities,
        attributes,
        changes: Arc::new(Unwatched),
        audit: Arc::new(audit),
        transfer: Arc::new(TransferRegistry::new(tables)),
        readiness: Arc::new(CachedReadiness::new(Arc::new(mongo.clone()))),
        connection: Arc::new(mongo.clone()),
    }
}

async fn create_indexes(mongo: &Mongo) -> Result<(), MongoConnectError> {
    // A list by status leaves out what is being deleted.
    mongo.ensure_indexes("events", [index(doc! { "status": 1, "deletedAt": 1, "_id": -1 })]).await?;
    mongo.ensure_indexes("event_revisions", [unique_index(doc! { "event": 1, "revision": 1 })]).await?;
    let attachments = [unique_index(doc! { "event": 1, "reward": 1 }), index(doc! { "event": 1, "_id": 1 })];
    mongo.ensure_indexes("event_rewards", attachments).await?;
    mongo.ensure_indexes("rewards", [index(doc! { "type": 1, "_id": -1 })]).await?;
    // One for each way to list, so that a page costs the same wherever it lies and however rare its items are.
    let requests = [
        unique_index(doc! { "userId": 1, "event": 1 }),
        index(doc! { "userId": 1, "_id": -1 }),
        index(doc! { "event": 1, "_id": -1 }),
        index(doc! { "event": 1, "status": 1, "_id": -1 }),
        index(doc! { "status": 1, "_id": -1 }),
        // For workers, which find there only what waits for them.
        partial_index(doc! { "work": 1, "_id": 1 }, doc! { "work": { "$gt": "" } }),
        // Who holds a seat in a stock, and who has given one up that is not back yet.
        sparse_index(doc! { "seats": 1 }),
        sparse_index(doc! { "leaving": 1 }),
    ];
    mongo.ensure_indexes("reward_requests", requests).await?;
    let entries = [
        unique_index(doc! { "userId": 1, "request": 1, "reward": 1, "kind": 1 }),
        index(doc! { "userId": 1, "_id": -1 }),
        index(doc! { "event": 1, "_id": -1 }),
        index(doc! { "userId": 1, "event": 1, "_id": -1 }),
    ];
    mongo.ensure_indexes("grants", entries).await?;
    mongo.ensure_indexes(ledger::WALLETS, [unique_index(doc! { "userId": 1 })]).await?;
    let codes = [
        unique_index(doc! { "reward": 1, "code": 1 }),
        // Of a code that is free it has the code's own id, so that one index serves both.
        unique_index(doc! { "reward": 1, "holder": 1 }),
        partial_index(doc! { "reward": 1, "free": 1, "_id": 1 }, doc! { "free": true }),
    ];
    mongo.ensure_indexes(CODES, codes).await?;
    mongo.ensure_indexes(STOCK, [index(doc! { "holds.at": 1 })]).await?;
    let activities = [
        index(doc! { "userId": 1, "type": 1, "place": -1 }),
        index(doc! { "userId": 1, "place": -1 }),
        index(doc! { "type": 1, "place": -1 }),
        index(doc! { "place": -1 }),
        // For the worker that finishes what a crash left.
        index(doc! { "uncounted": 1, "recordedAt": 1 }),
    ];
    mongo.ensure_indexes(ACTIVITIES, activities).await?;
    let days = [
        unique_index(doc! { "userId": 1, "type": 1, "day": 1 }),
        // Those that are not on a sheet.
        index(doc! { "userId": 1, "type": 1, "rolled": 1, "day": 1 }),
        index(doc! { "rolled": 1, "touchedAt": 1 }),
    ];
    mongo.ensure_indexes(DAYS, days).await
}

/// A draft of the audit log as it waits in a document.
fn to_draft(draft: &audit::AuditDraft) -> Result<Document, StoreError> {
    draft_document(STORE, draft)
}

/// Reads a document by itself.
fn read_row<D: DeserializeOwned, T>(
    document: &RawDocumentBuf,
    read: impl FnOnce(D) -> Result<T, StoreError>,
) -> StoredRow<T> {
    read_document(STORE, document, read)
}

fn corrupt_document(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::corrupt(STORE, error)
}

/// An importing write was given a record of another collection.
fn wrong_table(table: &'static str) -> StoreError {
    StoreError::corrupt(STORE, WrongTable(table))
}

/// A document as it is sent.
fn to_document(value: &impl Serialize) -> Result<Document, StoreError> {
    bson::serialize_to_document(value).map_err(corrupt_document)
}

/// JSON as a BSON value.
fn to_bson(json: &serde_json::Value) -> Result<Bson, StoreError> {
    bson::serialize_to_bson(json).map_err(|error| StoreError::corrupt(STORE, error))
}

/// JSON that was stored as a BSON value.
fn from_bson<T: DeserializeOwned>(bson: Bson) -> Result<T, StoreError> {
    bson::deserialize_from_bson(bson).map_err(|error| StoreError::corrupt(STORE, error))
}

/// Reads a text that this program wrote.
fn read_text<T>(text: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| StoreError::corrupt(STORE, error))
}

#[cfg(test)]
mod activity_tests;
#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod stock_tests;
#[cfg(test)]
mod tests;
