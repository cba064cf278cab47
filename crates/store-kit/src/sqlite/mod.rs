//! SQLite: one writer that groups the writes that wait, and readers beside it.
//!
//! WAL lets readers go on while the writer writes. `synchronous=FULL` makes every commit durable before it is
//! acknowledged; grouping is what makes that affordable.

mod any;
mod file;
mod file_watch;
mod native;
mod readers;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use sqlx::{Connection, migrate::MigrateError};

use crate::error::StoreError;

pub use self::native::Sqlite;
pub(crate) use self::{
    any::{AnyFile, open_any},
    file_watch::FileWatch,
    writer::{ConnectionOpener, WriteQueue},
};

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
    /// Its rows cannot be brought up to date.
    #[error("cannot bring the rows of {path} up to date: {source}")]
    Rows {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: StoreError,
    },
}

/// Closes a connection for good; nobody waits for what is said about it.
async fn close_quietly(store: &'static str, connection: impl Connection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(store, %error, "the store did not close cleanly");
    }
}
