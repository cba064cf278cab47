use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    evaluate::simple_value,
    expression::{Expression, OperatorCall},
    fact::Fact,
    facts::Facts,
    operate::apply_operator,
    operator::{Operator, OperatorFamily},
};

/// One comparison between a fact and a literal, read with the fact on the left.
///
/// For `in` over `user.roles` the target is the role asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressStep {
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

/// Enters each comparison between a fact and a literal, in source order; `a < b < c` makes two.
pub(crate) fn collect_progress(expression: &Expression, facts: &Facts, steps: &mut Vec<ProgressStep>) {
    if let Expression::Operation(operation) = expression {
        let is_compared =
            matches!(operation.operator.family(), OperatorFamily::Comparison | OperatorFamily::Membership);
        let pairs = operation.arguments.windows(2).filter(|_| is_compared);
        steps.extend(pairs.filter_map(|pair| progress_step(operation, pair, facts)));
    }
    for part in expression.parts() {
        collect_progress(part, facts, steps);
    }
}

fn progress_step(operation: &OperatorCall, pair: &[Expression], facts: &Facts) -> Option<ProgressStep> {
    let [left, right] = pair else { return None };
    let (fact, operator, target): (&Fact, Operator, Value) =
        match (left.as_fact(), left.literal_json(), right.as_fact(), right.literal_json()) {
            (Some(fact), _, _, Some(target)) => (fact, operation.operator, target),
            (_, Some(target), Some(fact), _) => (fact, operation.operator.flipped(), target),
            _ => return None,
        };
    let compared = vec![simple_value(left, facts), simple_value(right, facts)];
    Some(ProgressStep {
        fact: fact.to_string(),
        operator: operator.name().to_owned(),
        target,
        actual: facts.value(fact).to_json(),
        met: apply_operator(operation.operator, compared).is_ok_and(|value| value.holds()),
    })
}
