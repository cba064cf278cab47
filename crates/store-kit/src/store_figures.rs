//! How long the operations of a store take, and how many fail.

use std::{fmt, time::Duration};

use metrics::{Counter, Histogram};
use service_kit::metrics::{STORE_DURATION, STORE_FAILURES};

/// The figures of one store, with handles made once. Cheap to clone.
#[derive(Clone)]
pub(crate) struct StoreFigures {
    duration: Histogram,
    failures: Counter,
}

impl StoreFigures {
    /// Of the store that operators know by this name.
    pub(crate) fn new(store: &'static str) -> Self {
        Self {
            duration: metrics::histogram!(STORE_DURATION, "store" => store),
            failures: metrics::counter!(STORE_FAILURES, "store" => store),
        }
    }

    /// Notes an operation that took so long, and whether it was done.
    pub(crate) fn note(&self, took: Duration, is_done: bool) {
        self.duration.record(took);
        if !is_done {
            self.failures.increment(1);
        }
    }
}

impl fmt::Debug for StoreFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreFigures")
    }
}
