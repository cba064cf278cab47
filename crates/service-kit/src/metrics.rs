//! The figures every process exposes, by name.

use std::{convert::Infallible, sync::OnceLock, time::Duration};

use enum_map::{Enum, EnumMap};
use metrics::{Counter, Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use crate::{
    queue_figures, traces,
    worker::{StepReport, Worker},
};

/// Always 1; the version is its label.
pub const BUILD_INFO: &str = "guerdon_build_info";
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
/// Activities reported, by outcome.
pub const ACTIVITIES: &str = "guerdon_activities_total";
/// Time to load the facts a condition names in seconds.
pub const FACT_DURATION: &str = "guerdon_fact_load_duration_seconds";
/// Logins, by outcome.
pub const LOGINS: &str = "guerdon_logins_total";
/// Pieces of work that wait, by queue.
pub const QUEUE_DEPTH: &str = "guerdon_queue_depth";
/// How many may wait, by queue.
pub const QUEUE_CAPACITY: &str = "guerdon_queue_capacity";
/// Pieces of work that were refused because too many waited or their turn came too late, by queue.
pub const QUEUE_REFUSED: &str = "guerdon_queue_refused_total";
/// Whether what the process cannot work without did its work when it was last asked (1) or not (0), by dependency.
pub const DEPENDENCY_UP: &str = "guerdon_dependency_up";
/// Time an operation of a store took in seconds, its wait for a turn included, by store.
pub const STORE_DURATION: &str = "guerdon_store_operation_duration_seconds";
/// Operations of a store that failed or came too late, by store.
pub const STORE_FAILURES: &str = "guerdon_store_failures_total";
/// Bytes that may still be written where an embedded store's file is, by store.
pub const STORE_DISK_AVAILABLE: &str = "guerdon_store_disk_available_bytes";
/// Bytes of the whole file system where an embedded store's file is, by store.
pub const STORE_DISK_SIZE: &str = "guerdon_store_disk_size_bytes";
/// Bytes of an embedded store's file and its write-ahead log, by store.
pub const STORE_FILE_SIZE: &str = "guerdon_store_file_size_bytes";
/// Session checks asked by requests (`asked`) and calls made to auth for them (`calls`).
pub const SESSION_CHECKS: &str = "guerdon_session_checks_total";
/// Spans that were recorded, by what became of them.
pub const TRACE_SPANS: &str = "guerdon_trace_spans_total";
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
/// Entries in an audit log, by log.
pub const AUDIT_ENTRIES: &str = "guerdon_audit_entries";
/// Age of the oldest change that has no place in an audit log's chain yet, in seconds, by log; 0 if none
/// waits.
pub const AUDIT_DRAFT_AGE: &str = "guerdon_audit_draft_age_seconds";

/// Violations that the last look at what must always be true has found, by invariant.
pub const INVARIANT_VIOLATIONS: &str = "guerdon_invariant_violations";

/// Upper bounds of the duration histogram, in seconds: from an in-memory answer to the request timeout.
const BUCKETS: [f64; 16] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0];

/// Installs the recorder for this process; a second call gives the same handle. Call it before anything counts.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    describe_requests();
    describe_outcomes();
    describe_stores();
    describe_workers();
    describe_gauge!(AUDIT_ENTRIES, "Entries in the chain of an audit log");
    describe_gauge!(AUDIT_DRAFT_AGE, Unit::Seconds, "Age of the oldest change that is not chained yet");
    describe_counter!(TRACE_SPANS, "Spans recorded for the collector, by what became of them");
    traces::show_figures();
    Collector::default().describe();
    metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(HANDLE.get_or_init(|| handle).clone())
}

fn describe_requests() {
    describe_gauge!(BUILD_INFO, "Always 1; the version is in the label");
    describe_counter!(HTTP_REQUESTS, "Requests answered; 499 means that the client left before");
    describe_histogram!(HTTP_DURATION, Unit::Seconds, "Time from a request's head to its answer");
    describe_gauge!(HTTP_IN_FLIGHT, "Requests being worked on");
    describe_gauge!(CONNECTIONS_OPEN, "Connections open");
    describe_counter!(CONNECTIONS_CLOSED, "Connections the server closed or did not take, by reason");
}

fn describe_outcomes() {
    describe_counter!(CLAIMS, "Attempts to claim an event's rewards, by outcome");
    describe_counter!(ACTIVITIES, "Activities reported, by outcome");
    describe_histogram!(FACT_DURATION, Unit::Seconds, "Time to load the facts a condition names");
    describe_counter!(LOGINS, "Attempts to log in, by outcome");
    describe_counter!(SESSION_CHECKS, "Session checks asked, and calls made for them");
    describe_gauge!(QUEUE_DEPTH, "Pieces of work that wait");
    describe_gauge!(QUEUE_CAPACITY, "How many pieces of work may wait");
    describe_counter!(QUEUE_REFUSED, "Work refused since too much waited or its turn came too late");
}

fn describe_stores() {
    describe_gauge!(DEPENDENCY_UP, "1 if it did its work when it was last asked, writes included, else 0");
    describe_histogram!(STORE_DURATION, Unit::Seconds, "Time of a store's operation, waiting included");
    describe_counter!(STORE_FAILURES, "Operations of a store that failed or came too late");
    describe_gauge!(STORE_DISK_AVAILABLE, Unit::Bytes, "What may still be written where the file is");
    describe_gauge!(STORE_DISK_SIZE, Unit::Bytes, "The whole file system where the file is");
    describe_gauge!(STORE_FILE_SIZE, Unit::Bytes, "The store's file with its write-ahead log");
}

fn describe_workers() {
    describe_gauge!(
        INVARIANT_VIOLATIONS,
        "Violations that the last look at what must always be true has found"
    );
    describe_counter!(WORKER_RUNS, "Steps that workers have done, failed ones included");
    describe_counter!(WORKER_FAILURES, "Steps that failed");
    describe_counter!(WORKER_PROCESSED, "Pieces of work that workers have finished");
    describe_gauge!(WORKER_BACKLOG_AGE, Unit::Seconds, "Age of the oldest piece of work that waits");
    describe_gauge!(WORKER_LAST_SUCCESS, Unit::Seconds, "When a step last succeeded, since 1970");
}

/// Reads what is looked up only when somebody asks: the `process_*` figures (memory, CPU, threads, open files) and how much
/// waits in each queue.
pub(crate) fn collect_on_demand() {
    Collector::default().collect();
    queue_figures::collect_queue_depths();
}

/// A counter for each value of one label. All are made at once, so that each is there with 0 before its first event:
/// only then does a rate see that event.
pub struct LabelCounters<K: Enum>(EnumMap<K, Counter>);

impl<K: Enum + Copy> LabelCounters<K> {
    /// The counters called `name`, whose `label` takes the names that `value_name` gives. Call it after [`install`].
    pub fn new(name: &'static str, label: &'static str, value_name: fn(K) -> &'static str) -> Self {
        Self(EnumMap::from_fn(|value| metrics::counter!(name, label => value_name(value))))
    }

    /// One more with this value.
    pub fn count(&self, value: K) {
        self.count_many(value, 1);
    }

    /// So many more with this value.
    pub fn count_many(&self, value: K, number: usize) {
        self.0[value].increment(u64::try_from(number).unwrap_or(u64::MAX));
    }
}

impl<K: Enum> std::fmt::Debug for LabelCounters<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LabelCounters")
    }
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
