use crate::{
    decision::{Decision, OutcomeRecorder},
    expression::{Expression, Operation},
    fact::Facts,
    operand::Operand,
    operate::{OperationFailure, Outcome, apply_operator},
};

/// Decides a condition. All parts are evaluated, also those that cannot change the outcome, so that the trace
/// has them.
pub(crate) fn evaluate_condition(expression: &Expression, facts: &Facts) -> Decision {
    let mut evaluator = Evaluator { facts, recorder: OutcomeRecorder::default() };
    let eligible = evaluator.outcome(expression).is_ok_and(|value| value.holds());
    evaluator.recorder.into_decision(eligible)
}

/// The value of a part without an operation in it.
pub(crate) fn simple_value<'a>(expression: &'a Expression, facts: &'a Facts) -> Outcome<'a> {
    match expression {
        Expression::Literal(literal) => Ok(literal.to_operand()),
        Expression::Fact(fact) => Ok(facts.value(*fact)),
        Expression::NowAsMoment => Ok(Operand::Moment(facts.now)),
        Expression::List(entries) => entries
            .iter()
            .map(|entry| simple_value(entry, facts))
            .collect::<Result<_, _>>()
            .map(Operand::List),
        Expression::Operation(_) | Expression::Refused => Err(OperationFailure::ArgumentFailed),
    }
}

struct Evaluator<'a> {
    facts: &'a Facts,
    recorder: OutcomeRecorder,
}

impl<'a> Evaluator<'a> {
    fn outcome(&mut self, expression: &'a Expression) -> Outcome<'a> {
        match expression {
            Expression::Operation(operation) => self.operation(operation),
            Expression::List(entries) => self.list(entries),
            simple => simple_value(simple, self.facts),
        }
    }

    /// Evaluates the entries behind a failed one as well, since each leaves its outcome in the record.
    fn list(&mut self, entries: &'a [Expression]) -> Outcome<'a> {
        let outcomes: Vec<_> = entries.iter().map(|entry| self.outcome(entry)).collect();
        let values = outcomes.into_iter().collect::<Result<_, _>>();
        values.map(Operand::List).map_err(|_| OperationFailure::ArgumentFailed)
    }

    fn operation(&mut self, operation: &'a Operation) -> Outcome<'a> {
        let arguments = operation.arguments.iter().map(|argument| self.outcome(argument)).collect();
        let outcome = apply_operator(operation.operator, arguments);
        self.recorder.record(&outcome);
        outcome
    }
}

#[cfg(test)]
mod tests;
