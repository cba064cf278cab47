use std::{str::Chars, vec::IntoIter};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    condition_path::ConditionPath,
    decision::{ConditionDecision, OutcomeKind},
    expression::{Expression, OperatorCall},
    operate::OperationFailure,
};

/// A condition with the value of each part. All parts have one, also those that could not change the outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ConditionTrace {
    /// An operator and its arguments.
    #[serde(rename_all = "camelCase")]
    Operation {
        /// The operator, such as `and`.
        operator: String,
        /// Where it stands in the condition: an RFC 6901 pointer.
        pointer: String,
        /// Its result; null if it failed or was not kept.
        value: Value,
        /// Why it failed, or why its result is not here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Its arguments in order.
        arguments: Vec<ConditionTrace>,
    },
    /// A fact and its value.
    #[serde(rename_all = "camelCase")]
    Fact {
        /// The name of the fact.
        fact: String,
        /// Its value, or the default that stands for it where it is null.
        value: Value,
    },
    /// A value the condition spells out.
    #[serde(rename_all = "camelCase")]
    Literal {
        /// The value as written.
        literal: Value,
    },
    /// A part of a condition from an earlier version that this version does not understand.
    #[serde(rename_all = "camelCase")]
    Refused {
        /// Says so.
        error: String,
    },
    /// An array with operations or facts in it.
    List(Vec<ConditionTrace>),
}

/// Puts the stored outcomes back into the condition they belong to.
pub(crate) fn build_trace(
    expression: &Expression,
    decision: &ConditionDecision,
    facts: &Value,
) -> ConditionTrace {
    let (outcomes, values) = (decision.outcomes.chars(), decision.values.clone().into_iter());
    TraceBuilder { outcomes, values, facts }.part(expression, &ConditionPath::Root)
}

struct TraceBuilder<'a> {
    outcomes: Chars<'a>,
    values: IntoIter<Value>,
    facts: &'a Value,
}

impl TraceBuilder<'_> {
    fn part(&mut self, expression: &Expression, path: &ConditionPath<'_>) -> ConditionTrace {
        if let Some(literal) = expression.literal_json() {
            return ConditionTrace::Literal { literal };
        }
        if let Some(fact) = expression.as_fact() {
            let value = match (fact.find_in(self.facts), expression) {
                (Value::Null, Expression::FactOr(fact_or)) => fact_or.1.to_json(),
                (value, _) => value,
            };
            return ConditionTrace::Fact { fact: fact.to_string(), value };
        }
        match expression {
            Expression::Operation(operation) => self.operation(operation, path),
            Expression::Refused => {
                ConditionTrace::Refused { error: "this part is not understood any more".to_owned() }
            }
            list => ConditionTrace::List(self.parts(list.parts(), path)),
        }
    }

    fn parts(&mut self, parts: &[Expression], path: &ConditionPath<'_>) -> Vec<ConditionTrace> {
        let parts = parts.iter().enumerate();
        parts.map(|(index, part)| self.part(part, &ConditionPath::Entry(path, index))).collect()
    }

    /// In the order in which outcomes are recorded: arguments first.
    fn operation(&mut self, operation: &OperatorCall, path: &ConditionPath<'_>) -> ConditionTrace {
        let name = operation.operator.name();
        let place = ConditionPath::Member(path, name);
        let arguments = match operation.arguments.as_ref() {
            [single] if !operation.bracketed => vec![self.part(single, &place)],
            several => self.parts(several, &place),
        };
        let (value, error) = self.next_outcome();
        ConditionTrace::Operation {
            operator: name.to_owned(),
            pointer: path.to_string(),
            value,
            error: error.map(str::to_owned),
            arguments,
        }
    }

    fn next_outcome(&mut self) -> (Value, Option<&'static str>) {
        let not_kept = (Value::Null, Some("the result was not kept: the condition has too many"));
        match self.outcomes.next().and_then(OutcomeKind::from_letter) {
            Some(OutcomeKind::True) => (Value::Bool(true), None),
            Some(OutcomeKind::False) => (Value::Bool(false), None),
            Some(OutcomeKind::Null) => (Value::Null, None),
            Some(OutcomeKind::Value) => self.values.next().map_or(not_kept, |value| (value, None)),
            Some(OutcomeKind::Omitted) | None => not_kept,
            Some(OutcomeKind::Failed(failure)) => (Value::Null, Some(failure_reason(failure))),
        }
    }
}

/// Why an operation failed, for messages.
pub(crate) fn failure_reason(failure: OperationFailure) -> &'static str {
    match failure {
        OperationFailure::ArgumentFailed => "an argument could not be evaluated",
        OperationFailure::WrongType => "an argument is of a type the operator does not take",
        OperationFailure::DivisionByZero => "the divisor is zero",
        OperationFailure::OutOfRange => "the result lies beyond ±9007199254740991",
        OperationFailure::NotWhole => "the start or the length is no whole number",
        OperationFailure::TooMuchText => "the condition goes through too much text",
    }
}
