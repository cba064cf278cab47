//! Opens the stores that the settings name: the only place that knows which adapter stands behind which port.

use std::{sync::Arc, time::Duration};

use auth::store::{AccessTokenStore, MemoryTokenDb, RedisTokenDb, UserStores};
use domain::Clock;
use event_store::Stores;
use futures::future::join_all;
use service_kit::health::Dependency;
use store_kit::{
    connection::StoreConnection,
    mongo, postgres,
    readiness::CachedReadiness,
    redis::{self, Redis},
    sqlite::OpenError,
};
use tokio::time::Instant;

use crate::{
    data_folder::{DataFolderError, open_data_folder},
    settings::StoreSettings,
    store_url::{EventDatabase, External, TokenDatabase, UnknownStore, UserDatabase},
};

/// How long a store that does not answer yet is waited for: what starts together comes up in any order.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(250);

/// Why a store cannot be used. Says which variable names it, never what the variable holds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoresError {
    #[error(transparent)]
    Unknown(#[from] UnknownStore),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error("{variable} {source}")]
    Connect { variable: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

impl StoresError {
    /// The same, of a store that a command's flag names and not a variable.
    pub(crate) fn of(self, flag: &'static str) -> Self {
        match self {
            Self::Unknown(unknown) => Self::Unknown(unknown.of(flag)),
            Self::Connect { source, .. } => Self::Connect { variable: flag, source },
            Self::Open(_) | Self::DataFolder(_) => self,
        }
    }
}

/// Opens user-db, a file or a server, and brings it up to date.
pub(crate) async fn open_user_db(settings: &StoreSettings) -> Result<UserStores, StoresError> {
    match settings.user_db()? {
        UserDatabase::Sqlite(path) => {
            open_data_folder(&settings.data_dir)?;
            Ok(UserStores::open_sqlite(&path).await?)
        }
        UserDatabase::Postgres(external) => {
            connect(&external, no_postgres, async |url| UserStores::connect_postgres(url).await).await
        }
        UserDatabase::Mongo(external) => {
            let database = external.database;
            connect(&external, no_mongo, async |url| UserStores::connect_mongo(url, database).await).await
        }
    }
}

/// Opens event-db, a file or a server, and brings it up to date.
pub(crate) async fn open_event_db(settings: &StoreSettings) -> Result<Stores, StoresError> {
    match settings.event_db()? {
        EventDatabase::Sqlite(path) => {
            open_data_folder(&settings.data_dir)?;
            Ok(Stores::open_sqlite(&path).await?)
        }
        EventDatabase::Mongo(external) => {
            let database = external.database;
            connect(&external, no_mongo, async |url| Stores::connect_mongo(url, database).await).await
        }
    }
}

/// Access tokens.
pub(crate) struct TokenDb {
    pub(crate) access_tokens: Arc<dyn AccessTokenStore>,
    pub(crate) dependency: Arc<dyn Dependency>,
    /// Whether they are in the memory of this process, where looking them up costs nothing.
    pub(crate) in_memory: bool,
}

impl TokenDb {
    /// Over the Redis this process is connected to, else in its memory.
    pub(crate) fn over(redis: Option<&Redis>, clock: &Arc<dyn Clock>) -> Self {
        if let Some(redis) = redis {
            let db = Arc::new(RedisTokenDb::new(redis.clone()));
            let access_tokens = Arc::<RedisTokenDb>::clone(&db);
            return Self { access_tokens, dependency: Arc::new(CachedReadiness::new(db)), in_memory: false };
        }
        let db = Arc::new(MemoryTokenDb::new(Arc::clone(clock)));
        Self { access_tokens: Arc::<MemoryTokenDb>::clone(&db), dependency: db, in_memory: true }
    }
}

/// Connects to token-db where that is Redis.
pub(crate) async fn connect_redis(settings: &StoreSettings) -> Result<Option<Redis>, StoresError> {
    match settings.token_db()? {
        TokenDatabase::Memory => Ok(None),
        TokenDatabase::Redis(external) => {
            connect(&external, no_redis, async |url| Redis::connect(url, "token-db").await).await.map(Some)
        }
    }
}

/// Closes stores that nobody asks any more. The last process that closes a SQLite file brings its journal into it.
pub(crate) async fn close_stores(stores: &[Arc<dyn StoreConnection>]) {
    join_all(stores.iter().map(|store| store.close())).await;
}

/// Connects, waiting for a store that cannot be reached yet, but not for one that refuses.
async fn connect<T, E>(
    external: &External,
    cannot_be_reached: fn(&E) -> bool,
    attempt: impl AsyncFn(&str) -> Result<T, E>,
) -> Result<T, StoresError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let variable = external.variable;
    let deadline = Instant::now() + PATIENCE;
    let mut waiting = false;
    loop {
        match attempt(external.url.expose()).await {
            Ok(connected) => return Ok(connected),
            Err(error) if cannot_be_reached(&error) && Instant::now() < deadline => {
                if !waiting {
                    tracing::warn!(variable, "a store cannot be reached yet: waiting for it");
                }
                waiting = true;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(StoresError::Connect { variable, source: error.into() }),
        }
    }
}

fn no_mongo(error: &mongo::MongoConnectError) -> bool {
    matches!(error, mongo::MongoConnectError::Unreachable(_))
}

fn no_postgres(error: &postgres::PostgresConnectError) -> bool {
    matches!(error, postgres::PostgresConnectError::Unreachable(_))
}

fn no_redis(error: &redis::RedisConnectError) -> bool {
    matches!(error, redis::RedisConnectError::Unreachable(_))
}
