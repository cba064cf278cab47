//! An embedded store: SQLite with one writer that groups waiting writes into a transaction, and readers beside it.
//!
//! WAL lets readers go on while the writer writes. `synchronous=FULL` makes every commit durable before it is
//! acknowledged; grouping is what makes that affordable.

use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot};

use crate::{health::Dependency, store::StoreError};

/// Most writes in one transaction.
const GROUP: usize = 256;
/// Most writes waiting; more are refused as unavailable rather than kept waiting for long.
const WAITING: usize = 8192;
/// Readers besides the writer. SQLite reads on the calling connection's thread, so a few use the cores up.
const READERS: u32 = 4;
/// How long to wait for another process's write (`guerdon user create` beside a running service), or for a reader:
/// callers are to be told within two seconds that something is down.
const BUSY_TIMEOUT: Duration = Duration::from_millis(1500);

/// Why a file could not be opened as a store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened or is no SQLite database.
    #[error("cannot open {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// Its tables cannot be brought up to date.
    #[error("cannot migrate {path}: {source}")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: MigrateError,
    },
}

/// An open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sqlite {
    store: &'static str,
    readers: SqlitePool,
    queue: mpsc::Sender<Box<dyn Write>>,
}

/// What a write returns while it runs.
pub type WriteFuture<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

impl Sqlite {
    /// Opens or creates the file (readable by its owner only), migrates it and starts its writer.
    ///
    /// `store` is the name operators know it by: `user-db` or `event-db`.
    pub async fn open(path: &Path, store: &'static str, migrator: &Migrator) -> Result<Self, OpenError> {
        let open_error = |source| OpenError::Open { path: path.to_owned(), source };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        create_private(path).map_err(|error| open_error(sqlx::Error::Io(error)))?;
        let mut writer = options.clone().connect().await.map_err(open_error)?;
        migrator
            .run(&mut writer)
            .await
            .map_err(|source| OpenError::Migrate { path: path.to_owned(), source })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options.pragma("query_only", "on"))
            .await
            .map_err(open_error)?;
        let (queue, waiting) = mpsc::channel(WAITING);
        tokio::spawn(write_groups(store, writer, waiting));
        Ok(Self { store, readers, queue })
    }

    /// The name operators know this store by.
    pub fn store(&self) -> &'static str {
        self.store
    }

    /// Connections for reading. They see everything that was committed.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Runs a write as part of the next group and returns once that group is durable. All of it is stored or nothing.
    /// It is carried out even if the caller stops waiting.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> WriteFuture<'c, T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let write = Box::new(Pending { work: Some(work), result: None, reply });
        self.queue
            .try_send(write)
            .map_err(|_| StoreError::unavailable(self.store, "too many writes are waiting"))?;
        answer
            .await
            .map_err(|_| StoreError::unavailable(self.store, "the writer has stopped"))?
            .map_err(|error| self.failed(error))
    }

    /// A reader's failure as the ports know it.
    pub fn failed(&self, error: impl Into<Arc<sqlx::Error>>) -> StoreError {
        failed(self.store, error.into())
    }
}

#[async_trait]
impl Dependency for Sqlite {
    fn name(&self) -> &'static str {
        self.store
    }

    async fn answers(&self) -> bool {
        let question = sqlx::query("SELECT 1").execute(&self.readers);
        matches!(tokio::time::timeout(Duration::from_secs(1), question).await, Ok(Ok(_)))
    }
}

