use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use domain::{Clock, RandomSource};
use futures::FutureExt;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{StepReport, WakeUp, Worker, figures::WorkerFigures};
use crate::budget;

/// How long to wait after a first failure. Each further one doubles it.
const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
/// The longest wait after a failure, unless the worker's period is longer still.
const LONGEST_BACK_OFF: Duration = Duration::from_mins(1);
/// By how much of itself a wait is shortened or lengthened at random, so that replicas do not work in step.
const JITTER: f64 = 0.1;

/// The workers of a process. They run until `stop`, each in a task of its own.
pub struct WorkerSet {
    stop: CancellationToken,
    clock: Arc<dyn Clock>,
    tasks: JoinSet<&'static str>,
    names: Vec<&'static str>,
}

impl std::fmt::Debug for WorkerSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerSet").field("names", &self.names).finish_non_exhaustive()
    }
}

impl WorkerSet {
    /// No workers yet. The clock dates their figures.
    pub fn new(stop: CancellationToken, clock: Arc<dyn Clock>) -> Self {
        Self { stop, clock, tasks: JoinSet::new(), names: Vec::new() }
    }

    /// Starts a worker that nobody needs to wake. Its first step begins at once. Needs a runtime.
    pub fn start(&mut self, worker: impl Worker) {
        self.start_woken_by(WakeUp::new(), worker);
    }

    /// Starts a worker that also runs when `wake_up` is called. Its first step begins at once. Needs a runtime.
    pub fn start_woken_by(&mut self, wake_up: WakeUp, worker: impl Worker) {
        let name = worker.name();
        let driver = WorkerDriver {
            figures: WorkerFigures::new(name),
            worker,
            wake_up,
            stop: self.stop.clone(),
            clock: Arc::clone(&self.clock),
            random: RandomSource::new(),
        };
        self.names.push(name);
        self.tasks.spawn(async move {
            driver.run().await;
            name
        });
    }

    /// Waits until the process is to stop and every worker has finished its step, but after that at most
    /// [`budget::DRAIN`]: what still runs then is dropped, as in a crash.
    pub async fn run_to_end(mut self) {
        self.stop.cancelled().await;
        let drained = timeout(budget::DRAIN, async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Ok(name) = ended {
                    self.names.retain(|running| *running != name);
                }
            }
        });
        if drained.await.is_err() {
            tracing::warn!(workers = ?self.names, "workers were still busy at the end");
        }
    }
}

struct WorkerDriver<W> {
    worker: W,
    wake_up: WakeUp,
    stop: CancellationToken,
    clock: Arc<dyn Clock>,
    random: RandomSource,
    figures: WorkerFigures,
}

impl<W: Worker> WorkerDriver<W> {
    async fn run(self) {
        let mut failures = 0;
        while !self.stop.is_cancelled() {
            let wait = if let Some(report) = self.step().await {
                if failures > 0 {
                    tracing::info!(worker = self.worker.name(), "the worker works again");
                }
                failures = 0;
                if report.has_more() {
                    tokio::task::yield_now().await;
                    continue;
                }
                self.worker.period()
            } else {
                failures += 1;
                back_off(failures, self.worker.period())
            };
            tokio::select! {
                () = sleep(with_jitter(wait, &self.random)) => {}
                () = self.wake_up.called(), if failures == 0 => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// One step; `None` if it failed. A step that panics has failed like any other.
    async fn step(&self) -> Option<StepReport> {
        let worker = self.worker.name();
        match AssertUnwindSafe(self.worker.step()).catch_unwind().await {
            Ok(Ok(report)) => {
                self.figures.note_success(report, &*self.clock);
                return Some(report);
            }
            Ok(Err(error)) => tracing::warn!(worker, %error, "a worker's step failed"),
            Err(_) => tracing::error!(worker, "a worker's step panicked"),
        }
        self.figures.note_failure();
        None
    }
}

/// How long to wait after so many failures in a row, at least one.
fn back_off(failures: u32, period: Duration) -> Duration {
    let doubled = FIRST_BACK_OFF.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LONGEST_BACK_OFF.max(period))
}

/// The wait, up to a tenth shorter or longer; `fraction` lies between 0 and 1.
fn with_jitter(wait: Duration, random: &RandomSource) -> Duration {
    // From 0 up to 1.
    let fraction = f64::from(u32::from_be_bytes(random.bytes())) / f64::from(u32::MAX);
    wait.mul_f64(1.0 + JITTER * (2.0 * fraction - 1.0))
}

#[cfg(test)]
mod tests;
