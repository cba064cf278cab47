use std::{fmt, path::Path, time::Duration};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};

use crate::changes::{ChangeMark, ChangeWatch};

/// Different whenever another connection, of this process or another, has committed since it was asked last.
/// This connection itself commits nothing.
const DATA_VERSION: &str = "PRAGMA data_version";

/// Tells whether anything was committed to a file.
///
/// It has a connection of its own, and asks on the calling thread: SQLite looks into memory that it shares
/// with all who use the file, which takes a microsecond or two and never waits.
pub(crate) struct FileWatch {
    /// None once it is closed.
    connection: Mutex<Option<Connection>>,
}

impl FileWatch {
    /// Watches a file that there is.
    pub(crate) fn open(path: &Path) -> Result<Self, sqlx::Error> {
        let open = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(Duration::ZERO)?;
            Ok(connection)
        };
        let connection = open().map_err(|error: rusqlite::Error| sqlx::Error::Configuration(error.into()))?;
        Ok(Self { connection: Mutex::new(Some(connection)) })
    }

    /// Closes its connection. To be called before the writer's is closed, which takes the journal into the
    /// file as the last one.
    pub(crate) fn close(&self) {
        drop(self.connection.lock().take());
    }
}

impl ChangeWatch for FileWatch {
    fn mark(&self) -> Option<ChangeMark> {
        let connection = self.connection.lock();
        let mut version = connection.as_ref()?.prepare_cached(DATA_VERSION).ok()?;
        version.query_row([], |row| row.get(0)).ok().map(ChangeMark)
    }
}

impl fmt::Debug for FileWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileWatch")
    }
}
