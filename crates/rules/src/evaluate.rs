use crate::{
    decision::{ConditionDecision, OutcomeRecorder},
    expression::{Expression, OperatorCall},
    facts::Facts,
    operand::OperandValue,
    operate::{OperationFailure, OperationOutcome, apply_operator},
};

/// Decides a condition. All parts are evaluated, also those that cannot change the outcome, so that the trace
/// has them.
pub(crate) fn evaluate_condition(expression: &Expression, facts: &Facts) -> ConditionDecision {
    let mut evaluator = ConditionEvaluator { facts, recorder: OutcomeRecorder::default() };
    let eligible = evaluator.outcome(expression).is_ok_and(|value| value.holds());
    evaluator.recorder.into_decision(eligible)
}

/// The value of a part without an operation in it.
pub(crate) fn simple_value<'a>(expression: &'a Expression, facts: &'a Facts) -> OperationOutcome<'a> {
    match expression {
        Expression::Literal(literal) => Ok(literal.to_operand()),
        Expression::Fact(fact) => Ok(facts.value(fact)),
        Expression::NowAsMoment => Ok(OperandValue::Moment(facts.now)),
        Expression::List(entries) => entries
            .iter()
            .map(|entry| simple_value(entry, facts))
            .collect::<Result<_, _>>()
            .map(OperandValue::List),
        Expression::Operation(_) | Expression::Refused => Err(OperationFailure::ArgumentFailed),
    }
}

struct ConditionEvaluator<'a> {
    facts: &'a Facts,
    recorder: OutcomeRecorder,
}

impl<'a> ConditionEvaluator<'a> {
    fn outcome(&mut self, expression: &'a Expression) -> OperationOutcome<'a> {
        match expression {
            Expression::Operation(operation) => self.operation(operation),
            Expression::List(entries) => self.list(entries),
            simple => simple_value(simple, self.facts),
        }
    }

    /// Evaluates the entries behind a failed one as well, since each leaves its outcome in the record.
    fn list(&mut self, entries: &'a [Expression]) -> OperationOutcome<'a> {
        let outcomes: Vec<_> = entries.iter().map(|entry| self.outcome(entry)).collect();
        let values = outcomes.into_iter().collect::<Result<_, _>>();
        values.map(OperandValue::List).map_err(|_| OperationFailure::ArgumentFailed)
    }

    fn operation(&mut self, operation: &'a OperatorCall) -> OperationOutcome<'a> {
        let arguments = operation.arguments.iter().map(|argument| self.outcome(argument)).collect();
        let outcome = apply_operator(operation.operator, arguments);
        self.recorder.record(&outcome);
        outcome
    }
}

#[cfg(test)]
mod tests;
