//! A relational store: the same statements on SQLite and on PostgreSQL, through sqlx's driver for any of them.
//!
//! What differs lives behind [`Sql::open`] and [`Sql::connect`]: SQLite groups writes into its one writer's transactions,
//! PostgreSQL has a transaction each on a connection of its pool.

use std::{fmt, future::Future, path::Path, pin::Pin, sync::Arc};

use async_trait::async_trait;
use service_kit::{
    budget::{CONNECT, STORE_OPERATION},
    health::Dependency,
};
use sqlx::{Any, AnyConnection, AnyPool, Connection, migrate::Migrator, pool::PoolConnection};
use tokio::time::timeout;
use tracing::Instrument;

use crate::{
    changes::{ChangeWatch, Unwatched},
    connection::StoreConnection,
    error::StoreError,
    postgres::{self, PostgresConnectError},
    readiness,
    sqlite::{AnyFile, ConnectionOpener, FileWatch, OpenError, WriteQueue, open_any},
    store_figures::{StoreFigures, engine},
};

/// What work on a connection returns while it runs.
pub type WorkFuture<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// An open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sql {
    store: &'static str,
    pool: AnyPool,
    writes: WritePath,
    figures: StoreFigures,
}

#[derive(Clone)]
enum WritePath {
    /// By one writer, in groups; the pool is for reading.
    Grouped(GroupedFile),
    /// Each on a connection of the pool.
    Pooled,
}

/// A file with its one writer.
#[derive(Clone)]
struct GroupedFile {
    writes: WriteQueue<AnyConnection>,
    opener: ConnectionOpener<AnyConnection>,
    watch: Arc<FileWatch>,
}

impl fmt::Debug for WritePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grouped(..) => "Grouped",
            Self::Pooled => "Pooled",
        })
    }
}

impl Sql {
    /// Opens or creates a SQLite file (readable by its owner only), migrates it and starts its writer's task.
    ///
    /// `store` is the name operators know it by: `user-db`.
    pub async fn open(path: &Path, store: &'static str, migrator: &Migrator) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        let AnyFile { readers, writer, opener, file, watch } = open_any(path, migrator).await?;
        let writes = WriteQueue::start(store, file, writer, Arc::clone(&opener));
        Ok(Self {
            store,
            pool: readers,
            writes: WritePath::Grouped(GroupedFile { writes, opener, watch }),
            figures: StoreFigures::new(store, engine::SQLITE),
        })
    }

    /// Connects to the PostgreSQL database of this URL and migrates it. Replicas may do so at the same time.
    pub async fn connect(
        url: &str,
        store: &'static str,
        migrator: &Migrator,
    ) -> Result<Self, PostgresConnectError> {
        sqlx::any::install_default_drivers();
        let pool = postgres::connect(url, migrator).await?;
        Ok(Self {
            store,
            pool,
            writes: WritePath::Pooled,
            figures: StoreFigures::new(store, engine::POSTGRESQL),
        })
    }

    /// Tells whether anything was committed to a file, by this process or another; a server cannot tell
    /// without being asked.
    pub fn changes(&self) -> Arc<dyn ChangeWatch> {
        match &self.writes {
            WritePath::Grouped(file) => Arc::<FileWatch>::clone(&file.watch),
            WritePath::Pooled => Arc::new(Unwatched),
        }
    }

    /// Reads within the time limit. Sees every write that was acknowledged before.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut AnyConnection) -> WorkFuture<'c, T> + Send,
    {
        self.limited("read", async {
            let mut lease = PoolLease::acquire(&self.pool).await?;
            let result = work(lease.connection()?).await;
            lease.give_back();
            result
        })
        .await
    }

