use crate::{
    decision::{ConditionDecision, OutcomeRecorder},
    expression::{Expression, OperatorCall},
    facts::Facts,
    operand::OperandValue,
    operate::{OperationFailure, OperationOutcome, apply_operator},
};

/// How many bytes of text the operations of a condition may still go through. Far more than any sensible
/// condition does; without it, texts put together over and over could take long.
pub(crate) struct TextBudget(usize);

impl Default for TextBudget {
    fn default() -> Self {
        Self(256 * 1024)
    }
}

/// Decides a condition. All parts are evaluated, also those that cannot change the outcome, so that the trace
/// has them.
pub(crate) fn evaluate_condition(expression: &Expression, facts: &Facts) -> ConditionDecision {
    let mut recorder = OutcomeRecorder::default();
    let mut budget = TextBudget::default();
    let outcome = observe_evaluation(expression, facts, &mut budget, &mut recorder);
    let eligible = outcome.is_ok_and(|value| value.holds());
    recorder.into_decision(eligible)
}

/// Sees operations as they are evaluated, arguments before the operation that takes them.
pub(crate) trait EvaluationObserver {
    /// The arguments have been evaluated.
    fn arguments_known(&mut self, _: &OperatorCall, _: &[OperationOutcome<'_>]) {}

    /// The operation has been evaluated.
    fn operation_ended(&mut self, _: &OperationOutcome<'_>) {}
}

/// Evaluates all of a part, for somebody to watch.
pub(crate) fn observe_evaluation<'a>(
    expression: &'a Expression,
    facts: &'a Facts,
    budget: &mut TextBudget,
    observer: &mut impl EvaluationObserver,
) -> OperationOutcome<'a> {
    PartEvaluator { facts, budget, observer }.outcome(expression)
}

/// The value of a part without an operation in it.
pub(crate) fn simple_value<'a>(expression: &'a Expression, facts: &'a Facts) -> OperationOutcome<'a> {
    match expression {
        Expression::Literal(literal) => Ok(literal.to_operand()),
        Expression::Fact(fact) => Ok(facts.value(fact)),
        Expression::FactOr(fact_or) => match facts.value(&fact_or.0) {
            OperandValue::Null => Ok(fact_or.1.to_operand()),
            value => Ok(value),
        },
        Expression::NowAsMoment => Ok(OperandValue::Moment(facts.now)),
        Expression::List(entries) => entries
            .iter()
            .map(|entry| simple_value(entry, facts))
            .collect::<Result<_, _>>()
            .map(OperandValue::List),
        Expression::Operation(_) | Expression::Refused => Err(OperationFailure::ArgumentFailed),
    }
}

struct PartEvaluator<'a, 'o, O> {
    facts: &'a Facts,
    budget: &'o mut TextBudget,
    observer: &'o mut O,
}

impl<'a, O: EvaluationObserver> PartEvaluator<'a, '_, O> {
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
        let arguments: Vec<_> = operation.arguments.iter().map(|argument| self.outcome(argument)).collect();
        self.observer.arguments_known(operation, &arguments);
        let outcome = if self.affords_text(&arguments) {
            apply_operator(operation.operator, arguments)
        } else {
            Err(OperationFailure::TooMuchText)
        };
        self.observer.operation_ended(&outcome);
        outcome
    }

    fn affords_text(&mut self, arguments: &[OperationOutcome<'_>]) -> bool {
        let bytes = arguments.iter().map(|argument| match argument {
            Ok(OperandValue::Text(text)) => text.len(),
            _ => 0,
        });
        let left = self.budget.0.checked_sub(bytes.sum());
        self.budget.0 = left.unwrap_or_default();
        left.is_some()
    }
}

#[cfg(test)]
mod fact_tests;
#[cfg(test)]
mod tests;
