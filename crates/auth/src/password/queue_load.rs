//! How long the queue of passwords is in time, which decides who may join it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use service_kit::budget::QUEUE_WAIT;

/// What a hash is taken to cost until some have been measured.
const USUAL_COST: Duration = Duration::from_millis(25);
/// The newest hash changes the average by this part of the difference: an exponentially weighted moving
/// average.
const NEWEST_SHARE: u32 = 8;

/// What is in the queue and at work, and what a hash costs lately.
#[derive(Debug)]
pub(super) struct QueueLoad {
    threads: usize,
    unfinished: AtomicUsize,
    average_nanos: AtomicU64,
}

/// A place in the queue, given back when it is dropped.
#[derive(Debug)]
pub(super) struct QueuePlace {
    load: Arc<QueueLoad>,
}

impl QueueLoad {
    /// An empty queue in front of so many threads.
    pub(super) fn new(threads: usize) -> Self {
        let load = Self {
            threads: threads.max(1),
            unfinished: AtomicUsize::new(0),
            average_nanos: AtomicU64::new(0),
        };
        load.set_average_cost(USUAL_COST);
        load
    }

    /// How long a password may wait for a thread: the limit for an answer, less the time the hash itself
    /// takes. At least half of the limit, however costly hashes are.
    pub(super) fn longest_wait(&self) -> Duration {
        QUEUE_WAIT.saturating_sub(self.average_cost()).max(QUEUE_WAIT / 2)
    }

    /// A place in the queue; none if its turn would come too late. Whoever finds a thread idle always gets
    /// one, so that the average goes on being measured however high it is.
    pub(super) fn take_place(self: &Arc<Self>) -> Option<QueuePlace> {
        let ahead = self.unfinished.fetch_add(1, Relaxed);
        let place = QueuePlace { load: Arc::clone(self) };
        (self.expected_wait(ahead) <= self.longest_wait()).then_some(place)
    }

    /// How many may wait behind those at work: as many as have their turn in time.
    pub(super) fn waiting_in_time(&self) -> usize {
        let threads = u128::try_from(self.threads).unwrap_or(u128::MAX);
        let cost = self.average_cost().as_nanos().max(1);
        usize::try_from(self.longest_wait().as_nanos() * threads / cost).unwrap_or(usize::MAX)
    }

    /// Takes into account what a hash has cost. A very costly one counts as the limit at most.
    pub(super) fn record_cost(&self, took: Duration) {
        // Two threads at once may lose one measurement, which an average can bear.
        let average = self.average_cost();
        self.set_average_cost((average * (NEWEST_SHARE - 1) + took.min(QUEUE_WAIT)) / NEWEST_SHARE);
    }

    /// How long the next one waits behind so many.
    fn expected_wait(&self, ahead: usize) -> Duration {
        // One thread is idle as long as fewer than all are at work.
        let turns = (ahead + 1).saturating_sub(self.threads);
        let cost = self.average_cost().saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX));
        cost / u32::try_from(self.threads).unwrap_or(u32::MAX)
    }

    fn average_cost(&self) -> Duration {
        Duration::from_nanos(self.average_nanos.load(Relaxed))
    }

    fn set_average_cost(&self, cost: Duration) {
        self.average_nanos.store(u64::try_from(cost.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        self.load.unfinished.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    fn load_with_average(threads: usize, average: Duration) -> Arc<QueueLoad> {
        let load = QueueLoad::new(threads);
        load.set_average_cost(average);
        Arc::new(load)
    }

    fn take_all_places(load: &Arc<QueueLoad>) -> Vec<QueuePlace> {
        iter::from_fn(|| load.take_place()).collect()
    }

    #[test]
    fn as_many_are_admitted_as_have_their_turn_in_time() {
        // With 300 ms for the hash itself, 1500 ms are left: five turns of 300 ms behind the first.
        let load = load_with_average(1, Duration::from_millis(300));
        assert_eq!(load.waiting_in_time(), 5);
        assert_eq!(take_all_places(&load).len(), 6);
        let load = load_with_average(2, Duration::from_millis(300));
        assert_eq!(load.waiting_in_time(), 10);
        assert_eq!(take_all_places(&load).len(), 12);
    }

    #[test]
    fn a_place_that_is_given_back_is_free_for_the_next() {
        let load = load_with_average(1, Duration::from_millis(300));
        let mut places = take_all_places(&load);
        assert!(load.take_place().is_none());
        places.pop();
        assert!(load.take_place().is_some());
    }

    #[test]
    fn whoever_finds_a_thread_idle_is_admitted_however_costly_hashes_are() {
        let load = load_with_average(2, Duration::from_mins(1));
        assert_eq!(take_all_places(&load).len(), 2);
        assert_eq!(load.longest_wait(), QUEUE_WAIT / 2);
    }

    #[test]
    fn the_average_follows_what_hashes_cost_and_one_costly_hash_changes_it_little() {
        let load = load_with_average(1, Duration::from_millis(20));
        load.record_cost(Duration::from_mins(10));
        assert!(load.average_cost() <= Duration::from_millis(20) + QUEUE_WAIT / NEWEST_SHARE);
        for _ in 0..100 {
            load.record_cost(Duration::from_millis(40));
        }
        let off = load.average_cost().abs_diff(Duration::from_millis(40));
        assert!(off < Duration::from_millis(1), "{off:?}");
    }
}
