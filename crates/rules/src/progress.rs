use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    evaluate::{EvaluationObserver, TextBudget, observe_evaluation},
    expression::{Expression, OperatorCall},
    facts::Facts,
    operand::OperandValue,
    operate::{OperationOutcome, apply_operator},
    operator::OperatorFamily,
    subject::{SubjectRank, SubjectSide, subject_name, subject_side},
};

/// One comparison between a fact and something else, read with the fact on the left.
///
/// For `in` over `user.roles` the target is the role asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProgressStep {
    /// The name of the fact; where something computed from facts is compared, its formula, such as
    /// `activity.purchase.sum + activity.gift.sum`.
    pub fact: String,
    /// The operator, such as `>=`.
    pub operator: String,
    /// What the fact is compared to: a literal as written, or the value of what is computed. Null if it could
    /// not be computed.
    pub target: Value,
    /// The fact's value.
    pub actual: Value,
    /// Whether the comparison holds.
    pub met: bool,
}

/// Each comparison of a fact, or of what is computed from facts, in source order, those inside another one
/// first; `a < b < c` makes two.
pub(crate) fn collect_progress(expression: &Expression, facts: &Facts) -> Vec<ProgressStep> {
    let mut collector = ProgressCollector::default();
    // The verdict is not asked for here.
    let _ = observe_evaluation(expression, facts, &mut TextBudget::default(), &mut collector);
    collector.0
}

#[derive(Default)]
struct ProgressCollector(Vec<ProgressStep>);

impl EvaluationObserver for ProgressCollector {
    fn arguments_known(&mut self, operation: &OperatorCall, outcomes: &[OperationOutcome<'_>]) {
        if matches!(operation.operator.family(), OperatorFamily::Comparison | OperatorFamily::Membership) {
            let pairs = operation.arguments.windows(2).zip(outcomes.windows(2));
            self.0.extend(pairs.filter_map(|(pair, outcomes)| progress_step(operation, pair, outcomes)));
        }
    }
}

fn progress_step(
    operation: &OperatorCall,
    pair: &[Expression],
    outcomes: &[OperationOutcome<'_>],
) -> Option<ProgressStep> {
    let ([left, right], [left_outcome, right_outcome]) = (pair, outcomes) else { return None };
    let (side, rank) = subject_side(left, right);
    if rank < SubjectRank::Computed {
        return None;
    }
    let compared = vec![left_outcome.clone(), right_outcome.clone()];
    let met = apply_operator(operation.operator, compared).is_ok_and(|value| value.holds());
    let (fact, actual, operator, target) = match side {
        SubjectSide::Left => (left, left_outcome, operation.operator, (right, right_outcome)),
        SubjectSide::Right => (right, right_outcome, operation.operator.flipped(), (left, left_outcome)),
    };
    Some(ProgressStep {
        fact: subject_name(fact),
        operator: operator.name().to_owned(),
        target: target_json(target.0, target.1),
        actual: outcome_json(actual),
        met,
    })
}

/// A literal as it is written, anything else by its value.
pub(crate) fn target_json(target: &Expression, outcome: &OperationOutcome<'_>) -> Value {
    target.literal_json().unwrap_or_else(|| outcome_json(outcome))
}

pub(crate) fn outcome_json(outcome: &OperationOutcome<'_>) -> Value {
    outcome.as_ref().map_or(Value::Null, OperandValue::to_json)
}
