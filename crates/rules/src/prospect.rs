//! Why a condition is not met: what matters through `and`, `or`, `!` and `if`.
//!
//! Each part is looked at once, from the inside out, for what it lacks to hold and for what it lacks not to
//! hold, so that no nesting of `!` and `if` makes this take longer.

use std::mem::take;

use serde_json::Value;

use crate::{
    evaluate::{EvaluationObserver, TextBudget, observe_evaluation},
    expression::{Expression, OperatorCall},
    facts::Facts,
    operand::OperandValue,
    operate::{OperationFailure, OperationOutcome, apply_operator},
    operator::{Operator, OperatorFamily},
    plan::{Plan, PlanCost},
    progress::{outcome_json, target_json},
    reason::{Reason, ReasonMatter},
    requirement::{Requirement, relative_distance},
    subject::{SubjectRank, SubjectSide, subject_name, subject_side},
};

/// What a user lacks to meet a condition; nothing if they meet it.
pub(crate) fn find_reasons(expression: &Expression, facts: &Facts) -> Vec<Reason> {
    ProspectFinder { facts, budget: TextBudget::default() }.prospect(expression).to_hold.into_reasons()
}

/// How a part comes out, and what it lacks to come out otherwise.
struct Prospect {
    state: PartState,
    /// Empty if it holds.
    to_hold: Plan,
    /// Empty if it does not hold and has not failed.
    to_fall: Plan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartState {
    Holds,
    HoldsNot,
    Failed,
}

impl Prospect {
    fn new(holds: bool, otherwise: Plan) -> Self {
        if holds {
            Self { state: PartState::Holds, to_hold: Plan::default(), to_fall: otherwise }
        } else {
            Self { state: PartState::HoldsNot, to_hold: otherwise, to_fall: Plan::default() }
        }
    }

    /// A part that failed has to be evaluated at all before anything else.
    fn failed(operator: &'static str, failure: Option<OperationFailure>) -> Self {
        let plan = || {
            let reason = Reason::without_fact(operator, ReasonMatter::Failed(failure));
            Plan::from_reason(reason, true, 1.0)
        };
        Self { state: PartState::Failed, to_hold: plan(), to_fall: plan() }
    }

    fn opposite(self) -> Self {
        let state = match self.state {
            PartState::Holds => PartState::HoldsNot,
            PartState::HoldsNot => PartState::Holds,
            PartState::Failed => PartState::Failed,
        };
        Self { state, to_hold: self.to_fall, to_fall: self.to_hold }
    }
}

/// `and`: the first part that does not hold decides, and what stands behind it is not needed.
fn all_parts(mut parts: Vec<Prospect>) -> Prospect {
    let decided = parts.iter().position(|part| part.state != PartState::Holds);
    let state = decided.map_or(PartState::Holds, |at| parts[at].state);
    let to_hold = Plan::all_of(parts.iter_mut().map(|part| take(&mut part.to_hold)));
    if state == PartState::HoldsNot {
        return Prospect { state, to_hold, to_fall: Plan::default() };
    }
    // What stands behind a part that failed cannot decide.
    let able = parts.into_iter().take(decided.map_or(usize::MAX, |failed| failed + 1));
    let to_fall = Plan::nearest_of(able.map(|part| part.to_fall)).unwrap_or_default();
    Prospect { state, to_hold, to_fall }
}

/// `or`: the opposite of all opposites.
fn any_part(parts: Vec<Prospect>) -> Prospect {
    all_parts(parts.into_iter().map(Prospect::opposite).collect()).opposite()
}

/// `if`: condition, result and so on, else. Without an else it does not hold if no condition does.
fn first_branch(mut parts: Vec<Prospect>) -> Prospect {
    let decided = deciding_part(&parts);
    match decided.map_or(PartState::HoldsNot, |at| parts[at].state) {
        PartState::Holds => {
            Prospect::new(true, nearest_branch(&mut parts, |result| &mut result.to_fall, true))
        }
        PartState::HoldsNot => {
            Prospect::new(false, nearest_branch(&mut parts, |result| &mut result.to_hold, false))
        }
        PartState::Failed => parts.swap_remove(decided.unwrap_or_default()),
    }
}

/// The result that is taken, or the condition that failed before one was.
fn deciding_part(parts: &[Prospect]) -> Option<usize> {
    let deciding = |(at, branch): (usize, &[Prospect])| match branch {
        [condition, _] => match condition.state {
            PartState::Holds => Some(2 * at + 1),
            PartState::HoldsNot => None,
            PartState::Failed => Some(2 * at),
        },
        _ => Some(2 * at),
    };
    parts.chunks(2).enumerate().find_map(deciding)
}

/// The result that is nearest to being taken and coming out as wanted: its condition must hold, and none
/// before it may.
fn nearest_branch(
    parts: &mut [Prospect],
    wanted: fn(&mut Prospect) -> &mut Plan,
    is_null_wanted: bool,
) -> Plan {
    let mut passed = PlanCost::default();
    let mut costs = Vec::new();
    for branch in parts.chunks_mut(2) {
        match branch {
            [condition, result] => {
                costs.push(passed.plus(condition.to_hold.cost()).plus(wanted(result).cost()));
                passed = passed.plus(condition.to_fall.cost());
            }
            otherwise => costs.extend(otherwise.iter_mut().map(|part| passed.plus(wanted(part).cost()))),
        }
    }
    if is_null_wanted && parts.len().is_multiple_of(2) {
        costs.push(passed);
    }
    let nearest = (0..costs.len()).min_by(|left, right| costs[*left].order(costs[*right]));
    let mut plans = Vec::new();
    for (at, branch) in parts.chunks_mut(2).enumerate().take(nearest.map_or(0, |nearest| nearest + 1)) {
        match branch {
            [condition, result] if Some(at) == nearest => {
                plans.extend([take(&mut condition.to_hold), take(wanted(result))]);
            }
            [condition, _] => plans.push(take(&mut condition.to_fall)),
            otherwise => plans.extend(otherwise.iter_mut().map(|part| take(wanted(part)))),
        }
    }
    Plan::all_of(plans)
}

struct ProspectFinder<'a> {
    facts: &'a Facts,
    budget: TextBudget,
}

