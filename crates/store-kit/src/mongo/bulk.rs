use std::{future::IntoFuture, time::Duration};

use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use mongodb::{
    Collection,
    error::{Error, ErrorKind, Result as MongoResult},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::{Mongo, failure::is_duplicate};
use crate::error::StoreError;

/// How long a step of moving data in bulk may take: nobody waits for an answer.
const BULK_STEP: Duration = Duration::from_mins(1);

/// Moving data in bulk.
impl Mongo {
    /// All documents a query finds, one after another, however many. For moving data in bulk: its time limit is for each
    /// round trip, and long, since nobody waits for an answer.
    pub fn stream<'a, T>(
        &'a self,
        find: impl IntoFuture<Output = MongoResult<mongodb::Cursor<T>>, IntoFuture: Send + 'a>,
    ) -> BoxStream<'a, Result<T, StoreError>>
    where
        T: DeserializeOwned + Send + Sync + Unpin + 'a,
    {
        let next = move |mut cursor: mongodb::Cursor<T>| async move {
            let document = self.run_in_bulk(cursor.try_next()).await?;
            Ok(document.map(|document| (document, cursor)))
        };
        let opened = self.run_in_bulk(find.into_future());
        stream::once(opened).map_ok(move |cursor| stream::try_unfold(cursor, next)).try_flatten().boxed()
    }

    /// How many documents there are, where nobody waits for an answer.
    pub async fn count_in_bulk(
        &self,
        count: impl IntoFuture<Output = MongoResult<u64>>,
    ) -> Result<u64, StoreError> {
        self.run_in_bulk(count.into_future()).await
    }

    async fn run_in_bulk<T>(
        &self,
        operation: impl IntoFuture<Output = MongoResult<T>>,
    ) -> Result<T, StoreError> {
        let limited = timeout(BULK_STEP, operation.into_future()).await;
        limited.map_err(|late| StoreError::unavailable(self.store, late))?.map_err(|error| self.failed(error))
    }

    /// Inserts the documents that are not there yet. Those whose unique key another document has are left out.
    pub async fn insert_missing<T>(
        &self,
        collection: &Collection<T>,
        documents: Vec<T>,
    ) -> Result<(), StoreError>
    where
        T: Serialize + Send + Sync,
    {
        if documents.is_empty() {
            return Ok(());
        }
        // In order first, which servers carry out as one step; where that meets a duplicate, each by itself.
        let insert = collection.insert_many(documents.iter()).ordered(true);
        let inserted = timeout(BULK_STEP, insert.into_future()).await;
        match inserted.map_err(|late| StoreError::unavailable(self.store, late))? {
            Ok(_) => return Ok(()),
            Err(error) if !are_all_duplicates(&error) => return Err(self.failed(error)),
            Err(_) => {}
        }
        let insert = collection.insert_many(documents).ordered(false);
        let inserted = timeout(BULK_STEP, insert.into_future()).await;
        match inserted.map_err(|late| StoreError::unavailable(self.store, late))? {
            Err(error) if !are_all_duplicates(&error) => Err(self.failed(error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// Whether an unordered insert stored, by the majority, whatever was not there.
fn are_all_duplicates(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::InsertMany(many) => many.write_concern_error.is_none() && is_duplicate(error),
        _ => false,
    }
}
