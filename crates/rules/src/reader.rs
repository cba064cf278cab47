//! Reads a condition and says everything that is wrong with it.

use serde_json::{Map, Number, Value};

use crate::{
    condition_fault::{ConditionFault, FaultList, is_short, shortened_text},
    condition_path::ConditionPath,
    decimal::{NUMBER_RULE, decimal_from_json, is_within_range},
    expression::{Expression, LiteralValue, OperatorCall},
    fact::Fact,
    judge::judge_operation,
    operator::{Operator, OperatorFamily},
};

/// Objects and arrays within each other. An operation counts as an object and the list of its arguments even
/// where the list's brackets are left out, so that a trace is never nested deeper than JSON readers go.
const MAX_LEVELS: usize = 64;
const MAX_BYTES: usize = 16 * 1024;

/// What a condition says, and what is wrong with it. Parts with a fault that leaves them without a meaning
/// are [`Expression::Refused`].
pub(crate) struct ReadCondition {
    /// None for the condition that admits everybody.
    pub(crate) expression: Option<Expression>,
    pub(crate) faults: Vec<ConditionFault>,
}

/// Reads a condition of any size and depth with bounded work and stack.
pub(crate) fn read_condition(condition: &Value) -> ReadCondition {
    let mut reader = ConditionReader { faults: FaultList::default() };
    let expression = reader.condition(condition);
    ReadCondition { expression, faults: reader.faults.into_faults() }
}

/// Whether the condition is longer than allowed, written without white space. Does not recurse and stops
/// early, so that neither depth nor length can hurt.
fn is_too_long(condition: &Value) -> bool {
    let mut unmeasured = vec![condition];
    let mut bytes = 0;
    while let Some(value) = unmeasured.pop() {
        bytes += match value {
            Value::Array(entries) => {
                unmeasured.extend(entries);
                entries.len().max(1) + 1
            }
            Value::Object(members) => {
                unmeasured.extend(members.values());
                let names: usize = members.keys().map(|name| text_bytes(name) + 1).sum();
                names + members.len().max(1) + 1
            }
            Value::String(text) => text_bytes(text),
            scalar => scalar.to_string().len(),
        };
        if bytes > MAX_BYTES {
            return true;
        }
    }
    false
}

/// The length of a text in JSON. One that is too long unescaped need not be escaped to know it.
fn text_bytes(text: &str) -> usize {
    if text.len() > MAX_BYTES { text.len() } else { Value::from(text).to_string().len() }
}

/// Collects faults; reading goes on beside whatever has one.
struct ConditionReader {
    faults: FaultList,
}

impl ConditionReader {
    fn condition(&mut self, condition: &Value) -> Option<Expression> {
        let Value::Object(members) = condition else {
            let message = "must be an object: a JsonLogic rule such as {\"in\": [\"USER\", {\"var\": \
                           \"user.roles\"}]}, or {} to admit everybody";
            return Some(self.refused(&ConditionPath::Root, message));
        };
        if members.is_empty() {
            return None;
        }
        if is_too_long(condition) {
            let message = format!("must be at most {MAX_BYTES} bytes of JSON");
            return Some(self.refused(&ConditionPath::Root, message));
        }
        Some(self.object(members, &ConditionPath::Root, 1))
    }

    fn refused(&mut self, path: &ConditionPath<'_>, message: impl Into<String>) -> Expression {
        self.faults.push(path, message);
        Expression::Refused
    }

    fn value(&mut self, value: &Value, path: &ConditionPath<'_>, level: usize) -> Expression {
        match value {
            Value::Object(members) => self.object(members, path, level),
            Value::Array(entries) => self.list(entries, path, level),
            Value::Number(number) => self.number(number, path),
            Value::Null => Expression::Literal(LiteralValue::Null),
            Value::Bool(boolean) => Expression::Literal(LiteralValue::Boolean(*boolean)),
            Value::String(text) => Expression::Literal(LiteralValue::Text(text.as_str().into())),
        }
    }

    /// A number that is too large is a fault, yet has a meaning.
    fn number(&mut self, number: &Number, path: &ConditionPath<'_>) -> Expression {
        let Some(decimal) = decimal_from_json(number) else { return self.refused(path, NUMBER_RULE) };
        if !is_within_range(decimal) {
            self.faults.push(path, NUMBER_RULE);
        }
        Expression::Literal(LiteralValue::Number(decimal))
    }

