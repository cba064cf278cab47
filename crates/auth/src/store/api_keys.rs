use std::fmt;

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{ApiKey, ApiKeyId, Timestamp};
use serde::Serialize;
use service_kit::{
    api_key::ApiKeyHash,
    page::{Page, PageRequest},
};

use super::StoreError;

/// A key whole, with what it is recognised by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKeyRecord {
    /// The key as it is shown.
    #[serde(flatten)]
    pub key: ApiKey,
    /// The hash of what its owner holds; unique.
    pub hash: ApiKeyHash,
}

/// The API keys (`api_keys` in user-db).
#[async_trait]
pub trait ApiKeyStore: Send + Sync + fmt::Debug {
    /// Stores a key, and what the audit log says of it. Its id and its hash are new: both are drawn at
    /// random.
    async fn create_key(&self, record: ApiKeyRecord, stamp: ChangeStamp) -> Result<(), StoreError>;

    /// One page, newest first. Walks an index: the cost does not grow with the page's position.
    async fn list_keys(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError>;

    /// Deletes a key, and stores what the audit log says of that; whether there was one. When this returns,
    /// no look-up that begins later finds it.
    async fn delete_key(&self, id: ApiKeyId, stamp: ChangeStamp) -> Result<bool, StoreError>;

    /// The keys with these hashes: one answer for each, in order, in one round trip. A key that cannot be
    /// read is none.
    async fn find_keys(&self, hashes: &[ApiKeyHash]) -> Result<Vec<Option<ApiKey>>, StoreError>;

    /// Notes that these keys were used in this minute, unless they were used later. A key that is gone stays
    /// so.
    async fn note_key_uses(&self, ids: &[ApiKeyId], minute: Timestamp) -> Result<(), StoreError>;
}
