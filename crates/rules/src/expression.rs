use domain::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::{
    decimal::decimal_to_json,
    fact::Fact,
    operand::OperandValue,
    operator::{Operator, OperatorFamily},
};

/// What an allocation costs besides what it holds, at most, with a usual allocator.
const BYTES_PER_ALLOCATION: usize = 16;

/// A part of a condition, ready to be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Literal(LiteralValue),
    List(Box<[Expression]>),
    Fact(Fact),
    /// A fact that can be null, and what stands for it then.
    FactOr(Box<(Fact, LiteralValue)>),
    /// The fact `now` where it is compared, and so a moment instead of text.
    NowAsMoment,
    Operation(Box<OperatorCall>),
    /// A part that was refused. Only a condition that an earlier version accepted has one; it fails.
    Refused,
}

/// A value the condition spells out. Arrays are [`Expression::List`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LiteralValue {
    Null,
    Boolean(bool),
    Number(Decimal),
    Text(Box<str>),
    /// A time that is compared to `now`, and how it is written.
    Moment(Timestamp, Box<str>),
}

/// An operator over its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OperatorCall {
    pub(crate) operator: Operator,
    /// Whether the arguments stand in an array: JsonLogic lets a single one do without.
    pub(crate) bracketed: bool,
    pub(crate) arguments: Box<[Expression]>,
}

impl LiteralValue {
    pub(crate) fn to_operand(&self) -> OperandValue<'_> {
        match self {
            Self::Null => OperandValue::Null,
            Self::Boolean(boolean) => OperandValue::Boolean(*boolean),
            Self::Number(number) => OperandValue::Number(*number),
            Self::Text(text) => OperandValue::Text(text.as_ref().into()),
            Self::Moment(moment, _) => OperandValue::Moment(*moment),
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Moment(_, text) => text.len() + BYTES_PER_ALLOCATION,
            Self::Null | Self::Boolean(_) | Self::Number(_) => 0,
        }
    }

    /// The value as it is written.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(boolean) => Value::Bool(*boolean),
            Self::Number(number) => decimal_to_json(*number),
            Self::Text(text) | Self::Moment(_, text) => Value::from(text.as_ref()),
        }
    }
}

impl OperatorCall {
    /// An operation whose arguments are read as it needs them: next to `now`, times are moments.
    pub(crate) fn new(operator: Operator, bracketed: bool, arguments: Vec<Expression>) -> Self {
        let compares_now = operator.family() == OperatorFamily::Comparison
            && arguments.iter().any(|argument| matches!(argument, Expression::Fact(Fact::Now)));
        let arguments = if compares_now {
            arguments.into_iter().map(Expression::into_moment).collect()
        } else {
            arguments.into()
        };
        Self { operator, bracketed, arguments }
    }
}

impl Expression {
    fn into_moment(self) -> Self {
        match self {
            Self::Fact(Fact::Now) => Self::NowAsMoment,
            Self::Literal(LiteralValue::Text(text)) => match text.parse() {
                Ok(moment) => Self::Literal(LiteralValue::Moment(moment, text)),
                Err(_) => Self::Literal(LiteralValue::Text(text)),
            },
            other => other,
        }
    }

    /// The fact this names.
    pub(crate) fn as_fact(&self) -> Option<&Fact> {
        match self {
            Self::Fact(fact) => Some(fact),
            Self::FactOr(fact_or) => Some(&fact_or.0),
            Self::NowAsMoment => Some(&Fact::Now),
            _ => None,
        }
    }

    /// The value as it is written, if there is nothing to evaluate in it.
    pub(crate) fn literal_json(&self) -> Option<Value> {
        match self {
            Self::Literal(literal) => Some(literal.to_json()),
            Self::List(entries) => entries.iter().map(Self::literal_json).collect(),
            _ => None,
        }
    }

    /// The parts directly inside.
    pub(crate) fn parts(&self) -> &[Expression] {
        match self {
            Self::List(entries) => entries,
            Self::Operation(operation) => &operation.arguments,
            _ => &[],
        }
    }

    /// Enters each mention of a fact, in source order.
    pub(crate) fn collect_facts<'a>(&'a self, facts: &mut Vec<&'a Fact>) {
        facts.extend(self.as_fact());
        for part in self.parts() {
            part.collect_facts(facts);
        }
    }

    /// Bytes on the heap, besides the expression's own.
    pub(crate) fn heap_bytes(&self) -> usize {
        let own = match self {
            Self::Literal(literal) => literal.heap_bytes(),
            Self::FactOr(fact_or) => {
                let (fact, literal) = fact_or.as_ref();
                let inside = fact.heap_bytes() + literal.heap_bytes();
                size_of::<(Fact, LiteralValue)>() + inside + 2 * BYTES_PER_ALLOCATION
            }
            Self::Operation(_) => size_of::<OperatorCall>() + 2 * BYTES_PER_ALLOCATION,
            Self::Fact(fact @ (Fact::Activity(_) | Fact::Attribute(_))) => {
                fact.heap_bytes() + BYTES_PER_ALLOCATION
            }
            Self::List(_) => BYTES_PER_ALLOCATION,
            _ => 0,
        };
        let inside = |part: &Self| size_of::<Self>() + part.heap_bytes();
        own + self.parts().iter().map(inside).sum::<usize>()
    }
}
