//! MongoDB as every adapter uses it: a client with time limits, and its errors as the ports know them.
//!
//! Only what any MongoDB-compatible server has is used: no transactions, change streams, pipeline updates or collation.
//! Writes wait for the majority; reads go to the primary, so that they see every write that was acknowledged.

mod bulk;
mod document;
mod failure;

#[cfg(test)]
mod tests;

use std::{future::IntoFuture, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::{
    Client, Collection, Database, IndexModel,
    bson::{Bson, Document, doc},
    error::{Error, ErrorKind, Result as MongoResult},
    options::{ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern},
};
use serde::de::DeserializeOwned;
use service_kit::{
    budget::{CONNECT, START_CONTACT, STORE_OPERATION},
    health::Dependency,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, error::Elapsed, timeout, timeout_at},
};

use self::failure::connect_error;
pub use self::{
    document::{
        from_date, from_oid, index, partial_index, read_document, sparse_index, to_date, to_oid, unique_index,
    },
    failure::{MongoConnectError, is_duplicate, is_duplicate_code},
};
use crate::{
    connection::StoreConnection,
    error::StoreError,
    store_figures::{StoreFigures, engine},
};

/// How often the server is looked after: a lost one is noticed, and found again, within this time.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Work is gathered into few round trips, so that few connections are enough.
const CONNECTIONS: u32 = 64;
/// Searches at once: those beyond wait, so that look-ups find the server and connections to it free.
const SEARCHES: usize = 2;
/// Where readiness writes to.
const READINESS: &str = "readiness";

/// A database on a MongoDB server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mongo {
    store: &'static str,
    database: Database,
    limit: Duration,
    searches: Arc<Semaphore>,
    figures: StoreFigures,
}

impl Mongo {
    /// Connects and makes sure that the database can be read. The database is the given one, else the one in the URL,
    /// else `store`, the name operators know the store by: `user-db` or `event-db`.
    pub async fn connect(
        url: &str,
        store: &'static str,
        database: Option<&str>,
    ) -> Result<Self, MongoConnectError> {
        let mut options = ClientOptions::parse(url).await.map_err(|error| match *error.kind {
            // A mongodb+srv:// URL is looked up in the DNS as it is read.
            ErrorKind::DnsResolve { message, .. } => MongoConnectError::Unreachable(message),
            _ => MongoConnectError::Url,
        })?;
        options.app_name.get_or_insert_with(|| "guerdon".to_owned());
        options.server_selection_timeout.get_or_insert(CONNECT);
        options.connect_timeout.get_or_insert(CONNECT);
        options.heartbeat_freq.get_or_insert(HEARTBEAT);
        options.max_pool_size.get_or_insert(CONNECTIONS);
        options.write_concern = Some(WriteConcern::majority());
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let name = database.or(options.default_database.as_deref()).unwrap_or(store).to_owned();
        let client = Client::with_options(options).map_err(|_| MongoConnectError::Url)?;
        let mongo = Self {
            store,
            database: client.database(&name),
            limit: STORE_OPERATION,
            searches: Arc::new(Semaphore::new(SEARCHES)),
            figures: StoreFigures::new(store, engine::MONGODB),
        };
        match timeout(START_CONTACT, mongo.reachable()).await {
            Ok(Ok(())) => Ok(mongo),
            Ok(Err(error)) => Err(connect_error(&error)),
            Err(late) => Err(MongoConnectError::Unreachable(late.to_string())),
        }
    }

