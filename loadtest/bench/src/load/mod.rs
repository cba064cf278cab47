//! A closed loop of many connections, as fast as they are answered or at a given pace.

mod pacing;

use std::{
    cell::RefCell,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::future::join_all;
use hdrhistogram::Histogram;
use memchr::memmem::Finder;

use crate::{
    bench_error::{BenchError, BenchResult},
    http_connection::{HttpAnswer, HttpConnection},
};

use self::pacing::Pacemaker;

/// Digits that a latency keeps.
const DIGITS: u8 = 3;
/// How much of an unexpected answer is shown.
const SAMPLE_BYTES: usize = 300;

/// Makes the next request; false when there is none left.
pub(crate) type RequestSource<'a> = &'a dyn Fn(&mut Vec<u8>) -> bool;

/// What each answer must be.
#[derive(Debug)]
pub(crate) struct ExpectedAnswer {
    status: u16,
    marker: Finder<'static>,
}

impl ExpectedAnswer {
    /// This status, and this text somewhere in the body.
    pub(crate) fn new(status: u16, marker: &str) -> Self {
        Self { status, marker: Finder::new(marker).into_owned() }
    }

    fn is_met_by(&self, answer: &HttpAnswer<'_>) -> bool {
        answer.status == self.status && self.marker.find(answer.body).is_some()
    }
}

/// What is sent where, for how long.
pub(crate) struct LoadPlan<'a> {
    pub(crate) target: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
    /// Requests a second, evenly spread; none: each connection sends its next at once.
    pub(crate) pace: Option<f64>,
    pub(crate) source: RequestSource<'a>,
    pub(crate) expected: &'a ExpectedAnswer,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct LoadResult {
    /// Pieces of work that were done: answers as expected, rows, hashes.
    pub(crate) done: u64,
    pub(crate) elapsed: Duration,
    /// In microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// Answers that were not as expected.
    pub(crate) unexpected: u64,
    /// The first of them.
    pub(crate) sample: Option<String>,
    /// What the measured processes used of the processors.
    pub(crate) cpu: Duration,
}

impl LoadResult {
    pub(crate) fn new() -> BenchResult<Self> {
        let latencies = Histogram::new(DIGITS).map_err(|error| BenchError::Unusable(error.to_string()))?;
        Ok(Self {
            done: 0,
            elapsed: Duration::ZERO,
            latencies,
            unexpected: 0,
            sample: None,
            cpu: Duration::ZERO,
        })
    }

    /// Work done a second.
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn rate(&self) -> f64 {
        self.done as f64 / self.elapsed.as_secs_f64()
    }

    /// Microseconds of processor time for a piece of work.
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.done.max(1) as f64
    }

    pub(crate) fn record_latency(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        // It grows by itself, and every u64 fits.
        let _ = self.latencies.record(micros);
    }

    fn count(&mut self, expected: &ExpectedAnswer, answer: &HttpAnswer<'_>, latency: Duration) {
        if expected.is_met_by(answer) {
            self.done += 1;
            self.record_latency(latency);
            return;
        }
        self.unexpected += 1;
        self.sample.get_or_insert_with(|| {
            let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(SAMPLE_BYTES)]);
            format!("{} {body}", answer.status)
        });
    }
}

/// Opens the connections, then sends until the time is over or the source has nothing left.
pub(crate) async fn run_load(plan: &LoadPlan<'_>) -> BenchResult<LoadResult> {
    let connections = join_all((0..plan.connections).map(|_| HttpConnection::open(plan.target))).await;
    let connections = connections.into_iter().collect::<Result<Vec<_>, _>>()?;
    let result = RefCell::new(LoadResult::new()?);
    let started = Instant::now();
    let pacemaker = plan.pace.map(|pace| Pacemaker::start(pace, plan.duration));
    let drivers = connections
        .into_iter()
        .map(|connection| drive(connection, plan, pacemaker.as_ref(), started, &result));
    for driven in join_all(drivers).await {
        driven?;
    }
    let mut result = result.into_inner();
    result.elapsed = started.elapsed();
    Ok(result)
}

async fn drive(
    mut connection: HttpConnection,
    plan: &LoadPlan<'_>,
    pacemaker: Option<&Pacemaker>,
    started: Instant,
    result: &RefCell<LoadResult>,
) -> BenchResult<()> {
    let mut request = Vec::new();
    loop {
        let due = match pacemaker {
            // From when it was due: a server that is late for one request is late for those behind it, too.
            Some(pacemaker) => pacemaker.next_due().await,
            None => (started.elapsed() < plan.duration).then(Instant::now),
        };
        let Some(due) = due else { return Ok(()) };
        if !(plan.source)(&mut request) {
            return Ok(());
        }
        let answer = connection.exchange(&request).await?;
        result.borrow_mut().count(plan.expected, &answer, due.elapsed());
    }
}

/// Connections that were used once and then stay open and silent, until it is dropped.
pub(crate) async fn hold_connections(plan: &LoadPlan<'_>) -> BenchResult<Vec<HttpConnection>> {
    let mut held = Vec::with_capacity(plan.connections);
    let mut request = Vec::new();
    while held.len() < plan.connections {
        let mut connection = HttpConnection::open(plan.target).await?;
        (plan.source)(&mut request);
        let answer = connection.exchange(&request).await?;
        if !plan.expected.is_met_by(&answer) {
            return Err(BenchError::Unusable(format!("an idle connection was answered {}", answer.status)));
        }
        held.push(connection);
    }
    Ok(held)
}
