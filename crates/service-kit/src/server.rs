//! Serving HTTP: header time limit, peer address, and an orderly end.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use futures::future::join_all;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a client may take to send its request headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests in flight may take to finish once the process was told to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(8);

/// The address a request came from, in its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// An address that is bound but not yet served.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    router: Router,
}

impl Bound {
    /// Binds `host:port`; port 0 takes any free one.
    pub async fn bind(host: &str, port: u16, router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind((host, port)).await?;
        Ok(Self { listener, router })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves until `stop`, then stops accepting, lets requests in flight finish for up to eight seconds, and returns.
pub async fn serve(bound: Vec<Bound>, stop: CancellationToken) {
    join_all(bound.into_iter().map(|bound| accept(bound, stop.clone()))).await;
}

async fn accept(bound: Bound, stop: CancellationToken) {
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = bound.listener.accept() => match accepted {
                Ok((stream, peer)) => serve_connection(stream, peer, &bound.router, &connections),
                Err(error) => {
                    // Usually too many open files: others may end soon, so wait a little instead of spinning.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            () = stop.cancelled() => break,
        }
    }
    drop(bound.listener);
    let open = connections.count();
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.shutdown()).await.is_err() {
        tracing::warn!(open, "connections were still busy at the end");
    }
}

fn serve_connection(stream: TcpStream, peer: SocketAddr, router: &Router, connections: &GracefulShutdown) {
    // Answers are small: waiting to fill a packet only adds delay. A failure to set it changes nothing else.
    let _ = stream.set_nodelay(true);
    let router = router.clone();
    let began = Arc::new(Notify::new());
    let begins = Arc::clone(&began);
    let service = tower::service_fn(move |mut request: hyper::Request<Incoming>| {
        begins.notify_one();
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request.map(axum::body::Body::new) as Request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(20)));
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // hyper's own timer starts once it knows which HTTP is spoken; who says nothing at all would be waited for.
        let first_request = timeout(HEADER_TIMEOUT, began.notified());
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            Err(_) = first_request => return tracing::debug!(%peer, "connection without a request"),
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "connection ended early");
        }
    });
}

/// Listens for SIGTERM and Ctrl-C from now on; what it returns completes when the process is told to stop.
///
/// Call it before anybody learns that the process runs: until then a signal ends it on the spot.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
