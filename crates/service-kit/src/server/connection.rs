//! One connection: hyper serves it, and a watch beside hyper closes it in time.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, response::Response};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use socket2::SockRef;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tower::ServiceExt;

use super::{
    PeerAddress, ServerSettings,
    activity::{CloseReason, ConnectionActivity, ConnectionLimits},
    open_connections::ConnectionEntry,
    tracked_body::{RequestInFlight, TrackedBody},
    watched_stream::WatchedStream,
};

/// The largest head of a request, in bytes. Whatever is larger is answered 431 by hyper.
const HEAD_BYTES: u32 = 64 * 1024;
/// How many bytes the kernel may hold of an answer that its client does not read. The kernel doubles the
/// number.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How often a client of HTTP/2 is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(20);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What serves the connections of one listener.
#[derive(Debug)]
pub(super) struct ConnectionServer {
    router: Router,
    limits: ConnectionLimits,
    builder: auto::Builder<TokioExecutor>,
}

impl ConnectionServer {
    pub(super) fn new(router: Router, settings: &ServerSettings) -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // hyper's own timer for heads also counts the idle time between requests: the watch below tells them
        // apart.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_BYTES as usize);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(PING_INTERVAL))
            .max_header_list_size(HEAD_BYTES);
        let limits = ConnectionLimits {
            request_head: settings.request_head,
            keep_alive: settings.keep_alive,
            response_write: settings.response_write,
        };
        Self { router, limits, builder }
    }

    /// Serves a connection in a task of its own, until it ends or a limit is reached.
    pub(super) fn serve_connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        entry: ConnectionEntry,
        connections: &GracefulShutdown,
    ) {
        prepare_socket(&stream, self.limits.response_write);
        let router = self.router.clone();
        let activity = Arc::clone(&entry.activity);
        let service = tower::service_fn(move |request: hyper::Request<Incoming>| {
            answer_request(router.clone(), request, peer, &activity)
        });
        let stream = WatchedStream::new(stream, Arc::clone(&entry.activity));
        let connection = self
            .builder
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
            .into_owned();
        let connection = connections.watch(connection);
        let limits = self.limits;
        tokio::spawn(async move {
            match drive_connection(connection, &entry.activity, &limits).await {
                Ok(()) => {}
                Err(EarlyEnd::Closed(reason)) => {
                    entry.count_close(reason);
                    tracing::debug!(%peer, reason = reason.label(), "connection closed");
                }
                Err(EarlyEnd::Broken(error)) => tracing::debug!(%peer, error, "connection ended early"),
            }
        });
    }
}

/// None of these settings is needed for correctness: a socket that refuses one is served all the same.
fn prepare_socket(stream: &TcpStream, response_write: Duration) {
    // Answers are small: waiting to fill a packet only adds delay.
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    // What is not read stays in the kernel, also when the connection is long closed: bounded in size and in
    // time.
    let _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(response_write));
    #[cfg(not(target_os = "linux"))]
    let _ = response_write;
}

/// The peer's address is the only extension a request from outside begins with: an identity is never among
/// them.
fn answer_request(
    router: Router,
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    activity: &Arc<ConnectionActivity>,
) -> impl Future<Output = Result<Response<TrackedBody>, Infallible>> + use<> {
    let in_flight = RequestInFlight::new(activity, request.version() == http::Version::HTTP_2);
    let mut request: Request = request.map(Body::new);
    request.extensions_mut().insert(PeerAddress(peer));
    async move {
        let response = router.oneshot(request).await?;
        Ok(response.map(|body| TrackedBody::new(body, in_flight)))
    }
}

/// Why a connection ended before its client ended it.
enum EarlyEnd {
    Closed(CloseReason),
    Broken(String),
}

/// Drives a connection and closes it when its [`ConnectionActivity`] says that its time is over.
async fn drive_connection(
    connection: impl Future<Output = Result<(), BoxError>>,
    activity: &ConnectionActivity,
    limits: &ConnectionLimits,
) -> Result<(), EarlyEnd> {
    let mut connection = pin!(connection);
    let mut alarm = pin!(sleep_until(Instant::now() + limits.request_head));
    poll_fn(|cx| {
        activity.driver.register(cx.waker());
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(ended.map_err(|error| EarlyEnd::Broken(error.to_string())));
        }
        // Looked at after the connection was driven: in one turn a head may have come, and its answer gone.
        while let Some((deadline, reason)) = activity.deadline(limits) {
            // An alarm that is too early costs a look when it goes off; setting it for each request would
            // cost more.
            if deadline < alarm.deadline() {
                alarm.as_mut().reset(deadline);
            }
            ready!(alarm.as_mut().poll(cx));
            if deadline <= Instant::now() {
                activity.close_for(reason);
                return Poll::Ready(Err(EarlyEnd::Closed(reason)));
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    })
    .await
}
