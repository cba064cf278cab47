//! What any store adapter may fail with.

use std::{error::Error, sync::Arc};

use service_kit::problem::{Problem, ProblemCode, Refused};

/// A store could not do what it was asked. Refusals a port foresees (a taken email, a second claim) are not failures:
/// they are part of the port's own result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, timed out or refused to commit. Nothing was acknowledged; trying again is right.
    #[error("{store} is unavailable: {source}")]
    Unavailable {
        /// Which store: `user-db`, `token-db` or `event-db`.
        store: &'static str,
        /// What the driver said. For the log only.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The store answered with something this program never wrote.
    #[error("{store} holds a record that cannot be read: {source}")]
    Corrupt {
        /// Which store.
        store: &'static str,
        /// What was wrong with it. For the log only.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// The store cannot be reached or did not commit.
    pub fn unavailable(store: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable { store, source: Arc::from(source.into()) }
    }

    /// The store holds something unreadable.
    pub fn corrupt(store: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Corrupt { store, source: Arc::from(source.into()) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Unavailable { .. } => ProblemCode::Unavailable,
            StoreError::Corrupt { .. } => ProblemCode::Internal,
        };
        Problem::new(code).caused_by(error)
    }
}

impl<R> From<StoreError> for Refused<R> {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}
