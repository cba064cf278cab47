use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`; extended codes carry them in their lowest byte.
const DAMAGE_CODES: [i32; 2] = [11, 26];

/// The file behind a store, and whether it can still be trusted.
///
/// A file that was deleted or replaced stays open: SQLite would go on writing into what nobody will find again.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    wal_path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
    /// Set for good: what SQLite found damaged, or a write-ahead log that was deleted, does not heal by itself.
    is_damaged: AtomicBool,
}

impl DatabaseFile {
    /// Creates the file if it is missing, readable by its owner only, and remembers which one it is. Must come before
    /// SQLite opens it: closing a file ends the locks that SQLite holds on it in the same process.
    pub(crate) fn create_or_find(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let mut wal_path = path.as_os_str().to_owned();
        wal_path.push("-wal");
        Ok(Self {
            path: path.to_owned(),
            wal_path: wal_path.into(),
            identity: identity_at(path)?,
            is_damaged: AtomicBool::new(false),
        })
    }

    /// Fails unless the file at the path is the one that was opened.
    pub(crate) fn verify_identity(&self) -> io::Result<()> {
        if self.is_damaged.load(Ordering::Relaxed) {
            return Err(io::Error::other("the file is damaged: restore it and start again"));
        }
        match identity_at(&self.path) {
            Ok(identity) if identity == self.identity => Ok(()),
            Ok(_) => Err(io::Error::other("the file was replaced by another: start again to use that")),
            Err(error) => Err(io::Error::other(format!("the file was deleted or moved away: {error}"))),
        }
    }

    /// Fails unless what a connection has just committed is in files that others will find.
    pub(crate) fn verify_commit(&self) -> io::Result<()> {
        self.verify_identity()?;
        // As long as a connection is open there is a write-ahead log.
        identity_at(&self.wal_path).map(drop).map_err(|error| {
            self.is_damaged.store(true, Ordering::Relaxed);
            io::Error::other(format!("the write-ahead log was deleted: {error}"))
        })
    }

    /// Remembers it if SQLite says that the file is damaged.
    pub(crate) fn note_failure(&self, error: &sqlx::Error) {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let code = code.and_then(|code| code.parse::<i32>().ok());
        if code.is_some_and(|code| DAMAGE_CODES.contains(&(code & 0xff))) {
            self.is_damaged.store(true, Ordering::Relaxed);
        }
    }
}

fn identity_at(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|found| (found.dev(), found.ino()))
}
