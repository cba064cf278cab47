//! What the operators mean: see the table in the crate's documentation.

use std::{borrow::Cow, cmp::Ordering};

use rust_decimal::{Decimal, prelude::ToPrimitive};

use crate::{decimal::is_within_range, operand::OperandValue, operator::Operator};

/// Why an operation has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperationFailure {
    /// It needs an argument that failed.
    ArgumentFailed,
    WrongType,
    DivisionByZero,
    OutOfRange,
    NotWhole,
    TooMuchText,
}

/// The result of a part of a condition.
pub(crate) type OperationOutcome<'a> = Result<OperandValue<'a>, OperationFailure>;

/// Applies an operator to its evaluated arguments, whose number fits.
pub(crate) fn apply_operator<'a>(
    operator: Operator,
    arguments: Vec<OperationOutcome<'a>>,
) -> OperationOutcome<'a> {
    match operator {
        Operator::And => first_or_last(arguments, |value| !value.holds()),
        Operator::Or => first_or_last(arguments, OperandValue::holds),
        Operator::If => chosen_branch(arguments),
        _ => {
            let needed =
                |outcome: OperationOutcome<'a>| outcome.map_err(|_| OperationFailure::ArgumentFailed);
            let operands = arguments.into_iter().map(needed).collect::<Result<Vec<_>, _>>()?;
            apply_to_operands(operator, &operands)
        }
    }
}

fn apply_to_operands<'a>(operator: Operator, operands: &[OperandValue<'a>]) -> OperationOutcome<'a> {
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
        (Operator::Concatenate, texts) => return concatenate_texts(texts),
        (Operator::Substring, arguments) => return cut_substring(arguments),
        (_, numbers) => return calculate_number(operator, numbers),
    };
    Ok(OperandValue::Boolean(truth))
}

/// The first value that decides, else the last. What stands behind a deciding value may have failed.
fn first_or_last<'a>(
    arguments: Vec<OperationOutcome<'a>>,
    decides: impl Fn(&OperandValue<'a>) -> bool,
) -> OperationOutcome<'a> {
    let mut last = OperandValue::Null;
    for argument in arguments {
        last = argument.map_err(|_| OperationFailure::ArgumentFailed)?;
        if decides(&last) {
            break;
        }
    }
    Ok(last)
}

fn chosen_branch(arguments: Vec<OperationOutcome<'_>>) -> OperationOutcome<'_> {
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
    Ok(OperandValue::Null)
}

fn are_ordered(operands: &[OperandValue<'_>], accepts: impl Fn(Ordering) -> bool) -> bool {
    operands.windows(2).all(|pair| pair[0].order(&pair[1]).is_some_and(&accepts))
}

fn is_member(needle: &OperandValue<'_>, haystack: &OperandValue<'_>) -> bool {
    match (needle, haystack) {
        (needle, OperandValue::List(entries)) => entries.contains(needle),
        (OperandValue::Text(needle), OperandValue::Text(haystack)) => haystack.contains(needle.as_ref()),
        _ => false,
    }
}

fn concatenate_texts<'a>(operands: &[OperandValue<'a>]) -> OperationOutcome<'a> {
    let texts = all_of_type(operands, |operand| match operand {
        OperandValue::Text(text) => Some(text.as_ref()),
        _ => None,
    })?;
    Ok(texts.map_or(OperandValue::Null, |texts| OperandValue::Text(texts.concat().into())))
}

/// Counts characters (Unicode scalar values), not bytes.
fn cut_substring<'a>(operands: &[OperandValue<'a>]) -> OperationOutcome<'a> {
    let [text, span @ ..] = operands else { return Err(OperationFailure::WrongType) };
    let text = match text {
        OperandValue::Text(text) => Some(text),
        OperandValue::Null => None,
        _ => return Err(OperationFailure::WrongType),
    };
    let span = all_of_type(span, as_number)?;
    let (Some(text), Some(span)) = (text, span) else { return Ok(OperandValue::Null) };
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
    Ok(OperandValue::Text(Cow::Owned(found)))
}

fn calculate_number<'a>(operator: Operator, operands: &[OperandValue<'a>]) -> OperationOutcome<'a> {
    let Some(numbers) = all_of_type(operands, as_number)? else { return Ok(OperandValue::Null) };
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
    Ok(OperandValue::Number(result))
}

fn as_number(operand: &OperandValue<'_>) -> Option<Decimal> {
    match operand {
        OperandValue::Number(number) => Some(*number),
        _ => None,
    }
}

fn whole_number(number: Decimal) -> Result<i64, OperationFailure> {
    let whole = if number.is_integer() { number.to_i64() } else { None };
    whole.ok_or(OperationFailure::NotWhole)
}

/// The operands as values of one type; None if some are null. One of any other type is a failure.
fn all_of_type<'a, T>(
    operands: &'a [OperandValue<'_>],
    read: impl Fn(&'a OperandValue<'_>) -> Option<T>,
) -> Result<Option<Vec<T>>, OperationFailure> {
    let known = operands.iter().filter(|operand| !matches!(operand, OperandValue::Null));
    let values: Vec<_> =
        known.map(|operand| read(operand).ok_or(OperationFailure::WrongType)).collect::<Result<_, _>>()?;
    Ok((values.len() == operands.len()).then_some(values))
}

#[cfg(test)]
mod tests;
