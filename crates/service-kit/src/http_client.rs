//! The HTTP client of calls to parts of the installation: services, and the collector of traces.

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::budget;

/// A client with its own pool of connections. Its callers bound the time of each call.
pub type InternalClient = Client<HttpConnector, Full<Bytes>>;

/// A new client: it gives up connecting, and idle connections, within the [`budget`].
pub fn internal_client() -> InternalClient {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(budget::CONNECT));
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(budget::UPSTREAM_IDLE)
        .build(connector)
}
