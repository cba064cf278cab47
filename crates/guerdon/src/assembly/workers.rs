//! The background work of a process: collected while its services are built, run beside its requests.

use std::sync::Arc;

use domain::Clock;
use service_kit::worker::{WakeUp, Worker, WorkerSet};
use tokio_util::sync::CancellationToken;

type StartWorker = Box<dyn FnOnce(&mut WorkerSet) + Send>;

/// Workers that do not run yet.
#[derive(Default)]
pub(super) struct PendingWorkers(Vec<StartWorker>);

impl PendingWorkers {
    /// Adds a worker that nobody needs to wake.
    pub(super) fn add(&mut self, worker: impl Worker) {
        self.0.push(Box::new(move |set| set.start(worker)));
    }

    /// Adds a worker that also runs when it is woken.
    pub(super) fn add_woken_by(&mut self, wake_up: WakeUp, worker: impl Worker) {
        self.0.push(Box::new(move |set| set.start_woken_by(wake_up, worker)));
    }

    /// Runs all of them until `stop`, and then until each has finished its step.
    pub(super) async fn run_to_end(self, stop: CancellationToken, clock: Arc<dyn Clock>) {
        let mut set = WorkerSet::new(stop, clock);
        for start in self.0 {
            start(&mut set);
        }
        set.run_to_end().await;
    }
}
