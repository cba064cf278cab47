//! Threads that hash passwords, and the queue in front of them.
//!
//! The queue is bounded by time: whoever would not be answered within [`QUEUE_WAIT`] is refused, at once
//! where that can be foreseen, else at that time. No thread works for a caller who no longer waits.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Instant,
};

use domain::RandomSource;
use metrics::Gauge;
use service_kit::{
    budget::QUEUE_WAIT,
    problem::{Problem, ProblemCode},
    queue_figures::{QueueFigures, capacity_gauge, count_as_gauge, depth_gauge},
    traces::start_ask_span,
};
use tokio::{sync::oneshot, time::timeout};
use tracing::Instrument;

use super::{
    HashError, Hasher, Password,
    queue_load::{QueueLoad, QueuePlace},
};

/// Most passwords waiting per thread, however short hashes are: a bound on the memory of the queue.
const WAITING_PER_THREAD: usize = 256;
/// What operators call the queue.
const QUEUE: &str = "password";
/// What a refused caller is told to wait, in seconds: the time a full queue takes to empty.
const RETRY_AFTER_SECONDS: u64 = 2;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many are waiting already, or it has waited for too long.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// The threads have ended.
    #[error("no thread is left to hash passwords")]
    Stopped,
    /// It could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        let problem = match error {
            PasswordError::Busy | PasswordError::Stopped => {
                Problem::new(ProblemCode::Unavailable).retry_after(RETRY_AFTER_SECONDS)
            }
            PasswordError::Hash(_) => Problem::new(ProblemCode::Internal),
        };
        problem.caused_by(error)
    }
}

/// Threads that hash passwords, each with its own Argon2 memory, behind one bounded queue. Cheap to clone;
/// the threads end when the last clone is dropped.
///
/// Hashing takes a core for tens of milliseconds. On threads of its own it never holds up the async ones, and
/// the system shares the cores out.
#[derive(Debug, Clone)]
pub struct PasswordPool {
    queue: SyncSender<PasswordJob>,
    load: Arc<QueueLoad>,
    figures: PasswordFigures,
}

/// The figures of the queue. Its depth is followed here, since a channel for threads does not know its length.
#[derive(Clone)]
struct PasswordFigures {
    depth: Gauge,
    capacity: Gauge,
    refused: QueueFigures,
    /// Most that fit, however short hashes are.
    places: usize,
}

impl fmt::Debug for PasswordFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordFigures")
    }
}

impl PasswordFigures {
    fn new(places: usize, load: &QueueLoad) -> Self {
        let figures = Self {
            depth: depth_gauge(QUEUE),
            capacity: capacity_gauge(QUEUE),
            refused: QueueFigures::counted(QUEUE),
            places,
        };
        figures.show_capacity(load);
        figures
    }

    /// How many may wait depends on what a hash costs lately.
    fn show_capacity(&self, load: &QueueLoad) {
        self.capacity.set(count_as_gauge(load.waiting_in_time().min(self.places)));
    }
}

type PasswordAnswer<T> = Result<T, PasswordError>;

/// Does the work with a hasher, or passes on why there is none. Gives whether a hash was made.
type PasswordWork = Box<dyn FnOnce(PasswordAnswer<&mut Hasher>) -> bool + Send>;

struct PasswordJob {
    /// Whoever waits has no use for an answer to work that begins later.
    start_by: Instant,
    work: PasswordWork,
    place: QueuePlace,
}

