use serde::Serialize;
use serde_json::Value;

use crate::{
    fact::Fact, language::Language, operate::OperationFailure, requirement::Requirement,
    sentence::write_sentence,
};

/// One thing a user lacks to meet a condition, read with the fact on the left.
///
/// Reasons are those that matter: of `and` all that is unmet; of `or` and `if` the alternative that is
/// nearest, which is the one with the fewest reasons, and of those the one with the least left to do; under
/// `!` the opposite.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The name of the fact; where something computed from facts is asked about, its formula, such as
    /// `activity.purchase.sum + activity.gift.sum`. Null if no fact can change anything.
    pub fact: Option<String>,
    /// What would have to hold: `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`, or for a value that only
    /// has to hold or not to hold, `!!` or `!`.
    pub operator: &'static str,
    /// What the fact is compared to: a literal as written, or the value of what is computed.
    pub target: Value,
    /// The fact's value.
    pub actual: Value,
    #[serde(skip)]
    pub(crate) matter: ReasonMatter,
}

/// What a reason is about, as far as telling it is concerned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ReasonMatter {
    Required {
        /// None for what is computed.
        fact: Option<Fact>,
        requirement: Requirement,
    },
    /// Nothing in it depends on a fact.
    Constant,
    /// None for a part that is not understood.
    Failed(Option<OperationFailure>),
}

impl Reason {
    /// A part of a condition that no user can do anything about.
    pub(crate) fn without_fact(operator: &'static str, matter: ReasonMatter) -> Self {
        Self { fact: None, operator, target: Value::Null, actual: Value::Null, matter }
    }

    /// The reason in words, such as "You have logged in 3 days in a row; 7 are needed."
    pub fn sentence(&self, language: Language) -> String {
        write_sentence(self, language)
    }
}
