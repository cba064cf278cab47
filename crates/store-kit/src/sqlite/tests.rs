use std::{
    borrow::Cow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use service_kit::health::Dependency;
use sqlx::{
    ConnectOptions, Connection,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::SqliteConnectOptions,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{connection::StoreConnection, error::StoreError, kept_reads::KeptReads, sql::Sql};

async fn open_file(path: &Path) -> Sqlite {
    let table = Migration::new(
        1,
        Cow::Borrowed("table"),
        MigrationType::Simple,
        sqlx::SqlStr::from_static("CREATE TABLE n (n INTEGER PRIMARY KEY) STRICT"),
        false,
    );
    Sqlite::open(path, "test-db", &Migrator::with_migrations(vec![table])).await.unwrap()
}

async fn count_rows(db: &Sqlite) -> i64 {
    let count = "SELECT count(*) FROM n";
    db.look_up(|connection| Box::pin(sqlx::query_scalar(count).fetch_one(connection))).await.unwrap()
}

async fn insert_number(db: &Sqlite, n: i64) -> Result<(), StoreError> {
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
    let db = open_file(&folder.path().join("n.db")).await;
    let tasks: Vec<_> = (0..500)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move { insert_number(&db, n % 250).await.is_ok() })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        stored += usize::from(task.await.unwrap());
    }
    let rows = count_rows(&db).await;
    assert_eq!((stored, rows), (250, 250));
}

#[tokio::test]
async fn a_write_of_several_steps_is_stored_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_file(&folder.path().join("n.db")).await;
    let twice = db
        .write(|connection| {
            Box::pin(async move {
                sqlx::query("INSERT INTO n VALUES (1)").execute(&mut *connection).await?;
                sqlx::query("INSERT INTO n VALUES (1)").execute(connection).await.map(drop)
            })
        })
        .await;
    assert!(matches!(twice, Err(StoreError::Unavailable { store: "test-db", .. })));
    insert_number(&db, 1).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_costs_the_writes_that_found_it_full_and_no_later_one() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_file(&folder.path().join("n.db")).await;
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
        insert_number(&db, n).await.unwrap();
    }
    assert!(db.answers().await);
    let rows = count_rows(&db).await;
    assert_eq!(rows, 3);
}

#[tokio::test]
async fn a_write_that_panics_fails_alone_and_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_file(&folder.path().join("n.db")).await;
    let panicked: Result<(), _> = db.write(|_| Box::pin(async { panic!("a bug") })).await;
    assert!(matches!(panicked, Err(StoreError::Unavailable { .. })));
    insert_number(&db, 1).await.unwrap();
    assert!(db.answers().await);
}

#[tokio::test]
async fn a_group_that_cannot_begin_tells_every_writer_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let db = open_file(&path).await;
    let mut other = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let (one, two) = tokio::join!(insert_number(&db, 1), insert_number(&db, 2));
    for refused in [one, two] {
        assert!(refused.unwrap_err().to_string().contains("database is locked"));
    }
    held.rollback().await.unwrap();
    insert_number(&db, 1).await.unwrap();
}

#[tokio::test]
async fn readers_cannot_write_and_the_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let db = open_file(&path).await;
    let written =
        db.look_up(|connection| Box::pin(sqlx::query("INSERT INTO n VALUES (1)").execute(connection))).await;
    assert!(written.is_err());
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

/// Counts for ever.
const ENDLESS: &str =
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT count(*) FROM n";

async fn count_for_ever(db: &Sqlite) -> Result<i64, StoreError> {
    db.search(|connection| Box::pin(sqlx::query_scalar(ENDLESS).fetch_one(connection))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_without_end_is_interrupted_and_keeps_nobody_else_from_reading() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_file(&folder.path().join("n.db")).await;
    // Each waits for the one connection that searches have, or is interrupted on it.
    let searches: Vec<_> = (0..3)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { count_for_ever(&db).await })
        })
        .collect();
    for n in 0..100 {
        insert_number(&db, n).await.unwrap();
        assert_eq!(count_rows(&db).await, n + 1);
    }
    for search in searches {
        assert!(matches!(search.await.unwrap(), Err(StoreError::Unavailable { .. })));
    }
    let found: i64 = db
        .search(|connection| Box::pin(sqlx::query_scalar("SELECT count(*) FROM n").fetch_one(connection)))
        .await
        .unwrap();
    assert_eq!(found, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_stopped_waiting_for_does_not_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let db = open_file(&folder.path().join("n.db")).await;
    for _ in 0..20 {
        let search = tokio::spawn({
            let db = db.clone();
            async move { count_for_ever(&db).await }
        });
        tokio::task::yield_now().await;
        search.abort();
        assert!(search.await.unwrap_err().is_cancelled());
    }
    let search = db.search(|connection| Box::pin(sqlx::query_scalar("SELECT 7").fetch_one(connection)));
    let found: i64 = search.await.unwrap();
    assert_eq!(found, 7);
}

/// What can happen to a file while it is open.
fn replace_file(path: &Path) {
    let copy = path.with_extension("copy");
    std::fs::copy(path, &copy).unwrap();
    std::fs::rename(&copy, path).unwrap();
}

