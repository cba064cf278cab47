//! The use cases: what the service does, whoever asks. They know ports, clocks and typed errors, and
//! nothing of HTTP.

pub(crate) mod activities;
pub(crate) mod attributes;
pub(crate) mod audit;
pub(crate) mod backtest;
pub(crate) mod claims;
mod code_checks;
pub(crate) mod code_pools;
pub(crate) mod decisions;
pub(crate) mod eligibility;
pub(crate) mod evaluation;
pub(crate) mod event_changes;
pub(crate) mod events;
pub(crate) mod facts;
pub(crate) mod grants;
pub(crate) mod invariants;
pub(crate) mod preflight;
pub(crate) mod revisions;
pub(crate) mod rewards;
pub(crate) mod stock;
pub(crate) mod vocabulary;
