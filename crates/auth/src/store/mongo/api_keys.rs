use std::collections::HashMap;

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{ApiKey, ApiKeyId, ApiKeyScope, ObjectId, Timestamp};
use futures::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId as Oid};
use serde::{Deserialize, Serialize};
use service_kit::{
    api_key::ApiKeyHash,
    page::{Page, PageRequest},
};
use store_kit::{
    audit::mongo::{DELETED_AT, DRAFTS, draft_document},
    mongo::{from_date, from_oid, read_document, to_date, to_oid},
    row::{StoredRow, readable_page},
};

use super::{MongoUserDb, STORE, read_stored};
use crate::store::{
    ApiKeyRecord, ApiKeyStore, ApiKeyTransfer, StoreError,
    audit::{key_created, key_deleted},
};

/// A key as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiKeyDocument {
    #[serde(rename = "_id")]
    id: Oid,
    /// SHA-256 of the key in hex; the key itself is stored nowhere.
    hash: String,
    name: String,
    scopes: Vec<String>,
    created_by: String,
    created_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime>,
    /// A whole minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<DateTime>,
    /// What the audit log does not have yet. Only its own port reads it.
    #[serde(default, skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    audit_drafts: Vec<Document>,
}

impl From<ApiKeyRecord> for ApiKeyDocument {
    fn from(ApiKeyRecord { key, hash }: ApiKeyRecord) -> Self {
        Self {
            id: to_oid(key.id.0),
            hash: hash.to_string(),
            name: key.name,
            scopes: key.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
            created_by: key.created_by.to_string(),
            created_at: to_date(key.created_at),
            expires_at: key.expires_at.map(to_date),
            last_used_at: key.last_used_at.map(to_date),
            audit_drafts: Vec::new(),
        }
    }
}

impl TryFrom<ApiKeyDocument> for ApiKeyRecord {
    type Error = StoreError;

    fn try_from(document: ApiKeyDocument) -> Result<Self, StoreError> {
        let scopes = document.scopes.iter().map(|scope| read_stored::<ApiKeyScope>(scope));
        let key = ApiKey {
            id: ApiKeyId(from_oid(document.id)),
            name: document.name,
            scopes: scopes.collect::<Result<_, _>>()?,
            created_by: read_stored(&document.created_by)?,
            created_at: from_date(document.created_at),
            expires_at: document.expires_at.map(from_date),
            last_used_at: document.last_used_at.map(from_date),
        };
        Ok(Self { key, hash: read_stored(&document.hash)? })
    }
}

fn read_key(document: &RawDocumentBuf) -> StoredRow<ApiKeyRecord> {
    read_document(STORE, document, ApiKeyDocument::try_into)
}

/// Those that are not deleted: one that is stays until its draft is in the audit log.
fn visible(mut filter: Document) -> Document {
    filter.insert(DELETED_AT, doc! { "$exists": false });
    filter
}

#[async_trait]
impl ApiKeyStore for MongoUserDb {
    async fn create_key(&self, record: ApiKeyRecord, stamp: ChangeStamp) -> Result<(), StoreError> {
        let (id, hash) = (to_oid(record.key.id.0), record.hash.to_string());
        let draft = draft_document(STORE, &key_created(stamp, &record.key))?;
        let document = ApiKeyDocument { audit_drafts: vec![draft], ..ApiKeyDocument::from(record) };
        let insert = self.api_keys.insert_one(document);
        self.mongo
            .in_time(async {
                if self.mongo.unless_taken(insert).await?.is_some() {
                    return Ok(());
                }
                // The one in the way must be this very key, inserted by an attempt the driver repeated.
                let ours = self.api_keys.find_one(doc! { "_id": id, "hash": hash });
                match self.mongo.run(ours).await? {
                    Some(_) => Ok(()),
                    None => Err(StoreError::unavailable(STORE, "another key is in the way")),
                }
            })
            .await
    }

    /// Walks `_id`.
    async fn list_keys(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let query = page.before.map_or_else(Document::new, |id| doc! { "_id": { "$lt": to_oid(id) } });
        let keys = self.api_keys.clone_with_type::<RawDocumentBuf>();
        let find = keys.find(visible(query)).sort(doc! { "_id": -1 }).limit(page.overfull());
        let found = self.mongo.all(find).await?;
        let records = found.iter().map(read_key).collect();
        Ok(readable_page("api_keys", records, page.limit).map(|record| record.key))
    }

    /// Marks it as deleted, in the same update that puts the draft into it. One that cannot be read is
    /// deleted as well.
    async fn delete_key(&self, id: ApiKeyId, stamp: ChangeStamp) -> Result<bool, StoreError> {
        let (key, draft_id) = (visible(doc! { "_id": to_oid(id.0) }), to_oid(stamp.id));
        let at = to_date(stamp.at);
        self.mongo
            .in_time(async {
                let keys = self.api_keys.clone_with_type::<RawDocumentBuf>();
                let Some(found) = self.mongo.run(keys.find_one(key.clone())).await? else { return Ok(false) };
                let record = read_key(&found).into_readable("api_keys");
                let draft = key_deleted(stamp, id, record.as_ref().map(|record| &record.key));
                let mark = doc! {
                    "$set": { DELETED_AT: at },
                    "$push": { DRAFTS: draft_document(STORE, &draft)? },
                };
                if self.mongo.run(self.api_keys.update_one(key, mark)).await?.matched_count == 1 {
                    return Ok(true);
                }
                // It may have been deleted by an attempt the driver repeated.
                self.is_recorded("api_keys", to_oid(id.0), draft_id).await
            })
            .await
    }

    /// By the unique index, on the primary.
    async fn find_keys(&self, hashes: &[ApiKeyHash]) -> Result<Vec<Option<ApiKey>>, StoreError> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let listed: Vec<_> = hashes.iter().map(ApiKeyHash::to_string).collect();
        let keys = self.api_keys.clone_with_type::<RawDocumentBuf>();
        let found = self.mongo.all(keys.find(doc! { "hash": { "$in": listed } })).await?;
        let found = found.iter().filter(|document| matches!(document.get(DELETED_AT), Ok(None)));
        let found = found.map(read_key).filter_map(|row| row.into_readable("api_keys"));
        let found: HashMap<_, _> = found.map(|record| (record.hash, record.key)).collect();
        Ok(hashes.iter().map(|hash| found.get(hash).cloned()).collect())
    }

    async fn note_key_uses(&self, ids: &[ApiKeyId], minute: Timestamp) -> Result<(), StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| Bson::from(to_oid(id.0))).collect();
        let used = doc! { "$max": { "lastUsedAt": to_date(minute) } };
        self.mongo.run(self.api_keys.update_many(doc! { "_id": { "$in": ids } }, used)).await.map(drop)
    }
}

#[async_trait]
impl ApiKeyTransfer for MongoUserDb {
    async fn export_keys(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<ApiKeyRecord>>, StoreError> {
        let query = after.map_or_else(Document::new, |id| doc! { "_id": { "$gt": to_oid(id) } });
        let keys = self.api_keys.clone_with_type::<RawDocumentBuf>();
        let find =
            keys.find(visible(query)).sort(doc! { "_id": 1 }).limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let found: Vec<_> = self.mongo.stream(find).try_collect().await?;
        Ok(found.iter().map(read_key).collect())
    }

    async fn import_keys(&self, keys: Vec<ApiKeyRecord>) -> Result<(), StoreError> {
        let documents = keys.into_iter().map(ApiKeyDocument::from).collect();
        self.mongo.insert_missing(&self.api_keys, documents).await
    }
}
