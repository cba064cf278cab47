use domain::Clock;
use metrics::{Counter, Gauge};

use super::StepReport;
use crate::metrics::{
    WORKER_BACKLOG_AGE, WORKER_FAILURES, WORKER_LAST_SUCCESS, WORKER_PROCESSED, WORKER_RUNS,
};

/// The figures of one worker.
pub(super) struct WorkerFigures {
    runs: Counter,
    failures: Counter,
    processed: Counter,
    backlog_age: Gauge,
    last_success: Gauge,
}

impl WorkerFigures {
    pub(super) fn new(worker: &'static str) -> Self {
        Self {
            runs: metrics::counter!(WORKER_RUNS, "worker" => worker),
            failures: metrics::counter!(WORKER_FAILURES, "worker" => worker),
            processed: metrics::counter!(WORKER_PROCESSED, "worker" => worker),
            backlog_age: metrics::gauge!(WORKER_BACKLOG_AGE, "worker" => worker),
            last_success: metrics::gauge!(WORKER_LAST_SUCCESS, "worker" => worker),
        }
    }

    pub(super) fn note_success(&self, report: StepReport, clock: &dyn Clock) {
        self.runs.increment(1);
        self.processed.increment(report.processed);
        self.backlog_age.set(report.oldest_waiting.unwrap_or_default().as_secs_f64());
        #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in a double")]
        self.last_success.set(clock.now().as_seconds() as f64);
    }

    pub(super) fn note_failure(&self) {
        self.runs.increment(1);
        self.failures.increment(1);
    }
}