    /// With another limit to how long an operation may take, where nobody waits for an answer.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// How long an operation may take. Given to the server as well (`max_time`), it ends what nobody waits for any more.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The name operators know this store by.
    pub fn store(&self) -> &'static str {
        self.store
    }

    /// A collection with documents of this type.
    pub fn collection<T: Send + Sync>(&self, name: &str) -> Collection<T> {
        self.database.collection(name)
    }

    /// The database, for commands that no other method has.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Creates indexes that are not there yet. Replicas that start together may do so at the same time.
    pub async fn ensure_indexes(
        &self,
        collection: &str,
        indexes: impl IntoIterator<Item = IndexModel>,
    ) -> Result<(), MongoConnectError> {
        let collection = self.collection::<Document>(collection);
        match timeout(START_CONTACT, collection.create_indexes(indexes).into_future()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(connect_error(&error)),
            Err(late) => Err(MongoConnectError::Unreachable(late.to_string())),
        }
    }

    /// Carries out an operation within the time limit. A write that is cut off may still happen.
    pub async fn run<T>(&self, operation: impl IntoFuture<Output = MongoResult<T>>) -> Result<T, StoreError> {
        self.attempt(operation).await?.map_err(|error| self.failed(error))
    }

    /// The same, where the caller looks at the driver's error first.
    pub async fn attempt<T>(
        &self,
        operation: impl IntoFuture<Output = MongoResult<T>>,
    ) -> Result<MongoResult<T>, StoreError> {
        let is_done = |limited: &Result<MongoResult<T>, Elapsed>| match limited {
            Ok(Ok(_)) => true,
            // That a key is taken is an answer.
            Ok(Err(error)) => is_duplicate(error),
            Err(_) => false,
        };
        let limited = timeout(self.limit, operation.into_future());
        let limited = self.figures.measure("request", limited, is_done).await;
        limited.map_err(|late| StoreError::unavailable(self.store, late))
    }

    /// Bounds a verb of several operations as a whole, so that its caller is answered in time.
    pub async fn in_time<T>(
        &self,
        verb: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(self.limit, verb).await.unwrap_or_else(|late| Err(StoreError::unavailable(self.store, late)))
    }

    /// An insert or upsert under a unique key: whether it was done, or the key was taken.
    pub async fn unless_taken<T>(
        &self,
        operation: impl IntoFuture<Output = MongoResult<T>>,
    ) -> Result<Option<T>, StoreError> {
        match self.attempt(operation).await? {
            Ok(done) => Ok(Some(done)),
            Err(error) if is_duplicate(&error) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// All documents a query finds; its limit bounds their number.
    pub async fn all<T>(
        &self,
        find: impl IntoFuture<Output = MongoResult<mongodb::Cursor<T>>>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: DeserializeOwned + Send + Unpin,
    {
        let find = find.into_future();
        self.run(async { find.await?.try_collect().await }).await
    }

    /// The same for what walks through many documents. Few searches run at once; one whose turn does not come within the
    /// time limit, which includes its work, is unavailable.
    pub async fn search<T>(
        &self,
        find: impl IntoFuture<Output = MongoResult<mongodb::Cursor<T>>>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: DeserializeOwned + Send + Unpin,
    {
        self.in_turn(Box::pin(self.all(find))).await
    }

    /// The same for what only counts documents.
    pub async fn count(&self, count: impl IntoFuture<Output = MongoResult<u64>>) -> Result<u64, StoreError> {
        self.in_turn(self.run(count)).await
    }

    /// Waits for the turn of a search and carries it out, both within the time limit.
    async fn in_turn<T>(&self, search: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let search = async {
            let _turn = self.searches.acquire().await.map_err(|closed| self.unavailable(closed))?;
            search.await
        };
        let limited = timeout_at(Instant::now() + self.limit, search).await;
        limited.unwrap_or_else(|late| Err(self.unavailable(late)))
    }

    /// A document as the majority has it now (read concern `linearizable`): a primary that was deposed without knowing it
    /// cannot answer. For the few reads on which rights depend; the filter must name one document.
    pub async fn find_one_linearizable<T>(
        &self,
        collection: &Collection<T>,
        filter: Document,
    ) -> Result<Option<T>, StoreError>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let find = collection.find_one(filter).read_concern(ReadConcern::linearizable());
        self.run(find.max_time(self.limit)).await
    }

    /// Whether the server belongs to a replica set or speaks for a sharded cluster (`hello`). One that stands alone refuses
    /// the read concern `linearizable`, and needs none.
    pub async fn has_replicas(&self) -> Result<bool, MongoConnectError> {
        let hello = self.database.run_command(doc! { "hello": 1 }).into_future();
        match timeout(START_CONTACT, hello).await {
            Ok(Ok(hello)) => {
                Ok(hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid"))
            }
            Ok(Err(error)) => Err(connect_error(&error)),
            Err(late) => Err(MongoConnectError::Unreachable(late.to_string())),
        }
    }

    fn unavailable(&self, reason: impl std::error::Error + Send + Sync + 'static) -> StoreError {
        StoreError::unavailable(self.store, reason)
    }

    /// The driver's error as the ports know it.
    pub fn failed(&self, error: Error) -> StoreError {
        match *error.kind {
            ErrorKind::Bson(_) | ErrorKind::BsonDeserialization(_) => StoreError::corrupt(self.store, error),
            _ => StoreError::unavailable(self.store, error),
        }
    }

    /// Reads, since a server may answer a ping to those who may not read. Finds nothing, by the primary key.
    async fn reachable(&self) -> MongoResult<()> {
        let nothing = doc! { "_id": Bson::Null };
        self.collection::<Document>(READINESS).find_one(nothing).await.map(drop)
    }

    /// A write that the majority must confirm.
    async fn writable(&self) -> MongoResult<()> {
        let collection = self.collection::<Document>(READINESS);
        let count = collection.update_one(doc! { "_id": self.store }, doc! { "$inc": { "checks": 1_i64 } });
        match count.upsert(true).await {
            // Another replica was the first to write, at the same moment.
            Err(error) if is_duplicate(&error) => Ok(()),
            written => written.map(drop),
        }
    }
}

#[async_trait]
impl Dependency for Mongo {
    fn name(&self) -> &'static str {
        self.store
    }

    async fn answers(&self) -> bool {
        matches!(timeout(CONNECT, self.writable()).await, Ok(Ok(())))
    }
}

#[async_trait]
impl StoreConnection for Mongo {
    /// Operations under way end first.
    async fn close(&self) {
        self.searches.close();
        self.database.client().clone().shutdown().await;
    }
}
