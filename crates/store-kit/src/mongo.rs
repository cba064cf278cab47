//! MongoDB as every adapter uses it: a client with time limits, and its errors as the ports know them.
//!
//! Only what any MongoDB-compatible server has is used: no transactions, change streams, pipeline updates or collation.
//! Writes wait for the majority; reads go to the primary, so that they see every write that was acknowledged.

use std::{collections::HashSet, future::IntoFuture, time::Duration};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use mongodb::{
    Client, Collection, Database, IndexModel,
    bson::{Bson, DateTime, Document, doc, oid},
    error::{Error, ErrorKind, Result as MongoResult, WriteFailure},
    options::{ClientOptions, IndexOptions, SelectionCriteria, WriteConcern},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{error::Elapsed, timeout};

use service_kit::health::Dependency;

use crate::error::StoreError;

/// How long an operation may take, so that callers are answered within two seconds when the server is not.
const OPERATION_TIMEOUT: Duration = Duration::from_millis(1500);
/// How long a step of moving data in bulk may take.
const BULK_TIMEOUT: Duration = Duration::from_mins(1);
/// How long to look for a usable server before an operation fails.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the first contact at start-up may take.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the server is looked after: a lost one is noticed, and found again, within this time.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Work is gathered into few round trips, so that few connections are enough.
const CONNECTIONS: u32 = 64;

/// Another document has the same unique key (`DuplicateKey`).
const DUPLICATE_KEY: i32 = 11000;
/// `AuthenticationFailed`, `Unauthorized`.
const REFUSED: [i32; 2] = [18, 13];

/// Why a store could not be used at start-up. The URL is never repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum MongoConnectError {
    /// The URL does not read.
    #[error(
        "is not a MongoDB URL: mongodb://user:password@host:port/database, special characters percent-encoded"
    )]
    Url,
    /// The server refuses the credentials, or their user may not do what is needed.
    #[error("names a MongoDB server that refuses its credentials: {0}")]
    Credentials(String),
    /// No server answers.
    #[error("names a MongoDB server that cannot be reached: {0}")]
    Unreachable(String),
}

/// A database on a MongoDB server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mongo {
    store: &'static str,
    database: Database,
    limit: Duration,
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
        options.server_selection_timeout.get_or_insert(SELECTION_TIMEOUT);
        options.connect_timeout.get_or_insert(SELECTION_TIMEOUT);
        options.heartbeat_freq.get_or_insert(HEARTBEAT);
        options.max_pool_size.get_or_insert(CONNECTIONS);
        options.write_concern = Some(WriteConcern::majority());
        options.selection_criteria =
            Some(SelectionCriteria::ReadPreference(mongodb::options::ReadPreference::Primary));
        let name = database.or(options.default_database.as_deref()).unwrap_or(store).to_owned();
        let client = Client::with_options(options).map_err(|_| MongoConnectError::Url)?;
        let mongo = Self { store, database: client.database(&name), limit: OPERATION_TIMEOUT };
        match timeout(START_TIMEOUT, mongo.reachable()).await {
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
        match timeout(START_TIMEOUT, collection.create_indexes(indexes).into_future()).await {
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
        let limited: Result<_, Elapsed> = timeout(self.limit, operation.into_future()).await;
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

    async fn run_in_bulk<T>(
        &self,
        operation: impl IntoFuture<Output = MongoResult<T>>,
    ) -> Result<T, StoreError> {
        let limited = timeout(BULK_TIMEOUT, operation.into_future()).await;
        limited.map_err(|late| StoreError::unavailable(self.store, late))?.map_err(|error| self.failed(error))
    }

    /// Inserts the documents that are not there yet. Those whose unique key another document has are left out.
    pub async fn insert_missing<T>(
        &self,
        collection: &Collection<T>,
        mut documents: Vec<(oid::ObjectId, T)>,
    ) -> Result<(), StoreError>
    where
        T: Serialize + Send + Sync,
    {
        while !documents.is_empty() {
            let insert = collection.insert_many(documents.iter().map(|(_, document)| document)).ordered(true);
            let inserted = timeout(BULK_TIMEOUT, insert.into_future()).await;
            let inserted = inserted.map_err(|late| StoreError::unavailable(self.store, late))?;
            let Err(error) = inserted else { return Ok(()) };
            let Some(taken) = first_duplicate(&error) else { return Err(self.failed(error)) };
            // It ended there. Where one is there others may be: one look for all of them.
            documents.drain(..=taken.min(documents.len() - 1));
            let there = self.ids_there(collection, documents.iter().map(|(id, _)| *id).collect()).await?;
            documents.retain(|(id, _)| !there.contains(id));
        }
        Ok(())
    }

    async fn ids_there<T: Send + Sync>(
        &self,
        collection: &Collection<T>,
        ids: Vec<oid::ObjectId>,
    ) -> Result<HashSet<oid::ObjectId>, StoreError> {
        let there = collection.clone_with_type::<Document>();
        let there = there.find(doc! { "_id": { "$in": ids } }).projection(doc! { "_id": 1 });
        let there: Vec<_> = self.stream(there).try_collect().await?;
        Ok(there.iter().filter_map(|document| document.get_object_id("_id").ok()).collect())
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
        self.collection::<Document>("readiness").find_one(nothing).await.map(drop)
    }
}

#[async_trait]
impl Dependency for Mongo {
    fn name(&self) -> &'static str {
        self.store
    }

    async fn answers(&self) -> bool {
        matches!(timeout(SELECTION_TIMEOUT, self.reachable()).await, Ok(Ok(())))
    }
}

/// An ascending or descending index over these fields.
pub fn index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}

/// An index that allows each combination of these fields once.
pub fn unique_index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().unique(true).build()).build()
}

/// Whether a server's code says that another document has the unique key.
pub fn is_duplicate_code(code: i32) -> bool {
    code == DUPLICATE_KEY
}

/// Whether the error says that another document has the unique key.
pub fn is_duplicate(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(write)) => is_duplicate_code(write.code),
        ErrorKind::Command(command) => is_duplicate_code(command.code),
        ErrorKind::InsertMany(many) => {
            let errors = many.write_errors.as_deref().unwrap_or_default();
            !errors.is_empty() && errors.iter().all(|error| is_duplicate_code(error.code))
        }
        _ => false,
    }
}

/// Which document of an ordered insert ended it, if its unique key was the reason and all before it are stored.
fn first_duplicate(error: &Error) -> Option<usize> {
    match &*error.kind {
        ErrorKind::InsertMany(many) if many.write_concern_error.is_none() && is_duplicate(error) => {
            many.write_errors.iter().flatten().map(|error| error.index).min()
        }
        _ => None,
    }
}

fn connect_error(error: &Error) -> MongoConnectError {
    match &*error.kind {
        ErrorKind::Authentication { message, .. } => MongoConnectError::Credentials(message.clone()),
        ErrorKind::Command(command) if REFUSED.contains(&command.code) => {
            MongoConnectError::Credentials(command.message.clone())
        }
        // The kind alone: the error itself also shows labels and causes that say nothing to an operator.
        kind => MongoConnectError::Unreachable(kind.to_string()),
    }
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
