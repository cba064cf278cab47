//! All connections of the process, so that descriptors never run out.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::Gauge;
use parking_lot::Mutex;

use super::activity::{CloseReason, ConnectionActivity};
use crate::metrics::{CONNECTIONS_CLOSED, CONNECTIONS_OPEN, LabelCounters};

/// The share of all connections that is closed at once when room is needed: it spares a search for each
/// newcomer.
const EVICTED_SHARE: usize = 32;

/// What is open, up to a number. Past it the connections that have been idle the longest make room.
pub(super) struct OpenConnections {
    capacity: usize,
    next_key: AtomicU64,
    table: Mutex<ConnectionTable>,
    open: Gauge,
    closed: LabelCounters<CloseReason>,
}

impl fmt::Debug for OpenConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenConnections").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct ConnectionTable {
    by_key: HashMap<u64, Arc<ConnectionActivity>>,
    /// How many of them were told to go and have not gone yet.
    leaving: usize,
}

impl OpenConnections {
    /// At most `capacity` connections at a time.
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity: capacity.max(1),
            next_key: AtomicU64::new(0),
            table: Mutex::default(),
            open: metrics::gauge!(CONNECTIONS_OPEN),
            closed: LabelCounters::new(CONNECTIONS_CLOSED, "reason", CloseReason::label),
        })
    }

    /// Enters a new connection. `None` if all others are at work, so that it cannot be taken.
    pub(super) fn enter(self: &Arc<Self>) -> Option<ConnectionEntry> {
        let mut table = self.table.lock();
        if table.by_key.len() - table.leaving >= self.capacity && !table.evict_idle(self.capacity) {
            self.closed.count(CloseReason::Refused);
            return None;
        }
        let activity = Arc::new(ConnectionActivity::new());
        let key = self.next_key.fetch_add(1, Ordering::Relaxed);
        table.by_key.insert(key, Arc::clone(&activity));
        drop(table);
        self.open.increment(1.0);
        Some(ConnectionEntry { key, activity, all: Arc::clone(self) })
    }

    /// Makes room at once, for when the system has no descriptor left all the same.
    pub(super) fn make_room(&self) {
        self.table.lock().evict_idle(self.capacity);
    }
}

impl ConnectionTable {
    /// Tells those that have been idle the longest to go. Whether there were any.
    fn evict_idle(&mut self, capacity: usize) -> bool {
        let mut idle: Vec<_> = self
            .by_key
            .values()
            .filter_map(|activity| activity.idle_rank().map(|rank| (rank, activity)))
            .collect();
        idle.sort_unstable_by_key(|(rank, _)| *rank);
        idle.truncate((capacity / EVICTED_SHARE).max(1));
        let evicted = idle.iter().filter(|(_, activity)| activity.evict()).count();
        self.leaving += evicted;
        evicted > 0
    }
}

/// A connection's place among the open ones, given up when this is dropped.
#[derive(Debug)]
pub(super) struct ConnectionEntry {
    key: u64,
    pub(super) activity: Arc<ConnectionActivity>,
    all: Arc<OpenConnections>,
}

impl ConnectionEntry {
    /// The server closed it.
    pub(super) fn count_close(&self, reason: CloseReason) {
        self.all.closed.count(reason);
    }
}

impl Drop for ConnectionEntry {
    fn drop(&mut self) {
        let mut table = self.all.table.lock();
        table.by_key.remove(&self.key);
        if self.activity.was_closed_for(CloseReason::Evicted) {
            table.leaving -= 1;
        }
        drop(table);
        self.all.open.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_evicted(entry: &ConnectionEntry) -> bool {
        entry.activity.was_closed_for(CloseReason::Evicted)
    }

    #[test]
    fn the_one_that_never_sent_a_request_makes_room_first_and_the_busy_one_never() {
        let open = OpenConnections::new(3);
        let busy = open.enter().unwrap();
        busy.activity.request_began(false);
        let served = open.enter().unwrap();
        served.activity.request_began(false);
        served.activity.request_ended();
        let silent = open.enter().unwrap();
        let fourth = open.enter().unwrap();
        assert!(is_evicted(&silent) && !is_evicted(&served));
        drop(silent);
        fourth.activity.request_began(false);
        let fifth = open.enter().unwrap();
        assert!(is_evicted(&served) && !is_evicted(&busy));
        fifth.activity.request_began(false);
        assert!(open.enter().is_none(), "all others are at work");
        drop(fifth);
        assert!(open.enter().is_some());
    }
}
