use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use store_kit::mongo::{Mongo, from_oid, to_oid};

use super::{claims, code_pools, corrupt_document, events, ledger, revisions, rewards};
use crate::{ExportedRow, RecordKey, StoreError, TransferRecord, TransferTable};

/// Every collection, in the order in which they are to be moved.
pub(super) const TABLES: [MongoTable; 7] = [
    events::TABLE,
    revisions::TABLE,
    rewards::TABLE,
    rewards::ATTACHMENT_TABLE,
    claims::TABLE,
    ledger::TABLE,
    code_pools::TABLE,
];

/// How a collection is read and written as a whole. Its adapter's file says so.
#[derive(Clone, Copy)]
pub(super) struct MongoTable {
    pub(super) name: &'static str,
    pub(super) order: MongoOrder,
    pub(super) read: fn(&RawDocumentBuf) -> Result<TransferRecord, StoreError>,
    pub(super) write: fn(TransferRecord) -> Result<Document, StoreError>,
}

/// The order in which a collection is walked.
#[derive(Clone, Copy)]
pub(super) struct MongoOrder {
    pub(super) sort: fn() -> Document,
    /// What comes after this one.
    pub(super) after: fn(RecordKey) -> Document,
    pub(super) key: fn(&RawDocumentBuf) -> Result<RecordKey, StoreError>,
}

/// Where documents have an id of their own.
pub(super) const ID_ORDER: MongoOrder = MongoOrder {
    sort: || doc! { "_id": 1 },
    after: |key| doc! { "_id": { "$gt": to_oid(key.id) } },
    key: |document| {
        let id = document.get_object_id("_id").map_err(corrupt_document)?;
        Ok(from_oid(id).into())
    },
};

impl std::fmt::Debug for MongoTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MongoTable").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A collection of one database.
#[derive(Debug)]
pub(super) struct MongoTransfer {
    pub(super) mongo: Mongo,
    pub(super) table: MongoTable,
}

#[async_trait]
impl TransferTable for MongoTransfer {
    fn name(&self) -> &'static str {
        self.table.name
    }

    async fn export(&self, after: Option<RecordKey>, limit: usize) -> Result<Vec<ExportedRow>, StoreError> {
        let order = self.table.order;
        let collection = self.mongo.collection::<RawDocumentBuf>(self.table.name);
        let find = collection.find(after.map_or_else(Document::new, order.after));
        let find = find.sort((order.sort)()).limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let found: Vec<_> = self.mongo.stream(find).try_collect().await?;
        let row = |document| ExportedRow { key: (order.key)(document), record: (self.table.read)(document) };
        Ok(found.iter().map(row).collect())
    }

    async fn import(&self, records: Vec<TransferRecord>) -> Result<(), StoreError> {
        let documents = records.into_iter().map(self.table.write).collect::<Result<Vec<_>, _>>()?;
        self.mongo.insert_missing(&self.mongo.collection(self.table.name), documents).await
    }
}
