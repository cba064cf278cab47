//! Many documents in one insert, each stored or not by itself.

use mongodb::{Collection, error::ErrorKind};
use serde::Serialize;
use store_kit::{
    error::StoreError,
    mongo::{Mongo, is_duplicate_code},
};

use crate::STORE;

/// How the insert of one document ended.
#[derive(Debug, Clone)]
pub(super) enum InsertOutcome {
    /// It is stored, by the majority.
    Stored,
    /// Another document has its unique key.
    KeyTaken,
    /// Nobody knows.
    Failed(StoreError),
}

/// One answer for each document, in order.
pub(super) async fn insert_each<T: Serialize + Send + Sync>(
    mongo: &Mongo,
    collection: &Collection<T>,
    documents: Vec<T>,
) -> Vec<InsertOutcome> {
    let count = documents.len();
    let all = |error: StoreError| vec![InsertOutcome::Failed(error); count];
    let error = match mongo.attempt(collection.insert_many(documents).ordered(false)).await {
        Ok(Ok(_)) => return vec![InsertOutcome::Stored; count],
        Ok(Err(error)) => error,
        Err(late) => return all(late),
    };
    match &*error.kind {
        // Without a write concern error, what has no error of its own is stored by the majority.
        ErrorKind::InsertMany(many) if many.write_concern_error.is_none() => {
            let mut inserted = vec![InsertOutcome::Stored; count];
            for failed in many.write_errors.iter().flatten() {
                if let Some(inserted) = inserted.get_mut(failed.index) {
                    *inserted = if is_duplicate_code(failed.code) {
                        InsertOutcome::KeyTaken
                    } else {
                        InsertOutcome::Failed(StoreError::unavailable(STORE, failed.message.clone()))
                    };
                }
            }
            inserted
        }
        _ => all(mongo.failed(error)),
    }
}
