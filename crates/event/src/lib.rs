//! The event service: events, rewards, claims.
//!
//! - `router` puts the public routes together, each a file in `handlers` that translates between HTTP and a
//!   use case;
//! - `app` has the use cases, as methods of [`EventService`]: they decide, and know nothing of HTTP;
//! - `decide` says whether a claim may be stored, and is pure;
//! - `grant_plan` says what a decision enters into the ledger, `wallet` what the ledger comes to; both are pure;
//! - `activity_totals` adds up days of activity in a time zone, and is pure;
//! - `workers` has what is done in the background;
//! - `catalogue` reads events and rewards for many requests at once.
//!
//! What is kept is kept by the ports of the crate `event_store`.

mod activity_figures;
mod activity_totals;
mod app;
mod catalogue;
mod claim_figures;
mod condition_cache;
mod decide;
mod grant_plan;
mod handlers;
mod preflight;
mod router;
mod service;
#[cfg(test)]
mod test_app;
mod wallet;
mod workers;

pub use router::{document, router};
pub use service::EventService;
pub use workers::{ActivityTidier, ClaimApprover, ClaimSettler, InvariantChecker, StockReconciler};
