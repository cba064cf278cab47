use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use service_kit::{
    budget::QUEUE_WAIT,
    metrics::QUEUE_DEPTH,
    problem::{Code, Problem},
};
use tokio::{sync::oneshot, time::timeout};

use super::{HashError, Hasher, Password};

/// Passwords waiting per thread. A hash takes about 25 ms, so the last of them waits under 2 s; whoever comes after is
/// refused at once instead of waiting in vain.
const WAITING_PER_THREAD: usize = 64;
/// What a refused caller is told to wait, in seconds: the time a full queue takes to empty.
const RETRY_AFTER_SECONDS: u64 = 2;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many are waiting already.
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
                Problem::new(Code::Unavailable).retry_after(RETRY_AFTER_SECONDS)
            }
            PasswordError::Hash(_) => Problem::new(Code::Internal),
        };
        problem.caused_by(error)
    }
}

/// Threads that hash passwords, each with its own Argon2 memory, behind one bounded queue. Cheap to clone; the threads
/// end when the last clone is dropped.
///
/// Hashing takes a core for tens of milliseconds. On threads of its own it never holds up the async ones, and the
/// system shares the cores out.
#[derive(Debug, Clone)]
pub struct PasswordPool {
    queue: SyncSender<Job>,
}

#[derive(Debug)]
enum Job {
    Hash(Password, oneshot::Sender<Result<String, HashError>>),
    Verify(Password, Option<String>, oneshot::Sender<Result<bool, HashError>>),
}

impl PasswordPool {
    /// One thread per core.
    pub fn start() -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::with(threads, threads * WAITING_PER_THREAD)
    }

    /// So many threads, and so many passwords waiting for them at most.
    pub fn with(threads: usize, waiting: usize) -> Self {
        let (queue, jobs) = sync_channel(waiting);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads {
            let jobs = Arc::clone(&jobs);
            let thread = thread::Builder::new().name(format!("password-{number}"));
            if let Err(error) = thread.spawn(move || work(&jobs)) {
                tracing::error!(%error, "a thread for hashing passwords did not start");
            }
        }
        Self { queue }
    }

    /// A PHC string for a new password.
    pub async fn hash(&self, password: Password) -> Result<String, PasswordError> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Hash(password, reply))?;
        within_limit(answer).await
    }

    /// Whether this is the password behind a PHC string. `None`, for a user who does not exist, takes as long to give
    /// `false`.
    pub async fn verify(&self, password: Password, phc: Option<String>) -> Result<bool, PasswordError> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Verify(password, phc, reply))?;
        within_limit(answer).await
    }

    fn enqueue(&self, job: Job) -> Result<(), PasswordError> {
        // Counted before it can be taken out, so that the gauge never dips below zero.
        let depth = metrics::gauge!(QUEUE_DEPTH, "queue" => "password");
        depth.increment(1.0);
        self.queue.try_send(job).map_err(|_| {
            depth.decrement(1.0);
            PasswordError::Busy
        })
    }
}

/// Waits for a hash no longer than anything waits in a queue; the thread then skips it, since nobody listens any more.
async fn within_limit<T>(answer: oneshot::Receiver<Result<T, HashError>>) -> Result<T, PasswordError> {
    match timeout(QUEUE_WAIT, answer).await {
        Ok(Ok(hashed)) => Ok(hashed?),
        Ok(Err(_)) => Err(PasswordError::Stopped),
        Err(_) => Err(PasswordError::Busy),
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    let mut hasher = Hasher::default();
    loop {
        // The lock is held while waiting: the threads queue up behind it and take turns.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        metrics::gauge!(QUEUE_DEPTH, "queue" => "password").decrement(1.0);
        job.run(&mut hasher);
    }
}

impl Job {
    /// Skips the work if whoever asked has gone: under a flood, most of those who waited long have.
    fn run(self, hasher: &mut Hasher) {
        match self {
            Job::Hash(password, reply) if !reply.is_closed() => {
                let _ = reply.send(hasher.hash(&password));
            }
            Job::Verify(password, phc, reply) if !reply.is_closed() => {
                let _ = reply.send(hasher.verify(&password, phc.as_deref()));
            }
            Job::Hash(..) | Job::Verify(..) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, time::Duration};

    use futures::future::join_all;

    use super::*;

    fn password(text: &str) -> Password {
        Password::try_from(text.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_what_was_accepted_is_answered() {
        let pool = PasswordPool::with(1, 2);
        let answers = join_all((0..20).map(|_| pool.verify(password("x"), None))).await;
        let refused = answers.iter().filter(|answer| matches!(answer, Err(PasswordError::Busy))).count();
        let answered = answers.iter().filter(|answer| matches!(answer, Ok(false))).count();
        assert_eq!(refused + answered, 20);
        assert!((2..=4).contains(&answered), "{answered}");
        let phc = pool.hash(password("correct horse")).await.unwrap();
        assert!(pool.verify(password("correct horse"), Some(phc)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_waits_for_the_passwords_of_those_who_left() {
        // Four billion passes: whoever is not skipped keeps the thread busy for hours.
        const ENDLESS: &str =
            "$argon2id$v=19$m=64,t=4294967295,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let (queue, jobs) = sync_channel(201);
        let pool = PasswordPool { queue };
        for _ in 0..200 {
            let leaves = pin!(pool.verify(password("x"), Some(ENDLESS.to_owned())));
            assert!(futures::poll!(leaves).is_pending());
        }
        let mut stays = pin!(pool.verify(password("x"), None));
        assert!(futures::poll!(&mut stays).is_pending());
        thread::spawn(move || work(&Mutex::new(jobs)));
        let answer = tokio::time::timeout(Duration::from_mins(1), stays).await;
        assert!(!answer.expect("the thread works for those who left").unwrap());
    }

    #[tokio::test]
    async fn a_pool_without_threads_refuses() {
        assert!(PasswordPool::with(0, 10).hash(password("x")).await.is_err());
    }
}
