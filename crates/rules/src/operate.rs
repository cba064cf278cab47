//! What the operators mean: see the table in the crate's documentation.

use std::{borrow::Cow, cmp::Ordering};

use rust_decimal::{Decimal, prelude::ToPrimitive};

use crate::{decimal::is_within_range, operand::Operand, operator::Operator};

/// Why an operation has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperationFailure {
    /// It needs an argument that failed.
    ArgumentFailed,
    WrongType,
    DivisionByZero,
    OutOfRange,
    NotWhole,
}

/// The result of a part of a condition.
pub(crate) type Outcome<'a> = Result<Operand<'a>, OperationFailure>;

/// Applies an operator to its evaluated arguments, whose number fits.
pub(crate) fn apply_operator<'a>(operator: Operator, arguments: Vec<Outcome<'a>>) -> Outcome<'a> {
    match operator {
        Operator::And => first_or_last(arguments, |value| !value.holds()),
        Operator::Or => first_or_last(arguments, Operand::holds),
        Operator::If => chosen_branch(arguments),
        _ => {
            let needed = |outcome: Outcome<'a>| outcome.map_err(|_| OperationFailure::ArgumentFailed);
            let operands = arguments.into_iter().map(needed).collect::<Result<Vec<_>, _>>()?;
            apply_to_operands(operator, &operands)
        }
    }
}

fn apply_to_operands<'a>(operator: Operator, operands: &[Operand<'a>]) -> Outcome<'a> {
    let truth = match (operator, operands) {
        (Operator::Equal | Operator::StrictEqual, [left, right]) => left == right,
        (Operator::NotEqual | Operator::StrictNotEqual, [left, right]) => left != right,
        (Operator::Less, ordered) => are_ordered(ordered, Ordering::is_lt),
        (Operator::LessOrEqual, ordered) => are_ordered(ordered, Ordering::is_le),
        (Operator::Greater, ordered) => are_ordered(ordered, Ordering::is_gt),
        (Operator::GreaterOrEqual, ordered) => are_ordered(ordered, Ordering::is_ge),
        (Operator::Not, [value]) => !value.holds(),
        (Operator::Truthy, [value]) => value.holds(),
        (Operator::In, [needle, haystack]) => is_member(needle, haystack),
        (Operator::Concatenate, texts) => return concatenate(texts),
        (Operator::Substring, arguments) => return substring(arguments),
        (_, numbers) => return calculate(operator, numbers),
    };
    Ok(Operand::Boolean(truth))
}

/// The first value that decides, else the last. What stands behind a deciding value may have failed.
fn first_or_last<'a>(arguments: Vec<Outcome<'a>>, decides: impl Fn(&Operand<'a>) -> bool) -> Outcome<'a> {
    let mut last = Operand::Null;
    for argument in arguments {
        last = argument.map_err(|_| OperationFailure::ArgumentFailed)?;
        if decides(&last) {
            break;
        }
    }
    Ok(last)
}

fn chosen_branch(arguments: Vec<Outcome<'_>>) -> Outcome<'_> {
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let value = argument.map_err(|_| OperationFailure::ArgumentFailed)?;
        match arguments.next() {
            // The last argument without a partner is the else.
            None => return Ok(value),
            Some(result) if value.holds() => return result.map_err(|_| OperationFailure::ArgumentFailed),
            Some(_) => {}
        }
    }
    Ok(Operand::Null)
}

fn are_ordered(operands: &[Operand<'_>], accepts: impl Fn(Ordering) -> bool) -> bool {
    operands.windows(2).all(|pair| pair[0].order(&pair[1]).is_some_and(&accepts))
}

fn is_member(needle: &Operand<'_>, haystack: &Operand<'_>) -> bool {
    match (needle, haystack) {
        (needle, Operand::List(entries)) => entries.contains(needle),
        (Operand::Text(needle), Operand::Text(haystack)) => haystack.contains(needle.as_ref()),
        _ => false,
    }
}

fn concatenate<'a>(operands: &[Operand<'a>]) -> Outcome<'a> {
    let texts = all_of_type(operands, |operand| match operand {
        Operand::Text(text) => Some(text.as_ref()),
        _ => None,
    })?;
    Ok(texts.map_or(Operand::Null, |texts| Operand::Text(texts.concat().into())))
}

/// Counts characters (Unicode scalar values), not bytes.
fn substring<'a>(operands: &[Operand<'a>]) -> Outcome<'a> {
    let [text, span @ ..] = operands else { return Err(OperationFailure::WrongType) };
    let text = match text {
        Operand::Text(text) => Some(text),
        Operand::Null => None,
        _ => return Err(OperationFailure::WrongType),
    };
    let span = all_of_type(span, as_number)?;
    let (Some(text), Some(span)) = (text, span) else { return Ok(Operand::Null) };
    let span: Vec<_> = span.into_iter().map(whole_number).collect::<Result<_, _>>()?;
    let count = text.chars().count();
    let from_either_end = |at: i64| {
        let distance = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
        if at < 0 { count.saturating_sub(distance) } else { distance.min(count) }
    };
    let start = span.first().map_or(0, |start| from_either_end(*start));
    let end = match span.get(1) {
        None => count,
        Some(length) if *length < 0 => from_either_end(*length),
        Some(length) => start.saturating_add(usize::try_from(*length).unwrap_or(usize::MAX)),
    };
    let found: String = text.chars().take(end).skip(start).collect();
    Ok(Operand::Text(Cow::Owned(found)))
}

fn calculate<'a>(operator: Operator, operands: &[Operand<'a>]) -> Outcome<'a> {
    let Some(numbers) = all_of_type(operands, as_number)? else { return Ok(Operand::Null) };
    let mut rest = numbers.iter().copied();
    let result = match (operator, numbers.as_slice()) {
        (Operator::Add, _) => rest.try_fold(Decimal::ZERO, Decimal::checked_add),
        (Operator::Multiply, _) => rest.try_fold(Decimal::ONE, Decimal::checked_mul),
        (Operator::Minimum, _) => rest.min(),
        (Operator::Maximum, _) => rest.max(),
        (Operator::Subtract, [number]) => Some(-*number),
        (Operator::Subtract, [left, right]) => left.checked_sub(*right),
        (_, [_, divisor]) if divisor.is_zero() => return Err(OperationFailure::DivisionByZero),
        (Operator::Divide, [left, right]) => left.checked_div(*right),
        (Operator::Remainder, [left, right]) => left.checked_rem(*right),
        _ => return Err(OperationFailure::WrongType),
    };
    let result = result.filter(|number| is_within_range(*number)).ok_or(OperationFailure::OutOfRange)?;
    Ok(Operand::Number(result))
}

fn as_number(operand: &Operand<'_>) -> Option<Decimal> {
    match operand {
        Operand::Number(number) => Some(*number),
        _ => None,
    }
}

fn whole_number(number: Decimal) -> Result<i64, OperationFailure> {
    let whole = if number.is_integer() { number.to_i64() } else { None };
    whole.ok_or(OperationFailure::NotWhole)
}

/// The operands as values of one type; None if some are null. One of any other type is a failure.
fn all_of_type<'a, T>(
    operands: &'a [Operand<'_>],
    read: impl Fn(&'a Operand<'_>) -> Option<T>,
) -> Result<Option<Vec<T>>, OperationFailure> {
    let known = operands.iter().filter(|operand| !matches!(operand, Operand::Null));
    let values: Vec<_> =
        known.map(|operand| read(operand).ok_or(OperationFailure::WrongType)).collect::<Result<_, _>>()?;
    Ok((values.len() == operands.len()).then_some(values))
}

#[cfg(test)]
mod tests;