fn delete_folder(path: &Path) {
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

fn delete_log(path: &Path) {
    std::fs::remove_file(path.with_extension("db-wal")).unwrap();
}

/// In place, from beginning to end.
fn overwrite_file(path: &Path) {
    use std::io::Write;
    let length = usize::try_from(path.metadata().unwrap().len()).unwrap();
    std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all(&vec![b'x'; length]).unwrap();
}

#[tokio::test]
async fn nothing_is_acknowledged_that_went_into_a_file_nobody_will_find() {
    for accident in [replace_file, delete_folder, delete_log] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data").join("n.db");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let db = open_file(&path).await;
        insert_number(&db, 1).await.unwrap();
        assert!(db.answers().await);
        accident(&path);
        for n in 2..5 {
            assert!(matches!(insert_number(&db, n).await, Err(StoreError::Unavailable { .. })));
            assert!(!db.answers().await);
        }
        // Nor is a new one begun in its place.
        assert!(path.exists() || !path.parent().unwrap().exists());
    }
}

#[tokio::test]
async fn a_file_that_was_overwritten_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let any_path = folder.path().join("any.db");
    let db = open_file(&path).await;
    let any = Sql::open(&any_path, "test-db", &Migrator::with_migrations(vec![])).await.unwrap();
    // What is still in the write-ahead log alone would be mended from there.
    for (db, path) in [(&db as &dyn Dependency, &path), (&any, &any_path)] {
        assert!(db.answers().await);
        let mut other = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
        overwrite_file(path);
        assert!(!db.answers().await);
        assert!(!db.answers().await, "it does not heal by itself");
    }
}

#[tokio::test]
async fn closing_stores_what_waits_and_refuses_what_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let db = open_file(&path).await;
    let (first, second, ()) = tokio::join!(insert_number(&db, 1), insert_number(&db, 2), db.close());
    assert!(first.is_ok() && second.is_ok());
    let late = insert_number(&db, 3).await.unwrap_err();
    assert!(late.to_string().contains("closed"), "{late}");
    db.close().await;
    // The last connection took the write-ahead log with it: the file is whole by itself.
    assert!(!path.with_extension("db-wal").exists());
    assert_eq!(count_rows(&open_file(&path).await).await, 2);
}

/// Counts a number in the file up, each time after another commit, as fast as it goes.
fn count_up_beside(path: &Path, committed: Arc<AtomicI64>, times: i64) -> std::thread::JoinHandle<()> {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    std::thread::spawn(move || {
        for _ in 0..times {
            let count = "UPDATE n SET n = n + 1 RETURNING n";
            let counted = connection.query_row(count, [], |row| row.get(0)).unwrap();
            committed.fetch_max(counted, Ordering::SeqCst);
        }
    })
}

async fn count_up(db: &Sqlite) -> Result<i64, StoreError> {
    let count = "UPDATE n SET n = n + 1 RETURNING n";
    db.write(move |connection| Box::pin(sqlx::query_scalar(count).fetch_one(connection))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_kept_read_is_never_older_than_its_question_whoever_writes() {
    const TIMES: i64 = 100;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let db = open_file(&path).await;
    insert_number(&db, 0).await.unwrap();
    let kept: KeptReads<(), i64> = KeptReads::new(db.changes(), 1000, |_| 1);
    let (committed, reads) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let writing = CancellationToken::new();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (db, kept, writing) = (db.clone(), kept.clone(), writing.clone());
            let (committed, reads) = (Arc::clone(&committed), Arc::clone(&reads));
            tokio::spawn(async move {
                let mut asked = 0;
                while !writing.is_cancelled() {
                    let at_least = committed.load(Ordering::SeqCst);
                    let read = async {
                        reads.fetch_add(1, Ordering::SeqCst);
                        let select = sqlx::query_scalar("SELECT n FROM n");
                        db.look_up(|connection| Box::pin(select.fetch_one(connection))).await
                    };
                    let found = kept.find((), read).await.unwrap();
                    assert!(found >= at_least, "{found} after {at_least} was committed");
                    asked += 1;
                    tokio::task::yield_now().await;
                }
                asked
            })
        })
        .collect();
    let beside = count_up_beside(&path, Arc::clone(&committed), TIMES);
    for _ in 0..TIMES {
        // The other connection may hold the file for longer than the writer waits.
        if let Ok(counted) = count_up(&db).await {
            committed.fetch_max(counted, Ordering::SeqCst);
        }
    }
    beside.join().unwrap();
    writing.cancel();
    let mut asked = 0;
    for reader in readers {
        asked += reader.await.unwrap();
    }
    let read = reads.load(Ordering::SeqCst);
    assert!(committed.load(Ordering::SeqCst) >= TIMES);
    assert!(read < asked, "{read} reads for {asked} questions: nothing was answered from memory");
}

#[tokio::test]
async fn a_file_is_whole_without_its_journal_once_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let db = open_file(&path).await;
    insert_number(&db, 1).await.unwrap();
    assert!(db.changes().mark().is_some());
    db.close().await;
    assert!(db.changes().mark().is_none());
    assert!(!folder.path().join("n.db-wal").exists());
}
