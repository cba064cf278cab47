use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use futures::FutureExt;
use sqlx::{
    ConnectOptions, SqliteConnection,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use service_kit::{
    budget::{CONNECT, STORE_OPERATION},
    health::Dependency,
};
use tokio::time::timeout;

use super::{
    ConnectionOpener, FileWatch, OpenError, WriteQueue, close_quietly, file::DatabaseFile,
    readers::ReaderPool,
};
use crate::{
    changes::ChangeWatch, connection::StoreConnection, error::StoreError, readiness, sql::WorkFuture,
};

/// Connections for looking things up. SQLite reads on a thread for each, so a few use the cores up.
const LOOK_UP_READERS: usize = 3;
/// Connections for searching. With their own, however many search, look-ups go on.
const SEARCH_READERS: usize = 1;

/// An open database file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sqlite {
    store: &'static str,
    look_ups: Arc<ReaderPool>,
    searches: Arc<ReaderPool>,
    watch: Arc<FileWatch>,
    writes: WriteQueue<SqliteConnection>,
    opener: SqliteOpener,
}

#[derive(Clone)]
struct SqliteOpener(ConnectionOpener<SqliteConnection>);

impl std::fmt::Debug for SqliteOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteOpener")
    }
}

impl Sqlite {
    /// Opens or creates the file (readable by its owner only), migrates it and starts its writer's task.
    ///
    /// `store` is the name operators know it by: `user-db` or `event-db`.
    pub async fn open(path: &Path, store: &'static str, migrator: &Migrator) -> Result<Self, OpenError> {
        let open_error = |source| OpenError::Open { path: path.to_owned(), source };
        let file = DatabaseFile::create_or_find(path).map_err(|error| open_error(error.into()))?;
        let file = Arc::new(file);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(STORE_OPERATION);
        let mut writer = options.connect().await.map_err(open_error)?;
        migrator
            .run(&mut writer)
            .await
            .map_err(|source| OpenError::Migrate { path: path.to_owned(), source })?;
        sqlx::query(readiness::CREATE_TABLE).execute(&mut writer).await.map_err(open_error)?;
        let readers = options.clone().pragma("query_only", "on");
        let pool = |size| Arc::new(ReaderPool::new(store, Arc::clone(&file), readers.clone(), size));
        let opener: ConnectionOpener<_> = Arc::new(move || {
            let options = options.clone();
            async move { options.connect().await }.boxed()
        });
        Ok(Self {
            store,
            look_ups: pool(LOOK_UP_READERS),
            searches: pool(SEARCH_READERS),
            watch: Arc::new(FileWatch::open(path).map_err(open_error)?),
            writes: WriteQueue::start(store, file, writer, Arc::clone(&opener)),
            opener: SqliteOpener(opener),
        })
    }

    /// The name operators know this store by.
    pub fn store(&self) -> &'static str {
        self.store
    }

    /// Tells whether anything was committed to the file, by this process or another.
    pub fn changes(&self) -> Arc<dyn ChangeWatch> {
        Arc::<FileWatch>::clone(&self.watch)
    }

    /// Reads what an index leads to. Sees everything that was acknowledged before. Ends within
    /// [`STORE_OPERATION`]: what takes longer is interrupted and unavailable.
    pub async fn look_up<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> WorkFuture<'c, T> + Send,
    {
        self.look_ups.read(work).await
    }

    /// The same for what has to walk through many rows. Searches wait for each other and not for look-ups, nor these for
    /// them; one that finds no connection in time is unavailable.
    pub async fn search<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> WorkFuture<'c, T> + Send,
    {
        self.searches.read(work).await
    }

    /// Runs a write as part of the next group and returns once that group is durable. All of it is stored or nothing.
    /// It is carried out even if the caller stops waiting.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> WorkFuture<'c, T> + Send + 'static,
    {
        self.writes.write(work).await
    }

    /// A connection of its own reads the file anew: those that are open may know it from memory.
    async fn read_afresh(&self) -> Result<(), sqlx::Error> {
        let mut connection = (self.opener.0)().await?;
        let read = sqlx::query(readiness::READ_CHECK).fetch_one(&mut connection).await;
        close_quietly(self.store, connection).await;
        read.map(drop)
    }
}

#[async_trait]
impl Dependency for Sqlite {
    fn name(&self) -> &'static str {
        self.store
    }

    /// A write that must reach the disk, and a look into the file.
    async fn answers(&self) -> bool {
        let write =
            self.write(|connection| Box::pin(sqlx::query(readiness::COUNT_CHECK).execute(connection)));
        write.await.is_ok() && matches!(timeout(CONNECT, self.read_afresh()).await, Ok(Ok(())))
    }
}

#[async_trait]
impl StoreConnection for Sqlite {
    async fn close(&self) {
        self.look_ups.close().await;
        self.searches.close().await;
        self.watch.close();
        self.writes.close().await;
    }
}
