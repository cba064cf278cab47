//! Background work of the service.

mod approve_claims;
mod check_invariants;
mod reconcile_stock;
mod settle_claims;
mod tidy_activities;

pub use approve_claims::ClaimApprover;
pub use check_invariants::InvariantChecker;
pub use reconcile_stock::StockReconciler;
pub use settle_claims::ClaimSettler;
pub use tidy_activities::ActivityTidier;