fn failed(store: &'static str, error: Arc<sqlx::Error>) -> StoreError {
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

fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

/// A write whose result type is its own business.
#[async_trait]
trait Write: Send {
    /// Runs it; the result stays inside until it is durable.
    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error>;
    /// Hands the result, or what went wrong, to whoever waits.
    fn finish(self: Box<Self>, outcome: Result<(), Arc<sqlx::Error>>);
}

struct Pending<F, T> {
    work: Option<F>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, Arc<sqlx::Error>>>,
}

#[async_trait]
impl<T, F> Write for Pending<F, T>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> WriteFuture<'c, T> + Send + 'static,
{
    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        if let Some(work) = self.work.take() {
            self.result = Some(work(connection).await?);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<(), Arc<sqlx::Error>>) {
        let Self { result, reply, .. } = *self;
        let answer = outcome.and_then(|()| result.ok_or_else(|| Arc::new(sqlx::Error::WorkerCrashed)));
        // Whoever asked may have gone: the write stands all the same.
        let _ = reply.send(answer);
    }
}

async fn write_groups(
    store: &'static str,
    mut connection: SqliteConnection,
    mut waiting: mpsc::Receiver<Box<dyn Write>>,
) {
    let depth = metrics::gauge!(crate::metrics::QUEUE_DEPTH, "queue" => store);
    let mut group = Vec::with_capacity(GROUP);
    #[allow(clippy::cast_precision_loss, reason = "a queue length is far below 2^52")]
    let show = |waiting: usize| depth.set(waiting as f64);
    while waiting.recv_many(&mut group, GROUP).await > 0 {
        show(waiting.len() + group.len());
        write_group(store, &mut connection, std::mem::take(&mut group)).await;
        show(waiting.len());
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(store, %error, "the store did not close cleanly");
    }
}

/// One transaction. Each write stands behind a savepoint, so that one that fails takes no other with it.
async fn write_group(store: &'static str, connection: &mut SqliteConnection, mut group: Vec<Box<dyn Write>>) {
    let mut results = Vec::with_capacity(group.len());
    let outcome = async {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for write in &mut group {
            let mut savepoint = transaction.begin().await?;
            let result = write.run(&mut savepoint).await;
            match result {
                Ok(()) => savepoint.commit().await?,
                Err(_) => savepoint.rollback().await?,
            }
            results.push(result.map_err(Arc::new));
        }
        transaction.commit().await
    }
    .await;
    if let Err(error) = &outcome {
        tracing::error!(store, %error, "a group of writes was not stored");
    }
    let outcome = outcome.map_err(Arc::new);
    // Where the transaction itself failed, the writes it did not come to share that failure.
    let results = results.into_iter().chain(std::iter::repeat(Ok(())));
    for (write, result) in group.into_iter().zip(results) {
        write.finish(outcome.clone().and(result));
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use sqlx::migrate::{Migration, MigrationType};

    use super::*;

    async fn open(path: &Path) -> Sqlite {
        let table = Migration::new(
            1,
            Cow::Borrowed("table"),
            MigrationType::Simple,
            sqlx::SqlStr::from_static("CREATE TABLE n (n INTEGER PRIMARY KEY) STRICT"),
            false,
        );
        Sqlite::open(path, "test-db", &Migrator::with_migrations(vec![table])).await.unwrap()
    }

    async fn insert(db: &Sqlite, n: i64) -> Result<(), StoreError> {
        db.write(move |connection| {
            Box::pin(async move {
                sqlx::query("INSERT INTO n VALUES (?)").bind(n).execute(connection).await.map(drop)
            })
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_write_that_fails_takes_no_other_of_its_group_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder.path().join("n.db")).await;
        let tasks: Vec<_> = (0..500)
            .map(|n| {
                let db = db.clone();
                tokio::spawn(async move { insert(&db, n % 250).await.is_ok() })
            })
            .collect();
        let mut stored = 0;
        for task in tasks {
            stored += usize::from(task.await.unwrap());
        }
        let (rows,): (i64,) = sqlx::query_as("SELECT count(*) FROM n").fetch_one(db.readers()).await.unwrap();
        assert_eq!((stored, rows), (250, 250));
    }

    #[tokio::test]
    async fn a_write_of_several_steps_is_stored_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder.path().join("n.db")).await;
        let twice = db
            .write(|connection| {
                Box::pin(async move {
                    sqlx::query("INSERT INTO n VALUES (1)").execute(&mut *connection).await?;
                    sqlx::query("INSERT INTO n VALUES (1)").execute(connection).await.map(drop)
                })
            })
            .await;
        assert!(matches!(twice, Err(StoreError::Unavailable { store: "test-db", .. })));
        insert(&db, 1).await.unwrap();
    }

    #[tokio::test]
    async fn a_group_that_cannot_begin_tells_every_writer_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.db");
        let db = open(&path).await;
        let mut other = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let (one, two) = tokio::join!(insert(&db, 1), insert(&db, 2));
        for refused in [one, two] {
            assert!(refused.unwrap_err().to_string().contains("database is locked"));
        }
        held.rollback().await.unwrap();
        insert(&db, 1).await.unwrap();
    }

    #[tokio::test]
    async fn readers_cannot_write_and_the_file_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.db");
        let db = open(&path).await;
        assert!(sqlx::query("INSERT INTO n VALUES (1)").execute(db.readers()).await.is_err());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn what_is_no_database_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "this is not a database, it is a shopping list".repeat(100)).unwrap();
        let error = Sqlite::open(&path, "test-db", &Migrator::with_migrations(vec![])).await.unwrap_err();
        assert!(error.to_string().contains("notes.txt"), "{error}");
    }
}
