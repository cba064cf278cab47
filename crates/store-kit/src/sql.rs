//! A relational store: the same statements on SQLite and on PostgreSQL, through sqlx's driver for any of them.
//!
//! What differs lives behind [`Sql::open`] and [`Sql::connect`]: SQLite groups writes into its one writer's transactions,
//! PostgreSQL has a transaction each on a connection of its pool.

use std::{future::Future, path::Path, pin::Pin, sync::Arc, time::Duration};

use sqlx::{Any, AnyConnection, AnyPool, Connection, migrate::Migrator, pool::PoolConnection};
use tokio::time::timeout;

use crate::{
    error::StoreError,
    postgres::{self, PostgresConnectError},
    sqlite::{OpenError, WriteQueue, open_any},
};

/// How long reading, or writing where writes have a connection each, may take: callers are answered within two seconds.
pub(crate) const OPERATION_TIMEOUT: Duration = Duration::from_millis(1500);
/// How long a connection may take to become free for the next.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);

/// What work on a connection returns while it runs.
pub type WorkFuture<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// An open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sql {
    store: &'static str,
    pool: AnyPool,
    writes: Writes,
}

#[derive(Debug, Clone)]
enum Writes {
    /// By one writer, in groups; the pool is for reading.
    Grouped(WriteQueue<AnyConnection>),
    /// Each on a connection of the pool.
    Pooled,
}

impl Sql {
    /// Opens or creates a SQLite file (readable by its owner only), migrates it and starts its writer.
    ///
    /// `store` is the name operators know it by: `user-db`.
    pub async fn open(path: &Path, store: &'static str, migrator: &Migrator) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        let (pool, writer, reopen) = open_any(path, migrator).await?;
        Ok(Self { store, pool, writes: Writes::Grouped(WriteQueue::start(store, writer, reopen)) })
    }

    /// Connects to the PostgreSQL database of this URL and migrates it. Replicas may do so at the same time.
    pub async fn connect(
        url: &str,
        store: &'static str,
        migrator: &Migrator,
    ) -> Result<Self, PostgresConnectError> {
        sqlx::any::install_default_drivers();
        let pool = postgres::connect(url, migrator).await?;
        Ok(Self { store, pool, writes: Writes::Pooled })
    }

    /// Reads within the time limit. Sees every write that was acknowledged before.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut AnyConnection) -> WorkFuture<'c, T> + Send,
    {
        self.limited(async {
            let mut lease = Lease::of(&self.pool).await?;
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
            Writes::Grouped(queue) => queue.write(work).await,
            Writes::Pooled => {
                let db = self.clone();
                let written = tokio::spawn(async move { db.limited(transact(&db.pool, work)).await });
                written.await.map_err(|error| StoreError::unavailable(self.store, error))?
            }
        }
    }

    async fn limited<T>(
        &self,
        operation: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        match timeout(OPERATION_TIMEOUT, operation).await {
            Ok(result) => result.map_err(|error| failed(self.store, error.into())),
            Err(late) => Err(StoreError::unavailable(self.store, late)),
        }
    }
}

async fn transact<T, F>(pool: &AnyPool, work: F) -> Result<T, sqlx::Error>
where
    F: for<'c> FnOnce(&'c mut AnyConnection) -> WorkFuture<'c, T> + Send,
{
    let mut lease = Lease::of(pool).await?;
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
struct Lease(Option<PoolConnection<Any>>);

impl Lease {
    async fn of(pool: &AnyPool) -> Result<Self, sqlx::Error> {
        pool.acquire().await.map(|connection| Self(Some(connection)))
    }

    fn connection(&mut self) -> Result<&mut AnyConnection, sqlx::Error> {
        self.0.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// As dropping a pooled connection does, but for the time limit: the connection is tested on its way back.
    fn give_back(mut self) {
        if let Some(mut connection) = self.0.take() {
            tokio::spawn(async move { timeout(RELEASE_TIMEOUT, connection.return_to_pool()).await });
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

/// A driver's error as the ports know it.
pub(crate) fn failed(store: &'static str, error: Arc<sqlx::Error>) -> StoreError {
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
