//! Serving HTTP: time limits and memory limits of connections, the peer's address, and an orderly end.

mod activity;
mod connection;
mod descriptors;
mod open_connections;
mod tracked_body;
mod watched_stream;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use futures::future::join_all;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::{connection::ConnectionServer, open_connections::OpenConnections};
use crate::budget;

/// How long to wait before accepting again when the system refused.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The address a request came from, in its extensions.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// An address that is bound but not yet served.
#[derive(Debug)]
pub struct BoundListener {
    listener: TcpListener,
    router: Router,
}

impl BoundListener {
    /// Serves `router` where `listener` listens already.
    pub fn new(listener: TcpListener, router: Router) -> Self {
        Self { listener, router }
    }

    /// Binds `host:port`; port 0 takes any free one.
    pub async fn bind(host: &str, port: u16, router: Router) -> io::Result<Self> {
        Ok(Self::new(TcpListener::bind((host, port)).await?, router))
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The limits of a process's connections. The defaults are those of [`budget`].
#[derive(Debug, Clone, Copy)]
pub struct ServerSettings {
    /// How long an idle connection is kept for its next request. Behind a load balancer it must be longer
    /// than the balancer keeps its own, or the balancer uses connections that are just being closed.
    pub keep_alive: Duration,
    /// How long a client may take to send the head of a request, from its first byte on; for the first
    /// request from the connection on.
    pub request_head: Duration,
    /// How long a client may leave its answer unread before its connection is cut.
    pub response_write: Duration,
    /// How long requests in flight may take to finish once the process was told to stop.
    pub drain: Duration,
    /// The most connections of all listeners together. By default what the limit of open files allows, less a
    /// reserve for stores and files.
    pub max_connections: Option<usize>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            keep_alive: budget::KEEP_ALIVE,
            request_head: budget::REQUEST_HEAD,
            response_write: budget::RESPONSE_WRITE,
            drain: budget::DRAIN,
            max_connections: None,
        }
    }
}

/// Serves until `stop`, then stops accepting, lets requests in flight finish for up to `settings.drain`, and
/// returns.
///
/// Raises the process's soft limit of open files to the hard one.
pub async fn serve(listeners: Vec<BoundListener>, settings: ServerSettings, stop: CancellationToken) {
    let capacity = settings.max_connections.unwrap_or_else(descriptors::connection_capacity);
    let open = OpenConnections::new(capacity);
    join_all(listeners.into_iter().map(|bound| {
        let server = ConnectionServer::new(bound.router, &settings);
        accept_connections(bound.listener, server, Arc::clone(&open), settings.drain, stop.clone())
    }))
    .await;
}

async fn accept_connections(
    listener: TcpListener,
    server: ConnectionServer,
    open: Arc<OpenConnections>,
    drain: Duration,
    stop: CancellationToken,
) {
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if let Some(entry) = open.enter() {
                        server.serve_connection(stream, peer, entry, &connections);
                    }
                }
                Err(error) => {
                    // Too many open files in spite of the reserve: others go, and soon.
                    tracing::warn!(%error, "cannot accept a connection");
                    open.make_room();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = stop.cancelled() => break,
        }
    }
    drop(listener);
    let busy = connections.count();
    if tokio::time::timeout(drain, connections.shutdown()).await.is_err() {
        tracing::warn!(busy, "connections were still busy at the end");
    }
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

#[cfg(test)]
mod tests;
