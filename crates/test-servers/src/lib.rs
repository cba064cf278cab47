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

mod mongo;
mod postgres;
mod programs;
mod redis;
mod sentinel;
mod server;

pub use mongo::{Mongo, MongoMode};
pub use postgres::Postgres;
pub use redis::{Redis, RedisCluster};
pub use sentinel::RedisSentinel;
