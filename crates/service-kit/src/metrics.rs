//! The figures every process exposes, by name.

use std::{convert::Infallible, sync::OnceLock, time::Duration};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use crate::worker::{StepReport, Worker};

/// Requests answered, by service, method, route and status.
pub const HTTP_REQUESTS: &str = "guerdon_http_requests_total";
/// Time to answer in seconds, by service, method and route.
pub const HTTP_DURATION: &str = "guerdon_http_request_duration_seconds";
/// Requests being worked on, by service.
pub const HTTP_IN_FLIGHT: &str = "guerdon_http_requests_in_flight";
/// Connections open at the moment, of all listeners.
pub const CONNECTIONS_OPEN: &str = "guerdon_connections_open";
/// Connections the server closed on its own account, by reason.
pub const CONNECTIONS_CLOSED: &str = "guerdon_connections_closed_total";
/// Claims, by outcome.
pub const CLAIMS: &str = "guerdon_claims_total";
/// Logins, by outcome.
pub const LOGINS: &str = "guerdon_logins_total";
/// Things waiting for a worker, by queue.
pub const QUEUE_DEPTH: &str = "guerdon_queue_depth";
/// Session checks asked by requests (`asked`) and calls made to auth for them (`calls`).
pub const SESSION_CHECKS: &str = "guerdon_session_checks_total";
/// Steps that workers have done, failed ones included, by worker.
pub const WORKER_RUNS: &str = "guerdon_worker_runs_total";
/// Steps that failed, by worker.
pub const WORKER_FAILURES: &str = "guerdon_worker_failures_total";
/// Pieces of work that workers have finished, by worker.
pub const WORKER_PROCESSED: &str = "guerdon_worker_processed_total";
/// How long the oldest piece of work had waited after the last step, in seconds, by worker; 0 if nothing waits.
pub const WORKER_BACKLOG_AGE: &str = "guerdon_worker_backlog_age_seconds";
/// When a step last succeeded, in seconds since 1970, by worker.
pub const WORKER_LAST_SUCCESS: &str = "guerdon_worker_last_success_timestamp_seconds";

/// Upper bounds of the duration histogram, in seconds: from an in-memory answer to the request timeout.
const BUCKETS: [f64; 14] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Installs the recorder for this process; a second call gives the same handle. Call it before anything counts.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    describe_counter!(HTTP_REQUESTS, "Requests answered");
    describe_histogram!(HTTP_DURATION, Unit::Seconds, "Time to answer");
    describe_gauge!(HTTP_IN_FLIGHT, "Requests being worked on");
    describe_gauge!(CONNECTIONS_OPEN, "Connections open");
    describe_counter!(CONNECTIONS_CLOSED, "Connections the server closed, by reason");
    describe_counter!(CLAIMS, "Claims by outcome");
    describe_counter!(LOGINS, "Logins by outcome");
    describe_gauge!(QUEUE_DEPTH, "Work waiting, by queue");
    describe_counter!(SESSION_CHECKS, "Session checks asked, and calls made for them");
    describe_counter!(WORKER_RUNS, "Steps that workers have done, failed ones included");
    describe_counter!(WORKER_FAILURES, "Steps that failed");
    describe_counter!(WORKER_PROCESSED, "Pieces of work that workers have finished");
    describe_gauge!(WORKER_BACKLOG_AGE, Unit::Seconds, "Age of the oldest piece of work that waits");
    describe_gauge!(WORKER_LAST_SUCCESS, Unit::Seconds, "When a step last succeeded");
    Collector::default().describe();
    Ok(HANDLE.get_or_init(|| handle).clone())
}

/// Reads memory, CPU, threads and open files of this process into the `process_*` figures.
pub(crate) fn collect_process() {
    Collector::default().collect();
}

/// Empties what the recorder keeps of each measured duration until somebody scrapes. Where nobody does, memory would grow
/// with every request.
#[derive(Debug, Clone)]
pub struct MetricsUpkeep(pub PrometheusHandle);

impl Worker for MetricsUpkeep {
    type Error = Infallible;

    fn name(&self) -> &'static str {
        "metrics_upkeep"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn step(&self) -> Result<StepReport, Infallible> {
        self.0.run_upkeep();
        Ok(StepReport::finished(0))
    }
}
