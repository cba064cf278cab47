//! Background work, driven in one way.
//!
//! A worker does one bounded step at a time and finds its own unfinished work, so that any number of replicas can run it and
//! a crash costs nothing. The driver decides when: every so often, at once when somebody says that there is work, again and
//! again while there is more, and ever more rarely while it fails.

mod driver;
mod figures;

use std::{error::Error, future::Future, sync::Arc, time::Duration};

use tokio::sync::Notify;

pub use self::driver::WorkerSet;

/// A piece of background work.
pub trait Worker: Send + Sync + 'static {
    /// Why a step failed. The driver logs it and tries again later.
    type Error: Error + Send + Sync + 'static;

    /// What operators call it, in lower case with underscores. It labels the figures.
    fn name(&self) -> &'static str;

    /// The time from the end of a step that left nothing to do until the next.
    fn period(&self) -> Duration;

    /// Does a bounded piece of the work there is. A step that is under way is finished even when the process is to end, so
    /// it must take well under [`budget::DRAIN`](crate::budget::DRAIN).
    fn step(&self) -> impl Future<Output = Result<StepReport, Self::Error>> + Send;
}

/// What a step did, and what it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepReport {
    /// How many pieces of work it finished.
    pub processed: u64,
    /// How long the oldest piece that could be done now has waited; `None` if nothing is left.
    pub oldest_waiting: Option<Duration>,
}

impl StepReport {
    /// So much was done, and nothing is left.
    pub const fn finished(processed: u64) -> Self {
        Self { processed, oldest_waiting: None }
    }

    /// Whether another step should follow at once. A step that got nothing done would only be repeated.
    const fn has_more(self) -> bool {
        self.processed > 0 && self.oldest_waiting.is_some()
    }
}

/// Tells a worker that there is work, so that it does not wait for its period. Cheap to clone; usable before it runs.
///
/// Calls while a step is under way make one more step follow. Calls while the worker waits after a failure do not hurry it.
#[derive(Debug, Clone, Default)]
pub struct WakeUp(Arc<Notify>);

impl WakeUp {
    /// One that nobody has called yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// There is work.
    pub fn call(&self) {
        self.0.notify_one();
    }

    async fn called(&self) {
        self.0.notified().await;
    }
}
