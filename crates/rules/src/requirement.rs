use std::cmp::Ordering;

use rust_decimal::{Decimal, prelude::ToPrimitive};

use crate::{
    activity_measure::ActivityMeasure,
    fact::{ActivityFact, Fact},
    operand::OperandValue,
    operator::Operator,
    subject::SubjectSide,
};

/// What would have to hold of a fact, seen from the fact: inverted where the comparison stands under `!`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requirement {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// To be in the target.
    Among,
    NotAmong,
    /// To have the target in it.
    Containing,
    NotContaining,
    /// To be a value that holds, without a target.
    Holding,
    NotHolding,
}

impl Requirement {
    /// What a comparison asks of one of its sides. None for operators that do not compare.
    pub(crate) fn from_comparison(operator: Operator, side: SubjectSide) -> Option<Self> {
        let operator = if side == SubjectSide::Left { operator } else { operator.flipped() };
        match operator {
            Operator::Equal | Operator::StrictEqual => Some(Self::Equal),
            Operator::NotEqual | Operator::StrictNotEqual => Some(Self::NotEqual),
            Operator::Less => Some(Self::Less),
            Operator::LessOrEqual => Some(Self::LessOrEqual),
            Operator::Greater => Some(Self::Greater),
            Operator::GreaterOrEqual => Some(Self::GreaterOrEqual),
            Operator::In if side == SubjectSide::Left => Some(Self::Among),
            Operator::In => Some(Self::Containing),
            _ => None,
        }
    }

    /// What holds if this does not. Only of a requirement that is fulfilled: an order that null is not in is
    /// not turned around.
    pub(crate) const fn inverted(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
            Self::Among => Self::NotAmong,
            Self::NotAmong => Self::Among,
            Self::Containing => Self::NotContaining,
            Self::NotContaining => Self::Containing,
            Self::Holding => Self::NotHolding,
            Self::NotHolding => Self::Holding,
        }
    }

    /// How it is written in a reason.
    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Among | Self::Containing => "in",
            Self::NotAmong | Self::NotContaining => "not in",
            Self::Holding => "!!",
            Self::NotHolding => "!",
        }
    }

    /// Whether nothing a user does from now on can fulfil it, since time passes, and counts only grow.
    pub(crate) fn is_out_of_reach(
        self,
        fact: &Fact,
        actual: &OperandValue<'_>,
        target: &OperandValue<'_>,
    ) -> bool {
        match fact {
            Fact::UserId => true,
            Fact::Now | Fact::UserAgeDays | Fact::Activity(_) if !Self::can_fall(fact) => match self {
                Self::Less | Self::LessOrEqual => true,
                Self::Equal => actual.order(target) == Some(Ordering::Greater),
                _ => false,
            },
            _ => false,
        }
    }

    fn can_fall(fact: &Fact) -> bool {
        use ActivityMeasure::{Streak, Sum};
        matches!(fact, Fact::Activity(ActivityFact { measure: Sum | Streak, .. }))
    }
}

/// How far two values are from each other, from 0 to 1: for numbers in proportion to the larger one, for
/// anything else as far as can be.
pub(crate) fn relative_distance(actual: &OperandValue<'_>, target: &OperandValue<'_>) -> f64 {
    let (OperandValue::Number(actual), OperandValue::Number(target)) = (actual, target) else { return 1.0 };
    let larger = actual.abs().max(target.abs());
    let share = actual.checked_sub(*target).and_then(|gap| gap.abs().checked_div(larger));
    share.as_ref().and_then(Decimal::to_f64).unwrap_or(1.0).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: i64) -> OperandValue<'static> {
        OperandValue::Number(number.into())
    }

    #[test]
    fn distances_are_shares_of_the_larger_number() {
        for (actual, target, distance) in [(3, 4, 0.25), (4, 3, 0.25), (0, 7, 1.0), (-5, 5, 1.0), (0, 0, 1.0)]
        {
            assert!(
                (relative_distance(&number(actual), &number(target)) - distance).abs() < 1e-9,
                "{actual} {target}"
            );
        }
        let text = OperandValue::Text("7".into());
        assert!((relative_distance(&text, &number(7)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_only_grows_cannot_become_less() {
        let (three, seven) = (number(3), number(7));
        for (fact, requirement, out_of_reach) in [
            ("now", Requirement::Less, true),
            ("now", Requirement::GreaterOrEqual, false),
            ("user.ageDays", Requirement::LessOrEqual, true),
            ("activity.purchase.count", Requirement::Equal, true),
            ("activity.purchase.count", Requirement::NotEqual, false),
            ("activity.purchase.sum", Requirement::Less, false),
            ("activity.login.streak", Requirement::Less, false),
            ("attributes.level", Requirement::Less, false),
            ("user.id", Requirement::Among, true),
        ] {
            let fact = fact.parse().unwrap();
            assert_eq!(requirement.is_out_of_reach(&fact, &seven, &three), out_of_reach, "{fact}");
        }
        let count = "activity.purchase.count".parse().unwrap();
        assert!(!Requirement::Equal.is_out_of_reach(&count, &three, &seven));
    }

    #[test]
    fn inverting_twice_changes_nothing() {
        for operator in [Operator::Equal, Operator::NotEqual, Operator::Less, Operator::Greater, Operator::In]
        {
            for side in [SubjectSide::Left, SubjectSide::Right] {
                let requirement = Requirement::from_comparison(operator, side).unwrap();
                assert_eq!(requirement.inverted().inverted(), requirement);
                assert_ne!(requirement.inverted(), requirement);
            }
        }
        assert_eq!(Requirement::from_comparison(Operator::Add, SubjectSide::Left), None);
    }
}
