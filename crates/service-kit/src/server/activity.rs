//! What a connection is doing, and until when it may go on doing it.

use std::time::Duration;

use enum_map::Enum;
use futures::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::time::Instant;

/// The time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    /// From the first byte of a request's head to its end.
    pub(super) request_head: Duration,
    /// From the end of one request to the first byte of the next.
    pub(super) keep_alive: Duration,
    /// How long a client may leave unread what is waiting for it.
    pub(super) response_write: Duration,
}

/// Why the server closed a connection, or did not take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum CloseReason {
    /// The client began a request, or connected, and did not finish the request's head in time.
    HeadTimeout,
    /// No request came for as long as idle connections are kept.
    IdleTimeout,
    /// The client did not read its answer.
    WriteTimeout,
    /// Descriptors ran short, and this connection had been idle the longest.
    Evicted,
    /// Descriptors ran short, and no connection was idle.
    Refused,
}

impl CloseReason {
    /// As the metrics have it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::HeadTimeout => "head_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::Evicted => "evicted",
            Self::Refused => "refused",
        }
    }
}

/// Followed by the connection's socket and by its requests; read by the task that drives the connection.
#[derive(Debug)]
pub(super) struct ConnectionActivity {
    state: Mutex<ActivityState>,
    /// Wakes the task that drives the connection, so that it looks at the state again.
    pub(super) driver: AtomicWaker,
}

#[derive(Debug)]
struct ActivityState {
    /// When the connection was opened, when its last request ended, or when the head being read began.
    since: Instant,
    reading_head: bool,
    had_request: bool,
    is_http2: bool,
    in_flight: usize,
    write_blocked_since: Option<Instant>,
    closed_for: Option<CloseReason>,
}

/// How dear an idle connection is: those that never sent a request go first, then the oldest.
pub(super) type IdleRank = (bool, Instant);

impl ConnectionActivity {
    /// A connection that was just accepted: its first request is awaited from now on.
    pub(super) fn new() -> Self {
        let state = ActivityState {
            since: Instant::now(),
            reading_head: true,
            had_request: false,
            is_http2: false,
            in_flight: 0,
            write_blocked_since: None,
            closed_for: None,
        };
        Self { state: Mutex::new(state), driver: AtomicWaker::new() }
    }

    /// Bytes came in. Between two requests of HTTP/1 they are the beginning of the next head. In HTTP/2 they
    /// may as well be the answer to a ping, which must not keep a connection alive.
    pub(super) fn bytes_arrived(&self) {
        let mut state = self.state.lock();
        if state.in_flight == 0 && !state.reading_head && !state.is_http2 {
            state.reading_head = true;
            state.since = Instant::now();
        }
    }

    /// The socket took bytes, or had no room for them.
    pub(super) fn write_attempted(&self, blocked: bool) {
        let mut state = self.state.lock();
        state.write_blocked_since = match (blocked, state.write_blocked_since) {
            (false, _) => None,
            (true, None) => Some(Instant::now()),
            (true, since) => since,
        };
    }

    /// A request's head has been read.
    pub(super) fn request_began(&self, is_http2: bool) {
        let mut state = self.state.lock();
        state.in_flight += 1;
        state.had_request = true;
        state.is_http2 = is_http2;
        state.reading_head = false;
    }

    /// A request's answer has been handed to the connection as a whole, or was given up.
    pub(super) fn request_ended(&self) {
        let mut state = self.state.lock();
        state.in_flight -= 1;
        if state.in_flight == 0 {
            state.since = Instant::now();
        }
        let other_task = state.is_http2;
        drop(state);
        // The requests of HTTP/2 run in tasks of their own.
        if other_task {
            self.driver.wake();
        }
    }

    /// Asks the driver to close the connection, if it is still idle. Whether it was.
    pub(super) fn evict(&self) -> bool {
        let mut state = self.state.lock();
        let idle = state.in_flight == 0 && state.closed_for.is_none();
        if idle {
            state.closed_for = Some(CloseReason::Evicted);
            self.driver.wake();
        }
        idle
    }

    /// Notes why the connection is being closed, for its socket.
    pub(super) fn close_for(&self, reason: CloseReason) {
        self.state.lock().closed_for.get_or_insert(reason);
    }

    /// Whether the connection is being closed for this reason.
    pub(super) fn was_closed_for(&self, reason: CloseReason) -> bool {
        self.state.lock().closed_for == Some(reason)
    }

    /// How dear the connection is, if it is idle and not yet on its way out.
    pub(super) fn idle_rank(&self) -> Option<IdleRank> {
        let state = self.state.lock();
        (state.in_flight == 0 && state.closed_for.is_none()).then_some((state.had_request, state.since))
    }

    /// When the connection is to be closed as things stand, and why. `None` while a request is worked on.
    pub(super) fn deadline(&self, limits: &ConnectionLimits) -> Option<(Instant, CloseReason)> {
        let state = self.state.lock();
        if let Some(reason) = state.closed_for {
            return Some((state.since, reason));
        }
        if let Some(since) = state.write_blocked_since {
            return Some((since + limits.response_write, CloseReason::WriteTimeout));
        }
        match (state.in_flight, state.reading_head) {
            (0, true) => Some((state.since + limits.request_head, CloseReason::HeadTimeout)),
            (0, false) => Some((state.since + limits.keep_alive, CloseReason::IdleTimeout)),
            _ => None,
        }
    }
}