impl PasswordPool {
    /// One thread per core.
    pub fn start(salts: &RandomSource) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::with_salts(threads, threads * WAITING_PER_THREAD, salts)
    }

    /// So many threads, and so many passwords waiting for them at most, with the machine's own randomness.
    #[cfg(test)]
    pub(crate) fn with(threads: usize, waiting: usize) -> Self {
        Self::with_salts(threads, waiting, &RandomSource::new())
    }

    /// So many threads, so many passwords waiting for them at most, and where salts come from.
    fn with_salts(threads: usize, waiting: usize, salts: &RandomSource) -> Self {
        let (pool, jobs) = Self::without_threads(threads, waiting);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads {
            let (jobs, load, figures) = (Arc::clone(&jobs), Arc::clone(&pool.load), pool.figures.clone());
            let hasher = Hasher::new(salts.clone());
            let thread = thread::Builder::new().name(format!("password-{number}"));
            if let Err(error) = thread.spawn(move || run_jobs(&jobs, &load, &figures, hasher)) {
                tracing::error!(%error, "a thread for hashing passwords did not start");
            }
        }
        pool
    }

    fn without_threads(threads: usize, waiting: usize) -> (Self, Receiver<PasswordJob>) {
        let (queue, jobs) = sync_channel(waiting);
        let load = Arc::new(QueueLoad::new(threads));
        let figures = PasswordFigures::new(waiting, &load);
        (Self { queue, load, figures }, jobs)
    }

    /// A PHC string for a new password. [`PasswordError::Busy`] after 1.8 s at the latest.
    pub async fn hash(&self, password: Password) -> Result<String, PasswordError> {
        self.run_on_thread(move |hasher| hasher.hash(&password)).await
    }

    /// Whether this is the password behind a PHC string. `None`, for a user who does not exist, takes as long
    /// to give `false`. [`PasswordError::Busy`] after 1.8 s at the latest.
    pub async fn verify(&self, password: Password, phc: Option<String>) -> Result<bool, PasswordError> {
        self.run_on_thread(move |hasher| hasher.verify(&password, phc.as_deref())).await
    }

    async fn run_on_thread<T, F>(&self, task: F) -> PasswordAnswer<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Hasher) -> Result<T, HashError> + Send + 'static,
    {
        let answer = self.run_in_turn(task).instrument(start_ask_span(QUEUE)).await;
        if matches!(answer, Err(PasswordError::Busy)) {
            self.figures.refused.note_refusal();
        }
        answer
    }

    async fn run_in_turn<T, F>(&self, task: F) -> PasswordAnswer<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Hasher) -> Result<T, HashError> + Send + 'static,
    {
        let answer = self.enqueue_task(task)?;
        match timeout(QUEUE_WAIT, answer).await {
            Ok(answered) => answered.map_err(|_| PasswordError::Stopped)?,
            Err(_) => Err(PasswordError::Busy),
        }
    }

    fn enqueue_task<T, F>(&self, task: F) -> PasswordAnswer<oneshot::Receiver<PasswordAnswer<T>>>
    where
        T: Send + 'static,
        F: FnOnce(&mut Hasher) -> Result<T, HashError> + Send + 'static,
    {
        let place = self.load.take_place().ok_or(PasswordError::Busy)?;
        let (reply, answer) = oneshot::channel();
        let work: PasswordWork = Box::new(move |turn| {
            // Whoever asked may have gone: under a flood, most of those who waited long have.
            if reply.is_closed() {
                return false;
            }
            let result = turn.and_then(|hasher| Ok(task(hasher)?));
            let hashed = result.is_ok();
            let _ = reply.send(result);
            hashed
        });
        let job = PasswordJob { start_by: Instant::now() + self.load.longest_wait(), work, place };
        // Counted before it can be taken out, so that the gauge never dips below zero.
        self.figures.depth.increment(1.0);
        self.queue.try_send(job).map_err(|refused| {
            self.figures.depth.decrement(1.0);
            match refused {
                TrySendError::Full(_) => PasswordError::Busy,
                TrySendError::Disconnected(_) => PasswordError::Stopped,
            }
        })?;
        Ok(answer)
    }
}

impl PasswordJob {
    /// Does the work, unless it is too late for it by now. Gives whether a hash was made.
    fn run_at(self, now: Instant, hasher: &mut Hasher) -> bool {
        let turn = if now <= self.start_by { Ok(hasher) } else { Err(PasswordError::Busy) };
        let is_done = (self.work)(turn);
        drop(self.place);
        is_done
    }
}

impl fmt::Debug for PasswordJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordJob").field("start_by", &self.start_by).finish_non_exhaustive()
    }
}

fn run_jobs(
    jobs: &Mutex<Receiver<PasswordJob>>,
    load: &QueueLoad,
    figures: &PasswordFigures,
    mut hasher: Hasher,
) {
    loop {
        // The lock is held while waiting: the threads queue up behind it and take turns.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        figures.depth.decrement(1.0);
        let started = Instant::now();
        if job.run_at(started, &mut hasher) {
            load.record_cost(started.elapsed());
            figures.show_capacity(load);
        }
    }
}

#[cfg(test)]
impl PasswordPool {
    /// Takes the thread and all places of a pool of one thread, until the guard is dropped.
    pub(crate) async fn fill_queue(&self) -> impl Sized + use<> {
        let (gate, closed) = sync_channel::<()>(0);
        let (begun, begins) = oneshot::channel();
        let mut guards = vec![self.enqueue_task(move |_| {
            let _ = begun.send(());
            // Until the sender is dropped.
            let _ = closed.recv();
            Ok(())
        })];
        begins.await.expect("the thread takes the first");
        while guards.last().is_some_and(Result::is_ok) {
            guards.push(self.enqueue_task(|_| Ok(())));
        }
        (gate, guards)
    }
}

#[cfg(test)]
mod tests;
