//! What a comparison is about, so that it can be told with that on the left.

use std::fmt::{self, Write};

use crate::{
    expression::{Expression, OperatorCall},
    fact::Fact,
    operator::OperatorFamily,
};

/// Characters shown of what is computed from facts.
const SHOWN_CHARACTERS: usize = 120;

/// Which of two sides a comparison is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubjectSide {
    Left,
    Right,
}

/// How much a side makes a comparison one about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SubjectRank {
    /// No fact is in it.
    Constant,
    /// Comparisons or logic over facts are in it, which are told by themselves.
    Involved,
    /// Computed from facts.
    Computed,
    Fact,
}

/// The side a comparison is about: rather a fact than what is computed from some, rather the left one.
pub(crate) fn subject_side(left: &Expression, right: &Expression) -> (SubjectSide, SubjectRank) {
    let (left, right) = (subject_rank(left), subject_rank(right));
    if left >= right { (SubjectSide::Left, left) } else { (SubjectSide::Right, right) }
}

/// How much an expression is something to tell about.
fn subject_rank(expression: &Expression) -> SubjectRank {
    if expression.as_fact().is_some() {
        return SubjectRank::Fact;
    }
    // Of what is inside, logic is passed on before anything else, and constants are not.
    let inside = expression.parts().iter().map(subject_rank).filter(|rank| *rank != SubjectRank::Constant);
    let computes = match expression {
        Expression::Operation(operation) => {
            matches!(operation.operator.family(), OperatorFamily::Arithmetic | OperatorFamily::Text)
        }
        _ => false,
    };
    match inside.min() {
        None => SubjectRank::Constant,
        Some(SubjectRank::Computed | SubjectRank::Fact) if computes => SubjectRank::Computed,
        Some(_) => SubjectRank::Involved,
    }
}

/// What an expression is called: a fact by its name, anything else as a formula, shortened.
pub(crate) fn subject_name(expression: &Expression) -> String {
    let mut formula = FormulaText { text: String::new(), room: SHOWN_CHARACTERS };
    // An error says that there is no more room.
    if write_formula(expression, &mut formula, false).is_err() {
        formula.text.push('…');
    }
    formula.text
}

/// Refuses what does not fit, so that no formula is written much further than it is shown.
struct FormulaText {
    text: String,
    room: usize,
}

impl Write for FormulaText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            self.room = self.room.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(character);
        }
        Ok(())
    }
}

fn write_formula(expression: &Expression, formula: &mut FormulaText, is_inside: bool) -> fmt::Result {
    match expression {
        Expression::Operation(operation) => write_operation(operation, formula, is_inside),
        Expression::Literal(_) => {
            let literal = expression.literal_json().unwrap_or_default();
            write!(formula, "{literal}")
        }
        Expression::List(entries) => {
            formula.write_char('[')?;
            write_parts(entries, ", ", formula, false)?;
            formula.write_char(']')
        }
        Expression::Refused => formula.write_char('?'),
        fact => fact.as_fact().map_or(Ok(()), |fact| formula.write_str(&Fact::name(fact))),
    }
}

/// What stands between its arguments in brackets if it is itself an argument, everything else as a function.
fn write_operation(operation: &OperatorCall, formula: &mut FormulaText, is_inside: bool) -> fmt::Result {
    let name = operation.operator.name();
    let is_word = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let arguments = operation.arguments.as_ref();
    if arguments.len() < 2 || (is_word && !matches!(name, "and" | "or" | "in")) {
        formula.write_str(name)?;
        formula.write_char('(')?;
        write_parts(arguments, ", ", formula, false)?;
        return formula.write_char(')');
    }
    if is_inside {
        formula.write_char('(')?;
    }
    write_parts(arguments, &format!(" {name} "), formula, true)?;
    if is_inside { formula.write_char(')') } else { Ok(()) }
}

fn write_parts(
    parts: &[Expression],
    between: &str,
    formula: &mut FormulaText,
    is_inside: bool,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            formula.write_str(between)?;
        }
        write_formula(part, formula, is_inside)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::reader::read_condition;

    fn name_of(source: &Value) -> String {
        subject_name(&read_condition(source).expression.expect("a rule"))
    }

    #[test]
    fn what_is_computed_is_called_by_its_formula() {
        let level = json!({"var": "attributes.level"});
        assert_eq!(name_of(&level), "attributes.level");
        assert_eq!(
            name_of(&json!({"*": [{"+": [level, 1.5]}, {"-": [level]}]})),
            "(attributes.level + 1.5) * -(attributes.level)"
        );
        assert_eq!(
            name_of(&json!({"max": [level, {"+": [level, 1]}]})),
            "max(attributes.level, attributes.level + 1)"
        );
        assert_eq!(
            name_of(&json!({"in": ["a", ["a", {"cat": ["b", level]}]]})),
            r#""a" in ["a", cat("b", attributes.level)]"#
        );
    }

    #[test]
    fn a_long_formula_is_shortened() {
        let name = name_of(&json!({ "+": vec![json!({"var": "user.ageDays"}); 700] }));
        assert_eq!(name.chars().count(), SHOWN_CHARACTERS + 1);
        assert!(name.starts_with("user.ageDays + user.ageDays + ") && name.ends_with('…'));
    }

    #[test]
    fn a_fact_is_told_about_rather_than_a_formula_and_a_formula_rather_than_a_constant() {
        let side_of = |left: &Value, right: &Value| {
            let read = |source: &Value| match read_condition(&json!({ "!!": [source] })).expression {
                Some(Expression::Operation(operation)) => operation.arguments[0].clone(),
                other => panic!("{other:?}"),
            };
            subject_side(&read(left), &read(right))
        };
        let age = json!({"var": "user.ageDays"});
        let formula = json!({"+": [age, 1]});
        let logic = json!({"if": [{"<": [age, 1]}, 1, 2]});
        assert_eq!(side_of(&json!(7), &age), (SubjectSide::Right, SubjectRank::Fact));
        assert_eq!(side_of(&age, &age), (SubjectSide::Left, SubjectRank::Fact));
        assert_eq!(side_of(&formula, &age), (SubjectSide::Right, SubjectRank::Fact));
        assert_eq!(side_of(&formula, &json!(7)), (SubjectSide::Left, SubjectRank::Computed));
        assert_eq!(side_of(&logic, &formula), (SubjectSide::Right, SubjectRank::Computed));
        assert_eq!(side_of(&logic, &json!(7)), (SubjectSide::Left, SubjectRank::Involved));
        assert_eq!(side_of(&json!({"+": [logic, 1]}), &json!(7)), (SubjectSide::Left, SubjectRank::Involved));
        assert_eq!(side_of(&json!([age]), &json!(7)), (SubjectSide::Left, SubjectRank::Involved));
        assert_eq!(side_of(&json!({"+": [1]}), &json!([7])), (SubjectSide::Left, SubjectRank::Constant));
    }
}
