//! An embedded store: SQLite with one writer that groups waiting writes into a transaction, and readers beside it.
//!
//! WAL lets readers go on while the writer writes. `synchronous=FULL` makes every commit durable before it is
//! acknowledged; grouping is what makes that affordable.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::FutureExt;
use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use service_kit::health::Dependency;

use super::WriteQueue;
use crate::{
    error::StoreError,
    sql::{WorkFuture, failed},
};

/// Readers besides the writer. SQLite reads on the calling connection's thread, so a few use the cores up.
pub(crate) const READERS: u32 = 4;
/// How long to wait for another process's write (`guerdon user create` beside a running service), or for a reader:
/// callers are to be told within two seconds that something is down.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_millis(1500);

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
    writes: WriteQueue<SqliteConnection>,
}

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
            .connect_with(options.clone().pragma("query_only", "on"))
            .await
            .map_err(open_error)?;
        let reopen = Box::new(move || {
            let options = options.clone();
            async move { options.connect().await }.boxed()
        });
        Ok(Self { store, readers, writes: WriteQueue::start(store, writer, reopen) })
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
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> WorkFuture<'c, T> + Send + 'static,
    {
        self.writes.write(work).await
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

    /// A write that changes nothing: it needs the writer, but not the disk.
    async fn answers(&self) -> bool {
        let question = self.write(|connection| Box::pin(sqlx::query("SELECT 1").execute(connection)));
        question.await.is_ok()
    }
}

pub(crate) fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use sqlx::{
        Connection,
        migrate::{Migration, MigrationType},
    };

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
    async fn a_full_disk_costs_the_writes_that_found_it_full_and_no_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder.path().join("n.db")).await;
        let run = async |statement: &'static str| {
            let write = db.write(move |connection| {
                Box::pin(async move { sqlx::raw_sql(statement).execute(connection).await.map(drop) })
            });
            write.await
        };
        // As many pages as there are: the next one is one too many.
        let too_much = "CREATE TABLE IF NOT EXISTS big (b BLOB); PRAGMA max_page_count = 1; \
            INSERT INTO big VALUES (zeroblob(1000000))";
        assert!(matches!(run(too_much).await, Err(StoreError::Unavailable { .. })));
        for n in 0..3 {
            insert(&db, n).await.unwrap();
        }
        assert!(db.answers().await);
        let (rows,): (i64,) = sqlx::query_as("SELECT count(*) FROM n").fetch_one(db.readers()).await.unwrap();
        assert_eq!(rows, 3);
    }

    #[tokio::test]
    async fn a_write_that_panics_fails_alone_and_the_writer_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder.path().join("n.db")).await;
        let panicked: Result<(), _> = db.write(|_| Box::pin(async { panic!("a bug") })).await;
        assert!(matches!(panicked, Err(StoreError::Unavailable { .. })));
        insert(&db, 1).await.unwrap();
        assert!(db.answers().await);
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
