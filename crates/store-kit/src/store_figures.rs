//! How long the operations of a store take, and how many fail; and the span of each in the trace it belongs
//! to.

use std::{fmt, time::Instant};

use metrics::{Counter, Histogram};
use service_kit::{
    metrics::{STORE_DURATION, STORE_FAILURES},
    traces::{StoreSpan, mark_failed},
};
use tracing::Instrument;

/// What traces call the engines that stores run on: OpenTelemetry's names for `db.system.name`.
pub(crate) mod engine {
    pub(crate) const MONGODB: &str = "mongodb";
    pub(crate) const POSTGRESQL: &str = "postgresql";
    pub(crate) const REDIS: &str = "redis";
    pub(crate) const SQLITE: &str = "sqlite";
}

/// The figures of one store, with handles made once. Cheap to clone.
#[derive(Clone)]
pub(crate) struct StoreFigures {
    store: &'static str,
    engine: &'static str,
    duration: Histogram,
    failures: Counter,
}

impl StoreFigures {
    /// Of the store that operators know by this name, on one of [`engine`].
    pub(crate) fn new(store: &'static str, engine: &'static str) -> Self {
        Self {
            store,
            engine,
            duration: metrics::histogram!(STORE_DURATION, "store" => store),
            failures: metrics::counter!(STORE_FAILURES, "store" => store),
        }
    }

    /// Carries out an operation, and notes how long it took and whether it was done. `operation` is what
    /// traces call it: `read` or `write`, or `request` where the store does not tell them apart.
    pub(crate) async fn measure<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = T>,
        is_done: impl FnOnce(&T) -> bool,
    ) -> T {
        let span = StoreSpan { system: self.engine, store: self.store, operation }.start();
        let started = Instant::now();
        let outcome = work.instrument(span.clone()).await;
        self.duration.record(started.elapsed());
        if !is_done(&outcome) {
            self.failures.increment(1);
            mark_failed(&span);
        }
        outcome
    }
}

impl fmt::Debug for StoreFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreFigures")
    }
}
