//! Starts the real binary and talks to it as its users do. The journeys are in `tests/`.
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "this crate exists for tests: a panic is how it reports"
)]

mod api;
mod process;
mod system;

pub use api::{Answer, Api};
pub use process::Process;
pub use system::{ADMIN, PASSWORD, SECRET, System, Topology};
