//! What a bare axum server can do: the same framework, allocator and build profile as Guerdon's, and nothing to do.

use std::net::{Ipv4Addr, SocketAddr};

use axum::{Router, routing::get};
use tokio::net::TcpListener;

use crate::bench_error::BenchResult;

/// What it answers.
pub(crate) const GREETING: &str = "hello, world";

/// Serves until the process is killed.
pub(crate) fn serve_hello(port: u16) -> BenchResult<()> {
    let router = Router::new().route("/", get(async || GREETING));
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        axum::serve(listener, router).await?;
        Ok(())
    })
}
