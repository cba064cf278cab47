use std::sync::LazyLock;

/// The operators a condition may use. Closed: every other name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Variable,
    Equal,
    StrictEqual,
    NotEqual,
    StrictNotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Not,
    Truthy,
    If,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Minimum,
    Maximum,
    Concatenate,
    Substring,
}

/// What an operator does with its arguments, as far as checking them is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperatorFamily {
    Variable,
    Comparison,
    Membership,
    Arithmetic,
    Logic,
    Text,
}

/// An operator's name and how many arguments it takes.
struct OperatorSignature {
    name: &'static str,
    family: OperatorFamily,
    least: usize,
    /// None: as many as fit into the condition.
    most: Option<usize>,
}

const fn operator_signature(
    name: &'static str,
    family: OperatorFamily,
    least: usize,
    most: Option<usize>,
) -> OperatorSignature {
    OperatorSignature { name, family, least, most }
}

impl Operator {
    /// All operators, in the order in which messages list them.
    pub(crate) const ALL: [Operator; 24] = [
        Operator::Variable,
        Operator::Equal,
        Operator::StrictEqual,
        Operator::NotEqual,
        Operator::StrictNotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::And,
        Operator::Or,
        Operator::Not,
        Operator::Truthy,
        Operator::If,
        Operator::In,
        Operator::Add,
        Operator::Subtract,
        Operator::Multiply,
        Operator::Divide,
        Operator::Remainder,
        Operator::Minimum,
        Operator::Maximum,
        Operator::Concatenate,
        Operator::Substring,
    ];

    const fn signature(self) -> OperatorSignature {
        use OperatorFamily::{Arithmetic, Comparison, Logic, Membership, Text, Variable};
        match self {
            Self::Variable => operator_signature("var", Variable, 1, Some(2)),
            Self::Equal => operator_signature("==", Comparison, 2, Some(2)),
            Self::StrictEqual => operator_signature("===", Comparison, 2, Some(2)),
            Self::NotEqual => operator_signature("!=", Comparison, 2, Some(2)),
            Self::StrictNotEqual => operator_signature("!==", Comparison, 2, Some(2)),
            Self::Less => operator_signature("<", Comparison, 2, Some(3)),
            Self::LessOrEqual => operator_signature("<=", Comparison, 2, Some(3)),
            Self::Greater => operator_signature(">", Comparison, 2, Some(3)),
            Self::GreaterOrEqual => operator_signature(">=", Comparison, 2, Some(3)),
            Self::And => operator_signature("and", Logic, 1, None),
            Self::Or => operator_signature("or", Logic, 1, None),
            Self::Not => operator_signature("!", Logic, 1, Some(1)),
            Self::Truthy => operator_signature("!!", Logic, 1, Some(1)),
            Self::If => operator_signature("if", Logic, 2, None),
            Self::In => operator_signature("in", Membership, 2, Some(2)),
            Self::Add => operator_signature("+", Arithmetic, 1, None),
            Self::Subtract => operator_signature("-", Arithmetic, 1, Some(2)),
            Self::Multiply => operator_signature("*", Arithmetic, 1, None),
            Self::Divide => operator_signature("/", Arithmetic, 2, Some(2)),
            Self::Remainder => operator_signature("%", Arithmetic, 2, Some(2)),
            Self::Minimum => operator_signature("min", Arithmetic, 1, None),
            Self::Maximum => operator_signature("max", Arithmetic, 1, None),
            Self::Concatenate => operator_signature("cat", Text, 1, None),
            Self::Substring => operator_signature("substr", Text, 2, Some(3)),
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.name() == name)
    }

    /// All names, for messages. Joined once, since a hostile condition can have thousands of unknown ones.
    pub(crate) fn names() -> &'static str {
        static NAMES: LazyLock<String> = LazyLock::new(|| Operator::ALL.map(Operator::name).join(", "));
        NAMES.as_str()
    }

    pub(crate) const fn name(self) -> &'static str {
        self.signature().name
    }

    pub(crate) const fn family(self) -> OperatorFamily {
        self.signature().family
    }

    /// Whether it asks for an order.
    pub(crate) const fn is_ordering(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual)
    }

    pub(crate) const fn least_arguments(self) -> usize {
        self.signature().least
    }

    /// None: as many as fit into the condition.
    pub(crate) const fn most_arguments(self) -> Option<usize> {
        self.signature().most
    }

    pub(crate) fn takes(self, arguments: usize) -> bool {
        let OperatorSignature { least, most, .. } = self.signature();
        arguments >= least && most.is_none_or(|most| arguments <= most)
    }

    /// How many arguments it takes, for messages.
    pub(crate) fn arity(self) -> String {
        let OperatorSignature { least, most, .. } = self.signature();
        match most {
            None => format!("{least} or more arguments"),
            Some(1) => "1 argument".to_owned(),
            Some(most) if most == least => format!("{most} arguments"),
            Some(most) => format!("{least} or {most} arguments"),
        }
    }

    /// The operator that says the same with its two sides exchanged.
    pub(crate) const fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            symmetric => symmetric,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_found_by_its_exact_name() {
        assert_eq!(Operator::named("and"), Some(Operator::And));
        assert_eq!(Operator::named("AND"), None);
        assert_eq!(Operator::named("map"), None);
        for operator in Operator::ALL {
            assert_eq!(Operator::named(operator.name()), Some(operator));
        }
    }

    #[test]
    fn arity_is_told_in_words() {
        assert_eq!(Operator::Less.arity(), "2 or 3 arguments");
        assert_eq!(Operator::Not.arity(), "1 argument");
        assert_eq!(Operator::In.arity(), "2 arguments");
        assert_eq!(Operator::If.arity(), "2 or more arguments");
    }

    #[test]
    fn flipping_twice_changes_nothing() {
        for operator in Operator::ALL {
            assert_eq!(operator.flipped().flipped(), operator);
        }
    }
}
