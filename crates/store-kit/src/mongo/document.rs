use mongodb::{
    IndexModel,
    bson::{DateTime, Document, RawDocumentBuf, oid},
    options::IndexOptions,
};
use serde::de::DeserializeOwned;

use crate::{error::StoreError, row::StoredRow};

/// An ascending or descending index over these fields.
pub fn index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}

/// An index that allows each combination of these fields once.
pub fn unique_index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().unique(true).build()).build()
}

/// An index over these fields that has only the documents which match.
pub fn partial_index(keys: Document, filter: Document) -> IndexModel {
    let options = IndexOptions::builder().partial_filter_expression(filter).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// An index of those documents alone that have one of these fields: for fields that few documents have, also within
/// arrays. Servers that only speak MongoDB's protocol may not walk a partial one.
pub fn sparse_index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().sparse(true).build()).build()
}

/// An id as MongoDB has it.
pub fn to_oid(id: domain::ObjectId) -> oid::ObjectId {
    oid::ObjectId::from_bytes(id.bytes())
}

/// An id as Guerdon has it.
pub fn from_oid(id: oid::ObjectId) -> domain::ObjectId {
    domain::ObjectId::from_bytes(id.bytes())
}

/// A moment as MongoDB has it.
pub fn to_date(at: domain::Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millis())
}

/// A moment as Guerdon has it.
pub fn from_date(at: DateTime) -> domain::Timestamp {
    domain::Timestamp::from_millis(at.timestamp_millis())
}

/// Reads a document by itself: one that is damaged is nobody else's failure.
pub fn read_document<D, T>(
    store: &'static str,
    document: &RawDocumentBuf,
    read: impl FnOnce(D) -> Result<T, StoreError>,
) -> StoredRow<T>
where
    D: DeserializeOwned,
{
    let id = document.get_object_id("_id").map(from_oid);
    let value = mongodb::bson::deserialize_from_slice::<D>(document.as_bytes());
    StoredRow {
        id: id.map_err(|error| StoreError::corrupt(store, error)),
        value: value.map_err(|error| StoreError::corrupt(store, error)).and_then(read),
    }
}
