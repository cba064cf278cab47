//! Conditions: who may claim a reward, written as a JsonLogic rule over facts.
//!
//! A condition is parsed and checked when an operator writes an event ([`Condition::parse`]), evaluated at each claim
//! ([`Condition::evaluate`]), and explained to the user ([`Progress`]) and to the auditor ([`Trace`]). The empty
//! object admits everybody.
//!
//! The `datalogic-rs` engine is the only authority on what an operator means; this crate decides which operators and
//! facts there are, and what is refused before it can be stored. Nothing here reads a clock, a file or a socket.

mod check;
mod compile;
mod condition;
mod evaluate;
mod explain;
mod fact;
mod fault;
mod kinds;
mod operator;

pub use condition::Condition;
pub use explain::{Decision, Progress, Trace};
pub use fact::{Fact, Facts};
pub use fault::Fault;
