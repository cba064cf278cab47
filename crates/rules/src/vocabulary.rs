//! All that conditions can say, for people who write them.

use serde::Serialize;

use crate::operator::Operator;

/// A fact that conditions may ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FactDescription {
    /// The fact's name; `<type>` stands for any activity type, `<name>` for the name of any attribute.
    pub name: &'static str,
    /// The type of its value.
    #[serde(rename = "type")]
    pub value_type: &'static str,
    /// What it tells, in one sentence.
    pub description: &'static str,
}

/// An operator that conditions may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperatorDescription {
    /// The operator's name.
    pub name: &'static str,
    /// The least number of arguments.
    pub least_arguments: usize,
    /// The largest number of arguments; None (null) if as many as fit into the condition.
    pub most_arguments: Option<usize>,
    /// What it does, in one sentence.
    pub description: &'static str,
}

/// All facts there are.
pub fn describe_facts() -> Vec<FactDescription> {
    const FACTS: [(&str, &str, &str); 10] = [
        ("user.id", "text", "The user's id: 24 lower-case hexadecimal digits."),
        ("user.roles", "list of texts", "The names of the user's roles."),
        ("user.ageDays", "number", "The whole days since the user registered."),
        ("now", "moment", "The moment of the claim, to be compared to RFC 3339 times with an offset."),
        (
            "activity.<type>.count",
            "number",
            "How many activities of the type the user has in the event's period.",
        ),
        ("activity.<type>.sum", "number", "The exact sum of the values of these activities; 0 without any."),
        ("activity.<type>.max", "number or null", "The largest value of these activities; null without any."),
        (
            "activity.<type>.days",
            "number",
            "On how many days, by the event's time zone, there are such activities.",
        ),
        (
            "activity.<type>.streak",
            "number",
            "How many consecutive days there are such activities, up to the latest of them.",
        ),
        (
            "attributes.<name>",
            "text, number, boolean or null",
            "What the game's servers say of the user; null if they say nothing.",
        ),
    ];
    FACTS.map(|(name, value_type, description)| FactDescription { name, value_type, description }).into()
}

/// All operators there are.
pub fn describe_operators() -> Vec<OperatorDescription> {
    let describe = |operator: Operator| OperatorDescription {
        name: operator.name(),
        least_arguments: operator.least_arguments(),
        most_arguments: operator.most_arguments(),
        description: operator_sentence(operator),
    };
    Operator::ALL.map(describe).into()
}

const fn operator_sentence(operator: Operator) -> &'static str {
    match operator {
        Operator::Variable => {
            "The value of the fact that the first argument names; the second stands for it where it is null."
        }
        Operator::Equal | Operator::StrictEqual => "Whether both values have the same type and are the same.",
        Operator::NotEqual | Operator::StrictNotEqual => {
            "Whether the values are of different types or not the same."
        }
        Operator::Less => "Whether each number, text or moment is less than the next.",
        Operator::LessOrEqual => "Whether each number, text or moment is less than the next or the same.",
        Operator::Greater => "Whether each number, text or moment is greater than the next.",
        Operator::GreaterOrEqual => {
            "Whether each number, text or moment is greater than the next or the same."
        }
        Operator::And => "The first value that does not hold, else the last.",
        Operator::Or => "The first value that holds, else the last.",
        Operator::Not => {
            "Whether the value does not hold: false, null, 0, empty text and the empty list do not."
        }
        Operator::Truthy => "Whether the value holds.",
        Operator::If => "The result behind the first condition that holds, else the last argument or null.",
        Operator::In => "Whether the second, a list or a text, has the first in it.",
        Operator::Add => "The sum of numbers.",
        Operator::Subtract => "The difference of two numbers, or the negative of one.",
        Operator::Multiply => "The product of numbers.",
        Operator::Divide => "The quotient of two numbers, rounded to 28 digits.",
        Operator::Remainder => "The remainder of a division, with the sign of the first number.",
        Operator::Minimum => "The smallest of numbers.",
        Operator::Maximum => "The largest of numbers.",
        Operator::Concatenate => "Texts, one after the other.",
        Operator::Substring => "The characters of a text from a start, for a length.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ActivityMeasure, Fact};

    #[test]
    fn every_fact_that_is_described_can_be_asked_about() {
        let names: Vec<_> = describe_facts().iter().map(|fact| fact.name).collect();
        for name in &names {
            let example = name.replace("<type>", "login").replace("<name>", "level");
            assert!(example.parse::<Fact>().is_ok(), "{example}");
        }
        for measure in ActivityMeasure::ALL {
            assert!(names.contains(&format!("activity.<type>.{}", measure.name()).as_str()));
        }
        for fact in Fact::NAMES.split(", ").filter(|fact| !fact.starts_with("activity")) {
            assert!(names.contains(&fact), "{fact}");
        }
    }

    #[test]
    fn operators_are_described_with_the_number_of_their_arguments() {
        let described = describe_operators();
        assert_eq!(described.len(), Operator::ALL.len());
        let substring = serde_json::to_value(described.last()).unwrap();
        assert_eq!(substring["name"], "substr");
        assert_eq!((&substring["leastArguments"], &substring["mostArguments"]), (&2.into(), &3.into()));
        let sum = described.iter().find(|operator| operator.name == "+").unwrap();
        assert_eq!((sum.least_arguments, sum.most_arguments), (1, None));
    }

    #[test]
    fn each_is_described_in_one_sentence() {
        let facts = describe_facts().into_iter().map(|fact| fact.description);
        for sentence in facts.chain(describe_operators().into_iter().map(|operator| operator.description)) {
            assert!(sentence.ends_with('.') && !sentence.contains(". "), "{sentence}");
        }
    }
}
