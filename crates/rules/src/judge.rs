//! Refuses operations that can never mean what their author hoped for, as far as facts and literals show it.

use domain::{Role, Timestamp};

use crate::{
    activity_measure::ActivityMeasure,
    condition_fault::{FaultList, shortened_text},
    condition_path::ConditionPath,
    expression::{Expression, LiteralValue},
    fact::{ActivityFact, Fact},
    operator::{Operator, OperatorFamily},
};

/// Checks the arguments of one operation. Nothing is said about those that had faults of their own.
pub(crate) fn judge_operation<'a>(
    operator: Operator,
    arguments: &[Expression],
    place_of: impl Fn(usize) -> ConditionPath<'a>,
    faults: &mut FaultList,
) {
    for (index, argument) in arguments.iter().enumerate() {
        let is_haystack = operator == Operator::In && index == 1;
        let message = match operator.family() {
            OperatorFamily::Comparison => roles_misused(operator, argument)
                .or_else(|| comparison_mismatch(operator, argument, arguments)),
            OperatorFamily::Arithmetic => {
                roles_misused(operator, argument).or_else(|| not_a_number(operator, argument))
            }
            OperatorFamily::Membership if is_haystack => contains_nothing(argument),
            OperatorFamily::Membership => {
                roles_misused(operator, argument).or_else(|| unknown_role(argument, arguments))
            }
            OperatorFamily::Text if operator == Operator::Substring && index > 0 => {
                not_a_number(operator, argument)
            }
            OperatorFamily::Text => not_a_text(operator, argument),
            OperatorFamily::Variable | OperatorFamily::Logic => None,
        };
        if let Some(message) = message {
            faults.push(&place_of(index), message);
        }
    }
}

fn roles_misused(operator: Operator, argument: &Expression) -> Option<String> {
    let is_roles = argument.as_fact() == Some(&Fact::UserRoles);
    is_roles.then(|| {
        let name = operator.name();
        format!(
            "user.roles is a list and cannot be used here with {name:?}; write {{\"in\": [\"USER\", \
             {{\"var\": \"user.roles\"}}]}}"
        )
    })
}

fn unknown_role(needle: &Expression, arguments: &[Expression]) -> Option<String> {
    let [_, Expression::Fact(Fact::UserRoles)] = arguments else { return None };
    let shown = shown_constant(needle)?;
    if is_text(needle, |text| text.parse::<Role>().is_ok()) {
        return None;
    }
    Some(format!("{shown} is not a role; roles: {}", Role::ALL.map(Role::name).join(", ")))
}

fn contains_nothing(haystack: &Expression) -> Option<String> {
    let fact = haystack.as_fact().filter(|fact| fact.is_number())?;
    Some(format!("{fact} is a number; \"in\" looks into a list or a text"))
}

/// Null is left to evaluation, as are what is computed and attributes, which can be anything.
fn not_a_number(operator: Operator, argument: &Expression) -> Option<String> {
    let is_fitting = match argument.as_fact() {
        Some(fact) => fact.is_number() || matches!(fact, Fact::Attribute(_)),
        None => matches!(argument, Expression::Literal(LiteralValue::Number(_) | LiteralValue::Null)),
    };
    let shown = shown_operand(argument).filter(|_| !is_fitting);
    shown.map(|shown| format!("{shown} is not a number as {:?} takes it here", operator.name()))
}

fn not_a_text(operator: Operator, argument: &Expression) -> Option<String> {
    let is_fitting = match argument.as_fact() {
        Some(fact) => matches!(fact, Fact::UserId | Fact::Now | Fact::Attribute(_)),
        None => matches!(argument, Expression::Literal(LiteralValue::Text(_) | LiteralValue::Null)),
    };
    let shown = shown_operand(argument).filter(|_| !is_fitting);
    shown.map(|shown| format!("{shown} is not a text as {:?} takes it here", operator.name()))
}

/// What is wrong with comparing the argument to a fact among the others, if anything is known to be.
fn comparison_mismatch(
    operator: Operator,
    argument: &Expression,
    arguments: &[Expression],
) -> Option<String> {
    arguments.iter().filter_map(Expression::as_fact).find_map(|fact| fact_mismatch(operator, fact, argument))
}

fn fact_mismatch(operator: Operator, fact: &Fact, other: &Expression) -> Option<String> {
    match fact {
        // Computed text would compare letter by letter and get offsets wrong, so only literals will do.
        Fact::Now if !is_now_or_time(other) => Some(
            "now is only comparable to an RFC 3339 time with an offset, written out such as \
             \"2026-06-01T00:00:00+09:00\""
                .to_owned(),
        ),
        // Without activity the largest value is null, which an equality may ask for.
        Fact::Activity(ActivityFact { measure: ActivityMeasure::Max, .. })
            if is_null(other) && !operator.is_ordering() =>
        {
            None
        }
        Fact::UserAgeDays | Fact::Activity(_) if !is_number(other) => {
            let shown = shown_constant(other)?;
            Some(format!("{fact} is a number and cannot be compared to {shown}; write a number such as 7"))
        }
        Fact::Attribute(_) => attribute_mismatch(operator, fact, other),
        Fact::UserId if !is_text(other, is_id) => {
            let shown = shown_constant(other)?;
            Some(format!("user.id cannot equal {shown}; an id is text of 24 lower-case hexadecimal digits"))
        }
        _ => None,
    }
}

/// An attribute can be any text, number or boolean, or null.
fn attribute_mismatch(operator: Operator, fact: &Fact, other: &Expression) -> Option<String> {
    let is_scalar = matches!(other, Expression::Literal(_));
    let is_in_order = matches!(other, Expression::Literal(LiteralValue::Number(_) | LiteralValue::Text(_)));
    let shown = shown_constant(other).filter(|_| !is_in_order)?;
    if operator.is_ordering() {
        let name = operator.name();
        return Some(format!("{shown} is in no order; {name:?} compares {fact} to a number or a text"));
    }
    (!is_scalar).then(|| {
        format!(
            "{fact} is never {shown}; to allow several values, write {{\"in\": [{{\"var\": \"{fact}\"}}, \
             [\"a\", \"b\"]]}}"
        )
    })
}

fn is_null(expression: &Expression) -> bool {
    matches!(expression, Expression::Literal(LiteralValue::Null))
}

fn is_number(expression: &Expression) -> bool {
    matches!(expression, Expression::Literal(LiteralValue::Number(_)))
}

fn is_now_or_time(expression: &Expression) -> bool {
    matches!(expression, Expression::Refused | Expression::Fact(Fact::Now))
        || is_text(expression, |text| text.parse::<Timestamp>().is_ok())
}

/// How messages show a fact or a value whose type the condition spells out; None for what is computed.
fn shown_operand(expression: &Expression) -> Option<String> {
    expression.as_fact().map(Fact::to_string).or_else(|| shown_constant(expression))
}

/// How messages show a value whose type the condition spells out; None for facts and what is computed.
fn shown_constant(expression: &Expression) -> Option<String> {
    match expression.literal_json() {
        Some(literal) => Some(shortened_text(&literal.to_string())),
        None => matches!(expression, Expression::List(_)).then(|| "a list".to_owned()),
    }
}

fn is_text(expression: &Expression, accepts: impl Fn(&str) -> bool) -> bool {
    matches!(expression, Expression::Literal(LiteralValue::Text(text)) if accepts(text))
}

/// Whether a text is written as ids are.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
