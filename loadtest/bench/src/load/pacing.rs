//! Requests at a given pace, whatever the answers take. tokio's timers count whole milliseconds, in which a fast
//! server gets a hundred requests at once; so a thread of its own sleeps much less and wakes the connections.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

/// How often the thread looks whether requests are due.
const TICK: Duration = Duration::from_micros(100);

/// Says when each request is due.
#[derive(Debug)]
pub(crate) struct Pacemaker {
    shared: Arc<DueRequests>,
}

#[derive(Debug)]
struct DueRequests {
    permits: Semaphore,
    due: Mutex<VecDeque<Instant>>,
}

impl Pacemaker {
    /// Starts now, and ends after this time.
    pub(crate) fn start(pace: f64, duration: Duration) -> Self {
        let shared = Arc::new(DueRequests { permits: Semaphore::new(0), due: Mutex::default() });
        let ticking = Arc::clone(&shared);
        thread::spawn(move || ticking.tick(pace, duration));
        Self { shared }
    }

    /// When the next request that nobody has taken is due, once it is; none at the end.
    pub(crate) async fn next_due(&self) -> Option<Instant> {
        self.shared.permits.acquire().await.ok()?.forget();
        self.shared.due.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl DueRequests {
    fn tick(&self, pace: f64, duration: Duration) {
        let started = Instant::now();
        let mut given = 0;
        while started.elapsed() < duration {
            thread::sleep(TICK);
            let all = due_after(pace, started.elapsed());
            let now = Instant::now();
            let count = all.saturating_sub(given);
            given += count;
            self.due.lock().unwrap_or_else(PoisonError::into_inner).extend(std::iter::repeat_n(now, count));
            self.permits.add_permits(count);
        }
        // Requests nobody came to take are not sent any more.
        self.permits.close();
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a run has millions of requests")]
fn due_after(pace: f64, elapsed: Duration) -> usize {
    (pace * elapsed.as_secs_f64()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_become_due_at_the_pace_and_end_with_the_time() {
        let pacemaker = Pacemaker::start(1000.0, Duration::from_millis(300));
        let mut count = 0;
        while pacemaker.next_due().await.is_some() {
            count += 1;
        }
        assert!((200..=301).contains(&count), "{count}");
    }
}
