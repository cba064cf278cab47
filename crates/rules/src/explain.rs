use datalogic_rs::Logic;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fact::Fact;

/// The outcome of a condition for one user at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Whether the user is admitted.
    pub eligible: bool,
    /// How far the user is, comparison by comparison in source order.
    pub progress: Vec<Progress>,
    /// How the outcome came about. Its root is truthy exactly if the user is eligible.
    pub trace: Trace,
}

/// One comparison between a fact and a literal, read with the fact on the left.
///
/// For `in` over `user.roles` the target is the role asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The name of the fact.
    pub fact: String,
    /// The operator, such as `>=`.
    pub operator: String,
    /// The literal, as written.
    pub target: Value,
    /// The fact's value.
    pub actual: Value,
    /// Whether the comparison holds.
    pub met: bool,
}

/// A condition with the value of each part. All parts are evaluated, also those that could not change the outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Trace {
    /// An operator and its arguments.
    #[serde(rename_all = "camelCase")]
    Operation {
        /// The operator, such as `and`.
        operator: String,
        /// Where it stands in the condition: an RFC 6901 pointer.
        pointer: String,
        /// Its result; null if it could not be evaluated.
        value: Value,
        /// Why it could not be evaluated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Its arguments in order.
        arguments: Vec<Trace>,
    },
    /// A fact and its value.
    #[serde(rename_all = "camelCase")]
    Fact {
        /// The name of the fact.
        fact: String,
        /// Its value.
        value: Value,
    },
    /// A value the condition spells out.
    #[serde(rename_all = "camelCase")]
    Literal {
        /// The value as written.
        literal: Value,
    },
    /// An array with operations in it.
    List(Vec<Trace>),
}

/// A comparison to report as [`Progress`].
pub(crate) struct Probe {
    pub(crate) fact: Fact,
    pub(crate) operator: &'static str,
    pub(crate) target: Value,
    pub(crate) instants: bool,
    /// The comparison alone, as the condition has it; takes the fact as its only argument.
    pub(crate) rule: Logic,
}
