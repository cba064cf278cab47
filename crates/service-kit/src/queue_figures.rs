//! What operators see of a queue: how much waits, how much may wait, what was refused.
//!
//! Queues know their length, so it is asked when figures are read and costs nothing while work passes through.

use std::fmt;

use metrics::{Counter, Gauge};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::metrics::{QUEUE_CAPACITY, QUEUE_DEPTH, QUEUE_REFUSED};

/// All queues of the process that were there when somebody last looked.
static WATCHED: Mutex<Vec<WatchedQueue>> = Mutex::new(Vec::new());

struct WatchedQueue {
    depth: Gauge,
    /// How much waits; `None` once the queue is gone.
    length: Box<dyn Fn() -> Option<usize> + Send>,
}

/// The figures of one queue that are counted as things happen.
#[derive(Clone)]
pub struct QueueFigures {
    refused: Counter,
}

impl fmt::Debug for QueueFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueFigures")
    }
}

impl QueueFigures {
    /// Shows what waits in this channel as `queue`, for as long as it has senders.
    pub fn watch<T: Send + 'static>(queue: &'static str, channel: &mpsc::Sender<T>) -> Self {
        capacity_gauge(queue).set(count_as_gauge(channel.max_capacity()));
        let channel = channel.downgrade();
        let length = move || channel.upgrade().map(|open| open.max_capacity() - open.capacity());
        let mut watched = WATCHED.lock();
        watched.retain(|queue| (queue.length)().is_some());
        watched.push(WatchedQueue { depth: depth_gauge(queue), length: Box::new(length) });
        Self::counted(queue)
    }

    /// For a queue that follows its own length.
    pub fn counted(queue: &'static str) -> Self {
        Self { refused: metrics::counter!(QUEUE_REFUSED, "queue" => queue) }
    }

    /// Something was not taken, or waited in vain.
    pub fn note_refusal(&self) {
        self.refused.increment(1);
    }
}

/// How much waits in a queue that follows its own length.
pub fn depth_gauge(queue: &'static str) -> Gauge {
    metrics::gauge!(QUEUE_DEPTH, "queue" => queue)
}

/// How much may wait in a queue.
pub fn capacity_gauge(queue: &'static str) -> Gauge {
    metrics::gauge!(QUEUE_CAPACITY, "queue" => queue)
}

/// A number of things as a gauge takes it.
#[allow(clippy::cast_precision_loss, reason = "what a process holds is far below 2^52")]
pub fn count_as_gauge(count: usize) -> f64 {
    count as f64
}

/// Asks every queue how much waits in it.
pub(crate) fn collect_queue_depths() {
    WATCHED.lock().retain(|queue| {
        let length = (queue.length)();
        queue.depth.set(count_as_gauge(length.unwrap_or_default()));
        length.is_some()
    });
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn what_waits_is_seen_when_somebody_looks_and_nothing_is_left_of_a_queue_that_is_gone() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let _local = metrics::set_default_local_recorder(&recorder);
        let shown = |line: &str| {
            collect_queue_depths();
            recorder.handle().render().lines().any(|shown| shown == line)
        };
        let (sender, mut receiver) = mpsc::channel(8);
        let figures = QueueFigures::watch("letters", &sender);
        assert!(shown("guerdon_queue_depth{queue=\"letters\"} 0"));
        assert!(shown("guerdon_queue_capacity{queue=\"letters\"} 8"));
        assert!(shown("guerdon_queue_refused_total{queue=\"letters\"} 0"));
        for letter in ["a", "b", "c"] {
            sender.try_send(letter).unwrap();
        }
        figures.note_refusal();
        assert!(shown("guerdon_queue_depth{queue=\"letters\"} 3"));
        assert!(shown("guerdon_queue_refused_total{queue=\"letters\"} 1"));
        receiver.try_recv().unwrap();
        assert!(shown("guerdon_queue_depth{queue=\"letters\"} 2"));
        drop(sender);
        assert!(shown("guerdon_queue_depth{queue=\"letters\"} 0"));
    }
}
