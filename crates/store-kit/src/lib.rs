//! What the adapters of every store share, so that an adapter holds statements and nothing else.
//!
//! Only services that keep something depend on this crate: the gateway compiles no database driver.

pub mod audit;
pub mod changes;
pub mod connection;
pub mod error;
pub mod kept_reads;
pub mod mongo;
pub mod postgres;
pub mod ratelimit;
pub mod readiness;
pub mod redis;
pub mod row;
pub mod sql;
pub mod sqlite;
mod store_figures;