impl ProspectFinder<'_> {
    fn prospect(&mut self, expression: &Expression) -> Prospect {
        let Expression::Operation(operation) = expression else { return self.value(expression) };
        let mut parts =
            || operation.arguments.iter().map(|argument| self.prospect(argument)).collect::<Vec<_>>();
        match operation.operator {
            Operator::And | Operator::Truthy => all_parts(parts()),
            Operator::Or => any_part(parts()),
            Operator::Not => all_parts(parts()).opposite(),
            Operator::If => first_branch(parts()),
            _ => match operation.operator.family() {
                OperatorFamily::Comparison | OperatorFamily::Membership => self.comparison(operation),
                _ => self.value(expression),
            },
        }
    }

    /// A value that only has to hold.
    fn value(&mut self, expression: &Expression) -> Prospect {
        let mut failures = FailureFinder::default();
        let outcome = observe_evaluation(expression, self.facts, &mut self.budget, &mut failures);
        let Ok(value) = &outcome else { return Prospect::failed("!!", failures.0) };
        let holds = value.holds();
        let requirement = if holds { Requirement::NotHolding } else { Requirement::Holding };
        let (_, rank) = subject_side(expression, expression);
        if rank == SubjectRank::Constant {
            return Prospect::new(holds, constant_plan("!!"));
        }
        let reason = Reason {
            fact: Some(subject_name(expression)),
            operator: requirement.symbol(),
            target: Value::Bool(!holds),
            actual: outcome_json(&outcome),
            matter: ReasonMatter::Required { fact: expression.as_fact().cloned(), requirement },
        };
        Prospect::new(holds, Plan::from_reason(reason, false, 1.0))
    }

    /// `a < b < c` is two comparisons, both of which must hold.
    fn comparison(&mut self, operation: &OperatorCall) -> Prospect {
        let mut failures = FailureFinder::default();
        let mut outcome =
            |argument| observe_evaluation(argument, self.facts, &mut self.budget, &mut failures);
        let outcomes: Vec<_> = operation.arguments.iter().map(&mut outcome).collect();
        if outcomes.iter().any(Result::is_err) {
            return Prospect::failed(operation.operator.name(), failures.0);
        }
        let sides: Vec<_> = operation.arguments.iter().zip(outcomes).collect();
        all_parts(sides.windows(2).filter_map(|pair| compared_pair(operation.operator, pair)).collect())
    }
}

/// An expression and its value.
type ComparedSide<'a> = (&'a Expression, OperationOutcome<'a>);

fn compared_pair(operator: Operator, pair: &[ComparedSide<'_>]) -> Option<Prospect> {
    let [(left, left_outcome), (right, right_outcome)] = pair else { return None };
    let outcome = apply_operator(operator, vec![left_outcome.clone(), right_outcome.clone()]);
    let Ok(OperandValue::Boolean(holds)) = outcome else { return None };
    let (side, rank) = subject_side(left, right);
    if rank == SubjectRank::Constant {
        return Some(Prospect::new(holds, constant_plan(operator.name())));
    }
    let ((subject, actual), (target, aimed)) = match side {
        SubjectSide::Left => ((left, left_outcome), (right, right_outcome)),
        SubjectSide::Right => ((right, right_outcome), (left, left_outcome)),
    };
    let requirement = Requirement::from_comparison(operator, side)?;
    let requirement = if holds { requirement.inverted() } else { requirement };
    let (Ok(has), Ok(needs)) = (actual, aimed) else { return None };
    let is_out_of_reach = subject.as_fact().is_some_and(|fact| requirement.is_out_of_reach(fact, has, needs));
    let distance = relative_distance(has, needs);
    let reason = Reason {
        fact: Some(subject_name(subject)),
        operator: requirement.symbol(),
        target: target_json(target, aimed),
        actual: outcome_json(actual),
        matter: ReasonMatter::Required { fact: subject.as_fact().cloned(), requirement },
    };
    Some(Prospect::new(holds, Plan::from_reason(reason, is_out_of_reach, distance)))
}

fn constant_plan(operator: &'static str) -> Plan {
    Plan::from_reason(Reason::without_fact(operator, ReasonMatter::Constant), true, 1.0)
}

/// Finds the failure that others follow from.
#[derive(Default)]
struct FailureFinder(Option<OperationFailure>);

impl EvaluationObserver for FailureFinder {
    fn operation_ended(&mut self, outcome: &OperationOutcome<'_>) {
        if let Err(failure) = outcome {
            self.0 = self.0.or(Some(*failure)).filter(|failure| *failure != OperationFailure::ArgumentFailed);
        }
    }
}

#[cfg(test)]
mod tests;
