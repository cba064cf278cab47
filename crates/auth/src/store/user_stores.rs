use std::{path::Path, sync::Arc};

use service_kit::health::Dependency;
use store_kit::{
    connection::StoreConnection, mongo::MongoConnectError, postgres::PostgresConnectError,
    readiness::CachedReadiness, sqlite::OpenError,
};

use super::{
    ApiKeyStore, ApiKeyTransfer, AuditStore, MongoUserDb, RefreshTokenStore, SqlUserDb, UserStore,
    UserTransfer,
};

/// user-db by the ports it is used through. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UserStores {
    /// The registered users.
    pub users: Arc<dyn UserStore>,
    /// Their refresh tokens.
    pub refresh_tokens: Arc<dyn RefreshTokenStore>,
    /// The API keys.
    pub api_keys: Arc<dyn ApiKeyStore>,
    /// What staff, servers and the command line changed.
    pub audit: Arc<dyn AuditStore>,
    /// Moves users to another store.
    pub transfer: Arc<dyn UserTransfer>,
    /// Moves API keys to another store.
    pub key_transfer: Arc<dyn ApiKeyTransfer>,
    /// Whether the store does its work: asked by writing, at most once a second.
    pub readiness: Arc<CachedReadiness>,
    /// To be closed when nothing asks any more.
    pub connection: Arc<dyn StoreConnection>,
}

impl UserStores {
    /// Opens or creates a SQLite file and brings its tables up to date.
    pub async fn open_sqlite(path: &Path) -> Result<Self, OpenError> {
        SqlUserDb::open(path).await.map(|db| Self::new(db.connection(), db.audit_log(), db))
    }

    /// Connects to a PostgreSQL database, `postgres://…`, and brings its tables up to date.
    pub async fn connect_postgres(url: &str) -> Result<Self, PostgresConnectError> {
        SqlUserDb::connect(url).await.map(|db| Self::new(db.connection(), db.audit_log(), db))
    }

    /// Connects to MongoDB, `mongodb://…`, and creates the indexes that are missing. The database is the given one, else
    /// the one in the URL, else `user-db`.
    pub async fn connect_mongo(url: &str, database: Option<&str>) -> Result<Self, MongoConnectError> {
        let db = MongoUserDb::connect(url, database).await?;
        Ok(Self::new(db.connection(), db.audit_log(), db))
    }

    fn new<T>(connection: Arc<dyn StoreConnection>, audit: Arc<dyn AuditStore>, db: T) -> Self
    where
        T: UserStore + RefreshTokenStore + ApiKeyStore + UserTransfer + ApiKeyTransfer + Dependency + 'static,
    {
        let db = Arc::new(db);
        Self {
            users: Arc::<T>::clone(&db),
            refresh_tokens: Arc::<T>::clone(&db),
            api_keys: Arc::<T>::clone(&db),
            audit,
            transfer: Arc::<T>::clone(&db),
            key_transfer: Arc::<T>::clone(&db),
            readiness: Arc::new(CachedReadiness::new(db)),
            connection,
        }
    }
}
