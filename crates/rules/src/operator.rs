/// What an operator does with its arguments, as far as checking them is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Variable,
    Equality,
    Ordering,
    Membership,
    Arithmetic,
    Logic,
    Text,
}

/// One of the operators a condition may use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    least: usize,
    most: Option<usize>,
}

const fn operator(name: &'static str, family: Family, least: usize, most: Option<usize>) -> Operator {
    Operator { name, family, least, most }
}

/// Closed: what is not here is refused, whatever the engine can do besides.
static KNOWN: [Operator; 24] = [
    operator("var", Family::Variable, 1, Some(2)),
    operator("==", Family::Equality, 2, Some(2)),
    operator("===", Family::Equality, 2, Some(2)),
    operator("!=", Family::Equality, 2, Some(2)),
    operator("!==", Family::Equality, 2, Some(2)),
    operator("<", Family::Ordering, 2, Some(3)),
    operator("<=", Family::Ordering, 2, Some(3)),
    operator(">", Family::Ordering, 2, Some(3)),
    operator(">=", Family::Ordering, 2, Some(3)),
    operator("and", Family::Logic, 1, None),
    operator("or", Family::Logic, 1, None),
    operator("!", Family::Logic, 1, Some(1)),
    operator("!!", Family::Logic, 1, Some(1)),
    operator("if", Family::Logic, 2, None),
    operator("in", Family::Membership, 2, Some(2)),
    operator("+", Family::Arithmetic, 1, None),
    operator("-", Family::Arithmetic, 1, Some(2)),
    operator("*", Family::Arithmetic, 1, None),
    operator("/", Family::Arithmetic, 2, Some(2)),
    operator("%", Family::Arithmetic, 2, Some(2)),
    operator("min", Family::Arithmetic, 1, None),
    operator("max", Family::Arithmetic, 1, None),
    operator("cat", Family::Text, 1, None),
    operator("substr", Family::Text, 2, Some(3)),
];

impl Operator {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|operator| operator.name == name)
    }

    /// All names, for messages.
    pub(crate) fn names() -> String {
        KNOWN.each_ref().map(|operator| operator.name).join(", ")
    }

    pub(crate) fn takes(&self, arguments: usize) -> bool {
        arguments >= self.least && self.most.is_none_or(|most| arguments <= most)
    }

    /// How many arguments it takes, for messages.
    pub(crate) fn arity(&self) -> String {
        match self.most {
            None => format!("{} or more arguments", self.least),
            Some(1) => "1 argument".to_owned(),
            Some(most) if most == self.least => format!("{most} arguments"),
            Some(most) => format!("{} or {most} arguments", self.least),
        }
    }

    pub(crate) fn is_comparison(&self) -> bool {
        matches!(self.family, Family::Equality | Family::Ordering)
    }

    /// The name of the operator that says the same with its two sides exchanged.
    pub(crate) fn flipped(&self) -> &'static str {
        match self.name {
            "<" => ">",
            "<=" => ">=",
            ">" => "<",
            ">=" => "<=",
            symmetric => symmetric,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_found_by_its_exact_name() {
        assert_eq!(Operator::named("and").unwrap().name, "and");
        assert!(Operator::named("AND").is_none());
        assert!(Operator::named("map").is_none());
    }

    #[test]
    fn arity_is_told_in_words() {
        let arity = |name| Operator::named(name).unwrap().arity();
        assert_eq!(arity("<"), "2 or 3 arguments");
        assert_eq!(arity("!"), "1 argument");
        assert_eq!(arity("in"), "2 arguments");
        assert_eq!(arity("if"), "2 or more arguments");
    }

    #[test]
    fn every_known_operator_is_known_to_the_engine_too() {
        let engine = datalogic_rs::Engine::new();
        let builtin: Vec<_> = engine.builtin_operator_names().collect();
        for operator in &KNOWN {
            assert!(builtin.contains(&operator.name), "{}", operator.name);
        }
    }

    #[test]
    fn flipping_twice_changes_nothing() {
        for operator in &KNOWN {
            assert_eq!(Operator::named(operator.flipped()).unwrap().flipped(), operator.name);
        }
    }
}
