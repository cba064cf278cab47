//! What can go wrong with a measurement.

use std::io;

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{what}: {source}")]
    About { what: String, source: io::Error },
    /// A request of the preparation was refused.
    #[error("{request} answered {status}: {body}")]
    Refused { request: String, status: u16, body: String },
    #[error("{0}")]
    Unusable(String),
}

/// A result of this program.
pub(crate) type BenchResult<T> = Result<T, BenchError>;

/// Names what an input or output error was about.
pub(crate) trait NameWhat<T> {
    fn about(self, what: impl Into<String>) -> BenchResult<T>;
}

impl<T> NameWhat<T> for io::Result<T> {
    fn about(self, what: impl Into<String>) -> BenchResult<T> {
        self.map_err(|source| BenchError::About { what: what.into(), source })
    }
}
