use std::{borrow::Cow, cmp::Ordering};

use domain::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::decimal::decimal_to_json;

/// A value during evaluation. Equality is that of conditions: type and value are the same.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OperandValue<'a> {
    Null,
    Boolean(bool),
    Number(Decimal),
    Text(Cow<'a, str>),
    /// `now`, or a time it is compared to.
    Moment(Timestamp),
    List(Vec<OperandValue<'a>>),
}

impl OperandValue<'_> {
    /// Which of two numbers, texts or moments comes first; nothing else is in order.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => Some(left.cmp(right)),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Moment(left), Self::Moment(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }

    /// Whether the value holds, as `and`, `or`, `if` and the verdict ask.
    pub(crate) fn holds(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Boolean(boolean) => *boolean,
            Self::Number(number) => !number.is_zero(),
            Self::Text(text) => !text.is_empty(),
            Self::Moment(_) => true,
            Self::List(entries) => !entries.is_empty(),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(boolean) => Value::Bool(*boolean),
            Self::Number(number) => decimal_to_json(*number),
            Self::Text(text) => Value::from(text.as_ref()),
            Self::Moment(moment) => Value::from(moment.to_string()),
            Self::List(entries) => entries.iter().map(Self::to_json).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of_each() -> [OperandValue<'static>; 6] {
        [
            OperandValue::Null,
            OperandValue::Boolean(false),
            OperandValue::Number(Decimal::ZERO),
            OperandValue::Text("".into()),
            OperandValue::Moment(Timestamp::from_millis(0)),
            OperandValue::List(Vec::new()),
        ]
    }

    #[test]
    fn values_of_different_types_are_never_equal_and_never_in_order() {
        for (left_at, left) in one_of_each().iter().enumerate() {
            for (right_at, right) in one_of_each().iter().enumerate() {
                assert_eq!(left == right, left_at == right_at, "{left:?} {right:?}");
                assert!(left_at == right_at || left.order(right).is_none(), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn null_booleans_and_lists_have_no_order() {
        for same in [OperandValue::Null, OperandValue::Boolean(true), OperandValue::List(Vec::new())] {
            assert_eq!(same.order(&same), None);
        }
    }

    #[test]
    fn texts_are_ordered_by_code_point() {
        let text = |text: &'static str| OperandValue::Text(text.into());
        assert_eq!(text("Z").order(&text("a")), Some(Ordering::Less));
        assert_eq!(text("\u{ffff}").order(&text("\u{10000}")), Some(Ordering::Less));
    }
}
