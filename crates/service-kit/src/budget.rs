//! Every time limit of the program, in one table.
//!
//! A caller whose request meets a dependency that is down or frozen is answered 503 within [`PROMISE`]. Each
//! limit below it must be longer than the limits it encloses, so that the innermost one ends first and can
//! say what was wrong. The compiler checks that.

use std::time::Duration;

/// Within this time after its body has arrived, a request is answered, whatever is down.
pub const PROMISE: Duration = Duration::from_secs(2);
/// How long the gateway waits for a service, the check of the session included.
pub const SERVICE_ANSWER: Duration = Duration::from_millis(1900);
/// How long a question waits in a queue, the work it waits for included.
pub const QUEUE_WAIT: Duration = Duration::from_millis(1800);
/// How long one operation of a store may take.
pub const STORE_OPERATION: Duration = Duration::from_millis(1500);
/// How long opening a connection, or finding a server, may take.
pub const CONNECT: Duration = Duration::from_secs(1);
/// How long one request to Redis may take: a request often needs two.
pub const REDIS_REQUEST: Duration = Duration::from_millis(700);
/// How long a rate limit may be asked of Redis before the process decides by itself.
pub const SHARED_RATE_LIMIT: Duration = Duration::from_millis(250);

/// How long a client may take to send the head of a request.
pub const REQUEST_HEAD: Duration = Duration::from_secs(10);
/// How long a client may take to send a body.
pub const REQUEST_BODY: Duration = Duration::from_secs(10);
/// How long a client may take to send a body of up to 32 MiB.
pub const UPLOAD_BODY: Duration = Duration::from_mins(1);
/// How long the gateway waits for a service that works through such a body. Each of its steps is bounded as any other.
pub const UPLOAD_ANSWER: Duration = Duration::from_mins(2);
/// How long a client may take to read before its connection is closed.
pub const RESPONSE_WRITE: Duration = Duration::from_secs(10);
/// How long an idle connection is kept for its next request, if nothing else is configured.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long the gateway keeps an idle connection to a service: much less than services keep theirs, so that
/// none is used that is just being closed.
pub const UPSTREAM_IDLE: Duration = Duration::from_secs(5);
/// How long the rest of a refused request's body is read and dropped, so that its client sees the answer.
pub const REFUSED_BODY: Duration = Duration::from_secs(2);
/// How long a browser may remember what it was told about calls of other origins.
pub const PREFLIGHT: Duration = Duration::from_hours(1);
/// How long the first contact with a store may take at start-up.
pub const START_CONTACT: Duration = Duration::from_secs(10);
/// How long a collector may take for a batch of spans. Nobody waits for it.
pub const TRACE_EXPORT: Duration = Duration::from_secs(5);
/// How long requests in flight and workers may take to finish once the process was told to stop.
pub const DRAIN: Duration = Duration::from_secs(8);
/// How long closing the stores may take after that.
pub const CLOSE_STORES: Duration = Duration::from_secs(1);
/// How long the logins of the last requests have to become activities.
pub const LAST_LOGINS: Duration = Duration::from_millis(500);
/// How long handing over the last spans may take, at the same time.
pub const FLUSH_TRACES: Duration = Duration::from_secs(1);
/// A process that was told to stop is gone within this time.
pub const STOP: Duration = Duration::from_secs(10);

const fn is_longer(one: Duration, other: Duration) -> bool {
    one.as_millis() > other.as_millis()
}

const _: () = {
    assert!(is_longer(PROMISE, SERVICE_ANSWER));
    assert!(is_longer(SERVICE_ANSWER, QUEUE_WAIT));
    assert!(is_longer(QUEUE_WAIT, STORE_OPERATION));
    assert!(is_longer(STORE_OPERATION, CONNECT));
    assert!(is_longer(CONNECT, REDIS_REQUEST));
    assert!(STORE_OPERATION.as_millis() > 2 * REDIS_REQUEST.as_millis());
    assert!(is_longer(REDIS_REQUEST, SHARED_RATE_LIMIT));
    assert!(is_longer(UPLOAD_BODY, REQUEST_BODY) && is_longer(UPLOAD_ANSWER, SERVICE_ANSWER));
    assert!(is_longer(KEEP_ALIVE, UPSTREAM_IDLE));
    assert!(STOP.as_millis() > DRAIN.as_millis() + LAST_LOGINS.as_millis() + CLOSE_STORES.as_millis());
    assert!(FLUSH_TRACES.as_millis() <= CLOSE_STORES.as_millis());
};
