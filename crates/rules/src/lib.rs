//! Conditions: who may claim a reward, written as a JsonLogic rule over facts.
//!
//! A condition is checked when an operator writes an event ([`Condition::parse`]), evaluated at each claim
//! ([`Condition::evaluate`]), and explained to the user ([`ProgressStep`], [`Reason`]) and to the auditor
//! ([`ConditionTrace`]). The empty object admits everybody. Nothing here reads a clock, a file or a socket.
//!
//! # Values
//!
//! A value is null, a boolean, a number, a text, a moment or a list. No operator turns a value of one type
//! into another type. Values of different types are never equal and never in order; null equals only null.
//!
//! - A number is an exact decimal of up to 28 digits. `10` and `10.0` are the same number. A number in a
//!   condition lies within ±(2^53-1) and has at most 28 decimals.
//! - The number that counts activities is a number, also without any; only the largest value of none is null.
//!   An attribute is whatever the game says, and null if it says nothing.
//! - A moment is what `now` is where it is compared, and what a time (RFC 3339) is where it is compared to
//!   `now`. Elsewhere both are text, and `now` is written in UTC with milliseconds.
//! - False, null, 0, the empty text and the empty list do not hold; every other value holds.
//!
//! # Operators
//!
//! With the number of their arguments:
//!
//! - `var` (1 or 2): the value of the fact that the first argument names. The second, a default, stands for
//!   it where it is null, which only attributes and `max` can be.
//! - `==` `===` (2): whether type and value are the same; lists entry by entry. `!=` `!==` (2): the opposite.
//! - `<` `<=` `>` `>=` (2 or 3): whether numbers, texts (by code point) or moments are in order; with 3
//!   arguments, the first two and the last two. False for null, booleans, lists and values of different
//!   types.
//! - `and` (1 or more): the first value that does not hold, else the last.
//! - `or` (1 or more): the first value that holds, else the last.
//! - `!` (1): whether the value does not hold. `!!` (1): whether it holds.
//! - `if` (2 or more): condition, result, condition, result and so on, else; null if nothing holds and there
//!   is no else.
//! - `in` (2): whether the second, a list, has an entry equal to the first, or whether the second, a text,
//!   contains the first, a text. Otherwise false.
//! - `+` `*` (1 or more numbers): sum, product.
//! - `-` (1 or 2 numbers): negation, difference.
//! - `/` (2 numbers): quotient, rounded to 28 digits. `%` (2 numbers): remainder, with the sign of the first.
//! - `min` `max` (1 or more numbers): the smallest, the largest.
//! - `cat` (1 or more texts): the texts, one after the other.
//! - `substr` (2 or 3): the characters of a text from a start (negative: counted from the end) for a length
//!   (negative: up to so many before the end; left out: all).
//!
//! Sums, differences and products are exact up to 28 digits and rounded beyond.
//!
//! From `+` down, a null argument makes the result null: what depends on an unknown value is unknown. An
//! argument of another wrong type, a division by zero, a start or length that is not whole, and a number
//! beyond ±(2^53-1) make the operation fail. An operation that needs a failed argument fails too; `and`, `or`
//! and `if` do not need what stands behind the argument that decides them. A condition that fails admits
//! nobody.
//! Operations that together go through more than 256 KiB of text fail as well.
//!
//! # Why Guerdon evaluates conditions itself
//!
//! JsonLogic's own meaning is JavaScript's: `null < 30` holds, and so does `"10" > 9`. An engine built for
//! that would have to be kept from it operator by operator.

mod activity_measure;
mod condition;
mod condition_fault;
mod condition_path;
mod decimal;
mod decision;
mod evaluate;
mod expression;
mod fact;
mod facts;
mod given_facts;
mod judge;
mod language;
mod operand;
mod operate;
mod operator;
mod plan;
mod progress;
mod prospect;
mod reader;
mod reason;
mod requirement;
mod sentence;
mod subject;
mod trace;
mod vocabulary;

pub use activity_measure::ActivityMeasure;
pub use condition::Condition;
pub use condition_fault::ConditionFault;
pub use decision::ConditionDecision;
pub use fact::{ActivityFact, Fact, UnknownFact};
pub use facts::{ActivityTotals, Facts};
pub use language::Language;
pub use progress::ProgressStep;
pub use reason::Reason;
pub use trace::ConditionTrace;
pub use vocabulary::{FactDescription, OperatorDescription, describe_facts, describe_operators};
