use std::{path::Path, sync::Arc};

use futures::FutureExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use service_kit::budget::STORE_OPERATION;
use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::Migrator,
};

use super::{ConnectionOpener, FileWatch, OpenError, file::DatabaseFile};
use crate::readiness;

/// Connections besides the writer. SQLite reads on a thread for each, so a few use the cores up.
const READERS: u32 = 4;

/// A migrated file, through sqlx's driver for any database.
pub(crate) struct AnyFile {
    pub(crate) readers: AnyPool,
    pub(crate) writer: AnyConnection,
    pub(crate) opener: ConnectionOpener<AnyConnection>,
    pub(crate) file: Arc<DatabaseFile>,
    pub(crate) watch: Arc<FileWatch>,
}

/// Opens or creates the file and brings its tables up to date.
pub(crate) async fn open_any(path: &Path, migrator: &Migrator) -> Result<AnyFile, OpenError> {
    let open_error = |source| OpenError::Open { path: path.to_owned(), source };
    let options = any_options(path).map_err(open_error)?;
    let file = DatabaseFile::create_or_find(path).map_err(|error| open_error(error.into()))?;
    let mut writer = open_connection(&options).await.map_err(open_error)?;
    migrator
        .run_direct(None, &mut writer, false)
        .await
        .map_err(|source| OpenError::Migrate { path: path.to_owned(), source })?;
    sqlx::query(readiness::CREATE_TABLE).execute(&mut writer).await.map_err(open_error)?;
    let readers = AnyPoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(STORE_OPERATION)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                set_pragmas(connection).await?;
                sqlx::raw_sql("PRAGMA query_only = ON").execute(connection).await.map(drop)
            })
        })
        .connect_with(options.clone())
        .await
        .map_err(open_error)?;
    let opener: ConnectionOpener<_> = Arc::new(move || {
        let options = options.clone();
        async move { open_connection(&options).await }.boxed()
    });
    let watch = Arc::new(FileWatch::open(path).map_err(open_error)?);
    Ok(AnyFile { readers, writer, opener, file: Arc::new(file), watch })
}

async fn open_connection(options: &AnyConnectOptions) -> Result<AnyConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    set_pragmas(&mut connection).await?;
    Ok(connection)
}

/// The path as a URL without any of the characters that mean something in one. A file that is missing is not created:
/// it was there when the store was opened.
fn any_options(path: &Path) -> Result<AnyConnectOptions, sqlx::Error> {
    let path = path.to_str().ok_or_else(|| sqlx::Error::Configuration("its name is not UTF-8".into()))?;
    format!("sqlite:{}?mode=rw", utf8_percent_encode(path, NON_ALPHANUMERIC)).parse()
}

/// What [`crate::sqlite::Sqlite::open`] sets by options, which this driver has not.
async fn set_pragmas(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let settings = format!(
        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
        STORE_OPERATION.as_millis()
    );
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(connection).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, os::unix::fs::PermissionsExt};

    use sqlx::migrate::{Migration, MigrationType};

    use super::*;
    use crate::{
        error::StoreError,
        sql::{Sql, WorkFuture},
    };

    async fn open_at(path: &Path) -> Result<Sql, OpenError> {
        let sql = sqlx::SqlStr::from_static("CREATE TABLE n (n INTEGER PRIMARY KEY) STRICT");
        let table = Migration::new(1, Cow::Borrowed("table"), MigrationType::Simple, sql, false);
        Sql::open(path, "test-db", &Migrator::with_migrations(vec![table])).await
    }

    fn one_number(
        statement: &'static str,
    ) -> impl for<'c> FnOnce(&'c mut AnyConnection) -> WorkFuture<'c, (i64,)> {
        move |connection| Box::pin(sqlx::query_as(statement).fetch_one(connection))
    }

    #[tokio::test]
    async fn a_commit_is_durable_and_readers_only_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.db");
        let db = open_at(&path).await.unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(folder.path().join("n.db-wal").exists());
        for (setting, of_writer, of_readers) in [
            ("PRAGMA synchronous", 2, 2),
            ("PRAGMA foreign_keys", 1, 1),
            ("PRAGMA busy_timeout", 1500, 1500),
            ("PRAGMA query_only", 0, 1),
        ] {
            assert_eq!(db.write(one_number(setting)).await.unwrap(), (of_writer,), "{setting}");
            assert_eq!(db.read(one_number(setting)).await.unwrap(), (of_readers,), "{setting}");
        }
        let written: Result<_, StoreError> =
            db.read(|connection| Box::pin(sqlx::query("INSERT INTO n VALUES (1)").execute(connection))).await;
        assert!(written.is_err());
    }

    #[tokio::test]
    async fn what_is_written_is_there_when_it_is_opened_again_whatever_the_files_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "user.db",
            "a file.db",
            "50%20.db",
            "what?mode=memory",
            "#1",
            "../x/[y].db",
            ":memory:",
            "사용자.db",
        ] {
            let path = folder.path().join("x").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let db = open_at(&path).await.unwrap();
            db.write(|connection| Box::pin(sqlx::query("INSERT INTO n VALUES (7)").execute(connection)))
                .await
                .unwrap();
            drop(db);
            assert!(path.exists(), "{name}");
            let again = open_at(&path).await.unwrap();
            assert_eq!(again.read(one_number("SELECT n FROM n")).await.unwrap(), (7,), "{name}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn what_is_no_database_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "this is not a database, it is a shopping list".repeat(100)).unwrap();
        let error = open_at(&path).await.unwrap_err();
        assert!(error.to_string().contains("notes.txt"), "{error}");
    }
}
