//! event-db in MongoDB: the collections `events`, `rewards`, `event_rewards` and `reward_requests` of the specification.
//!
//! References to events and rewards are ObjectIds (`event`, `reward`), those to users text (`userId`), as there.

mod claim_batch;
mod claims;
mod events;
mod rewards;
mod transfer;

use async_trait::async_trait;
use mongodb::{
    Collection,
    bson::{self, Bson, doc},
};
use serde::de::DeserializeOwned;
use service_kit::{
    batch::{Batcher, Limits, PATIENCE},
    health::Dependency,
};
use store_kit::{
    error::StoreError,
    mongo::{Mongo, MongoConnectError, index, unique_index},
};

use self::{
    claims::ClaimDocument,
    events::EventDocument,
    rewards::{AttachmentDocument, RewardDocument},
};
use super::{Claimed, NewClaim};

/// The name operators know this store by.
const STORE: &str = "event-db";

/// Claims on their way to the server: a flood of them is a few inserts of many.
const CLAIMS: Limits = Limits { batch: 256, waiting: 8192, concurrent: 4, patience: PATIENCE };

/// Events, rewards and claims on a MongoDB server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MongoEventDb {
    mongo: Mongo,
    events: Collection<EventDocument>,
    rewards: Collection<RewardDocument>,
    event_rewards: Collection<AttachmentDocument>,
    requests: Collection<ClaimDocument>,
    claims: Batcher<NewClaim, Result<Claimed, StoreError>>,
}

impl MongoEventDb {
    /// Connects and creates the indexes that are missing. The database is the given one, else the one in the URL, else
    /// `event-db`.
    pub async fn connect(url: &str, database: Option<&str>) -> Result<Self, MongoConnectError> {
        Self::over(Mongo::connect(url, STORE, database).await?, CLAIMS).await
    }

    async fn over(mongo: Mongo, claims: Limits) -> Result<Self, MongoConnectError> {
        create_indexes(&mongo).await?;
        let requests = mongo.collection("reward_requests");
        let (writer, target) = (mongo.clone(), requests.clone());
        let claims = Batcher::spawn(claims, move |batch| {
            claim_batch::claim_batch(writer.clone(), target.clone(), batch)
        });
        Ok(Self {
            events: mongo.collection("events"),
            rewards: mongo.collection("rewards"),
            event_rewards: mongo.collection("event_rewards"),
            requests,
            claims,
            mongo,
        })
    }
}

async fn create_indexes(mongo: &Mongo) -> Result<(), MongoConnectError> {
    mongo.ensure_indexes("events", [index(doc! { "status": 1, "_id": -1 })]).await?;
    let attachments = [unique_index(doc! { "event": 1, "reward": 1 }), index(doc! { "event": 1, "_id": 1 })];
    mongo.ensure_indexes("event_rewards", attachments).await?;
    // One for each way to list, so that a page costs the same wherever it lies and however rare its items are.
    let requests = [
        unique_index(doc! { "userId": 1, "event": 1 }),
        index(doc! { "userId": 1, "_id": -1 }),
        index(doc! { "event": 1, "_id": -1 }),
        index(doc! { "event": 1, "status": 1, "_id": -1 }),
        index(doc! { "status": 1, "_id": -1 }),
    ];
    mongo.ensure_indexes("reward_requests", requests).await
}

#[async_trait]
impl Dependency for MongoEventDb {
    fn name(&self) -> &'static str {
        STORE
    }

    async fn answers(&self) -> bool {
        self.mongo.answers().await
    }
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
fn read<T>(text: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| StoreError::corrupt(STORE, error))
}

#[cfg(test)]
mod tests;
