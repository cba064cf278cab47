//! The public edge. Every request passes here: rate limit, signature, session, role rule, signed identity, upstream.
//!
//! [`routes::ROUTES`] is the one list of what exists and who may use it. The router, the OpenAPI document and the
//! authorization tests are made from it, so a route without a rule cannot exist.

mod client;
mod docs;
mod guard;
mod proxy;
mod router;
pub mod routes;
mod session;
mod upstream;

pub use client::ClientAddress;
pub use docs::document;
pub use router::{Gateway, router};
pub use session::{Session, SessionCheck, Sessions, SessionsUnavailable};
pub use upstream::{HttpUpstream, Upstream};
