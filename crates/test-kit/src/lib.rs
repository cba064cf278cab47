//! What the tests of every service share: a [`TestService`] is called as the gateway calls it, and its
//! [`HttpAnswer`] is taken apart; [`callers`] has people to call it on behalf of.
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "this crate exists for tests: a panic is how it reports"
)]

mod answer;
pub mod callers;
mod service;

pub use answer::HttpAnswer;
pub use service::{TEST_SECRET, TestService, test_identity_key};
