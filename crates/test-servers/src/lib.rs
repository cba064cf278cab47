//! Real servers for tests: each on a free loopback port, in a throw-away folder, ended with its handle.
//!
//! The programs are those that `scripts/test-servers` finds; what it cannot find is a failure that says what to type,
//! never a skipped test.
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "this crate exists for tests: a panic is how it reports"
)]

mod folder;
mod mongo;
mod port_lease;
mod postgres;
mod programs;
mod prometheus;
mod redis;
mod sentinel;
mod server;
mod signals;

pub use mongo::{Mongo, MongoMode};
pub use port_lease::PortLease;
pub use postgres::Postgres;
pub use prometheus::{ConfigFiles, Prometheus, lint_figures};
pub use redis::{Redis, RedisCluster};
pub use sentinel::RedisSentinel;
pub use signals::{continue_processes, send_signal, stop_processes};
