//! Starts the real binary and talks to it as its users do. The journeys are in `tests/`.
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "this crate exists for tests: a panic is how it reports"
)]

mod api;
mod collector;
mod database;
mod figures;
pub mod forge;
mod openapi;
mod process;
mod servers;
mod setup;
mod system;
mod wire;

pub use api::{Answer, Api, text};
pub use collector::{CollectedSpan, Collector};
pub use database::{EventDb, UserDb, sqlite_journals};
pub use figures::Figures;
pub use process::{Finished, Process};
pub use servers::{Servers, Store};
pub use setup::Setup;
pub use system::{ADMIN, PASSWORD, Running, SECRET, System};
pub use wire::Wire;