    /// Runs a write and returns once it is durable. All of it is stored or nothing; where that cannot be known, because
    /// the answer to the commit was lost, it counts as a failure.
    /// It is carried out even if the caller stops waiting.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> WorkFuture<'c, T> + Send + 'static,
    {
        match &self.writes {
            WritePath::Grouped(file) => file.writes.write(work).await,
            WritePath::Pooled => {
                let db = self.clone();
                let write = async move { db.limited("write", run_transaction(&db.pool, work)).await };
                let written = tokio::spawn(write.in_current_span());
                written.await.map_err(|error| StoreError::unavailable(self.store, error))?
            }
        }
    }

    async fn limited<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        let limited = timeout(STORE_OPERATION, work);
        match self.figures.measure(operation, limited, |limited| matches!(limited, Ok(Ok(_)))).await {
            Ok(result) => result.map_err(|error| store_error(self.store, error.into())),
            Err(late) => Err(StoreError::unavailable(self.store, late)),
        }
    }
}

#[async_trait]
impl Dependency for Sql {
    fn name(&self) -> &'static str {
        self.store
    }

    /// A write that must reach the disk, and a look at what it wrote; a file is read anew for it.
    async fn answers(&self) -> bool {
        let write =
            self.write(|connection| Box::pin(sqlx::query(readiness::COUNT_CHECK).execute(connection)));
        if write.await.is_err() {
            return false;
        }
        match &self.writes {
            WritePath::Grouped(file) => {
                matches!(timeout(CONNECT, read_afresh(&file.opener)).await, Ok(Ok(())))
            }
            WritePath::Pooled => {
                let read = self
                    .read(|connection| Box::pin(sqlx::query(readiness::READ_CHECK).fetch_one(connection)));
                read.await.is_ok()
            }
        }
    }
}

#[async_trait]
impl StoreConnection for Sql {
    async fn close(&self) {
        self.pool.close().await;
        if let WritePath::Grouped(file) = &self.writes {
            file.watch.close();
            file.writes.close().await;
        }
    }
}

/// Connections that are open may know a file from memory.
async fn read_afresh(opener: &ConnectionOpener<AnyConnection>) -> Result<(), sqlx::Error> {
    let mut connection = opener().await?;
    let read = sqlx::query(readiness::READ_CHECK).fetch_one(&mut connection).await;
    connection.close().await?;
    read.map(drop)
}

async fn run_transaction<T, F>(pool: &AnyPool, work: F) -> Result<T, sqlx::Error>
where
    F: for<'c> FnOnce(&'c mut AnyConnection) -> WorkFuture<'c, T> + Send,
{
    let mut lease = PoolLease::acquire(pool).await?;
    let result = async {
        let mut transaction = lease.connection()?.begin().await?;
        match work(&mut transaction).await {
            Ok(value) => transaction.commit().await.map(|()| value),
            Err(error) => {
                transaction.rollback().await?;
                Err(error)
            }
        }
    }
    .await;
    lease.give_back();
    result
}

/// A connection in use. Given back it serves others; dropped half-way, which is what a time limit does, it is closed:
/// what it waits for may never come, and the pool would wait with it.
struct PoolLease(Option<PoolConnection<Any>>);

impl PoolLease {
    async fn acquire(pool: &AnyPool) -> Result<Self, sqlx::Error> {
        pool.acquire().await.map(|connection| Self(Some(connection)))
    }

    fn connection(&mut self) -> Result<&mut AnyConnection, sqlx::Error> {
        self.0.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// As dropping a pooled connection does, but for the time limit: the connection is tested on its way back.
    fn give_back(mut self) {
        if let Some(mut connection) = self.0.take() {
            tokio::spawn(async move { timeout(CONNECT, connection.return_to_pool()).await });
        }
    }
}

impl Drop for PoolLease {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

/// A driver's error as the ports know it.
pub(crate) fn store_error(store: &'static str, error: Arc<sqlx::Error>) -> StoreError {
    match *error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::TypeNotFound { .. } => {
            StoreError::corrupt(store, SharedError(error))
        }
        _ => StoreError::unavailable(store, SharedError(error)),
    }
}

/// A driver's error that several callers of one group share.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct SharedError(Arc<sqlx::Error>);
