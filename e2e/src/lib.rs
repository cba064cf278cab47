//! Starts the real binary and talks to it as its users do. The journeys are in `tests/`.
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "this crate exists for tests: a panic is how it reports"
)]

mod api;
mod figures;
pub mod forge;
mod process;
mod system;
mod wire;

pub use api::{Answer, Api, text};
pub use figures::Figures;
pub use process::{Finished, Process};
pub use system::{ADMIN, PASSWORD, SECRET, System, Topology};
pub use wire::Wire;

/// Makes tests of journeys: each runs with all services in one process, and with each in its own.
#[macro_export]
macro_rules! in_both_topologies {
    ($($journey:ident),+ $(,)?) => {
        mod all_in_one {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $journey() {
                super::$journey($crate::Topology::All).await;
            })+
        }
        mod split {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $journey() {
                super::$journey($crate::Topology::Split).await;
            })+
        }
    };
}