    fn list(&mut self, entries: &[Value], path: &ConditionPath<'_>, level: usize) -> Expression {
        if level > MAX_LEVELS {
            return self.too_deep(path);
        }
        let entries = entries.iter().enumerate();
        let read =
            entries.map(|(index, entry)| self.value(entry, &ConditionPath::Entry(path, index), level + 1));
        Expression::List(read.collect())
    }

    fn object(&mut self, members: &Map<String, Value>, path: &ConditionPath<'_>, level: usize) -> Expression {
        if level + 1 > MAX_LEVELS {
            return self.too_deep(path);
        }
        if members.len() != 1 {
            self.faults.push(path, operator_count(members));
        }
        let mut last = Expression::Refused;
        for (name, value) in members {
            last = self.operation(name, value, path, level);
        }
        if members.len() == 1 { last } else { Expression::Refused }
    }

    fn operation(&mut self, name: &str, value: &Value, path: &ConditionPath<'_>, level: usize) -> Expression {
        let place = ConditionPath::Member(path, name);
        let Some(operator) = Operator::named(name) else {
            let shown = shortened_text(name);
            let message = format!("{shown:?} is not a known operator; known: {}", Operator::names());
            return self.refused(if is_short(name) { &place } else { path }, message);
        };
        let (arguments, bracketed) = match value {
            Value::Array(entries) => (entries.as_slice(), true),
            // JsonLogic's shorthand: a single argument needs no brackets.
            single => (std::slice::from_ref(single), false),
        };
        let fits = operator.takes(arguments.len());
        if !fits {
            let message = format!("{name:?} takes {}, found {}", operator.arity(), arguments.len());
            self.faults.push(&place, message);
        }
        let place_of = |index| if bracketed { ConditionPath::Entry(&place, index) } else { place };
        if operator.family() == OperatorFamily::Variable {
            let variable = self.variable(arguments, place_of, level);
            return if fits { variable } else { Expression::Refused };
        }
        let read: Vec<_> = (arguments.iter().enumerate())
            .map(|(index, argument)| self.value(argument, &place_of(index), level + 2))
            .collect();
        judge_operation(operator, &read, place_of, &mut self.faults);
        if fits {
            Expression::Operation(Box::new(OperatorCall::new(operator, bracketed, read)))
        } else {
            Expression::Refused
        }
    }

    /// The default is checked, and then kept only where the fact can be null.
    fn variable<'a>(
        &mut self,
        arguments: &[Value],
        place_of: impl Fn(usize) -> ConditionPath<'a>,
        level: usize,
    ) -> Expression {
        let Some((name, defaults)) = arguments.split_first() else { return Expression::Refused };
        let mut default = None;
        for (index, value) in defaults.iter().enumerate() {
            default = Some((self.value(value, &place_of(index + 1), level + 2), place_of(index + 1)));
        }
        let path = place_of(0);
        let Value::String(name) = name else {
            let message = format!("must be the name of a fact as literal text; known: {}", Fact::NAMES);
            return self.refused(&path, message);
        };
        match (name.parse::<Fact>(), default) {
            (Err(unknown), _) => self.refused(&path, unknown.to_string()),
            (Ok(fact), Some((default, path))) if fact.can_be_null() => self.fact_or(fact, default, &path),
            (Ok(fact), _) => Expression::Fact(fact),
        }
    }

    fn fact_or(&mut self, fact: Fact, default: Expression, path: &ConditionPath<'_>) -> Expression {
        match default {
            Expression::Literal(LiteralValue::Text(_) | LiteralValue::Boolean(_)) if fact.is_number() => {
                self.refused(path, format!("{fact} is a number, and so must its default be"))
            }
            Expression::Literal(literal) => Expression::FactOr(Box::new((fact, literal))),
            Expression::Refused => Expression::Refused,
            _ => self.refused(path, "a default must be a text, a number, a boolean or null"),
        }
    }

    fn too_deep(&mut self, path: &ConditionPath<'_>) -> Expression {
        let message = format!(
            "is nested deeper than {MAX_LEVELS} levels; each object and each list of arguments is a level"
        );
        self.refused(path, message)
    }
}

/// What is wrong with an object that has not exactly one member.
fn operator_count(members: &Map<String, Value>) -> String {
    if members.is_empty() {
        return "must be an operation such as {\"var\": \"now\"}; {} is only allowed as the whole condition"
            .into();
    }
    let names: Vec<_> = members.keys().map(String::as_str).collect();
    format!("must have exactly one operator, found {}: {}", names.len(), shortened_text(&names.join(", ")))
}

#[cfg(test)]
mod tests;
