//! What conditions mean, written down a second time: over JSON as it is, with fractions instead of decimals,
//! in the most naive way, so that the properties have something independent to hold evaluation against.

use rules::{Condition, Facts};
use serde_json::{Value, json};

const LARGEST: i128 = (1 << 53) - 1;

#[derive(Debug, Clone, PartialEq)]
enum NaiveValue {
    Null,
    Boolean(bool),
    Fraction(i128, i128),
    Text(String),
    List(Vec<NaiveValue>),
}

/// None if it failed.
type NaiveOutcome = Option<NaiveValue>;

/// The verdict and the trace over all of a rule. Every failure's reason is `true`.
pub(crate) struct ReferenceDecision {
    pub(crate) eligible: bool,
    pub(crate) trace: Value,
    /// Whether some number would need more than 28 digits, where decimals are rounded.
    pub(crate) rounded: bool,
}

pub(crate) fn evaluate_naively(rule: &Value, facts: &Facts) -> ReferenceDecision {
    let mut reference =
        NaiveEvaluator { facts: facts.to_json(Condition::from_stored(rule).facts()), rounded: false };
    let (outcome, trace) = reference.part(rule, "");
    ReferenceDecision { eligible: outcome.as_ref().is_some_and(holds), trace, rounded: reference.rounded }
}

struct NaiveEvaluator {
    facts: Value,
    rounded: bool,
}

impl NaiveEvaluator {
    fn part(&mut self, part: &Value, pointer: &str) -> (NaiveOutcome, Value) {
        match part {
            Value::Object(members) => {
                let (name, arguments) = members.iter().next().expect("an operator");
                if name == "var" {
                    self.variable(arguments)
                } else {
                    self.operation(name, arguments, pointer)
                }
            }
            Value::Array(entries) => {
                let (outcomes, traces) = self.parts(entries, pointer);
                let is_literal = !part.to_string().contains('{');
                let trace = if is_literal {
                    json!({ "literal": to_json(&from_json(part)) })
                } else {
                    Value::Array(traces)
                };
                (outcomes.into_iter().collect::<Option<_>>().map(NaiveValue::List), trace)
            }
            literal => (Some(from_json(literal)), json!({ "literal": to_json(&from_json(literal)) })),
        }
    }

    fn parts(&mut self, parts: &[Value], pointer: &str) -> (Vec<NaiveOutcome>, Vec<Value>) {
        parts.iter().enumerate().map(|(index, part)| self.part(part, &format!("{pointer}/{index}"))).unzip()
    }

    fn variable(&self, arguments: &Value) -> (NaiveOutcome, Value) {
        let name = arguments.get(0).unwrap_or(arguments).as_str().expect("a name");
        let value = self.facts.pointer(&format!("/{}", name.replace('.', "/"))).expect("a fact");
        let value = match arguments.get(1) {
            Some(default) if value.is_null() => &to_json(&from_json(default)),
            _ => value,
        };
        (Some(from_json(value)), json!({ "fact": name, "value": value }))
    }

    fn operation(&mut self, name: &str, arguments: &Value, pointer: &str) -> (NaiveOutcome, Value) {
        let place = format!("{pointer}/{}", name.replace('/', "~1"));
        let (outcomes, traces) = match arguments {
            Value::Array(entries) => self.parts(entries, &place),
            single => {
                let (outcome, trace) = self.part(single, &place);
                (vec![outcome], vec![trace])
            }
        };
        let outcome = self.result(name, &outcomes);
        let value = outcome.as_ref().map_or(Value::Null, to_json);
        let mut trace = json!({ "operator": name, "pointer": pointer, "value": value, "arguments": traces });
        if outcome.is_none() {
            trace["error"] = Value::Bool(true);
        }
        (outcome, trace)
    }

    fn result(&mut self, name: &str, outcomes: &[NaiveOutcome]) -> NaiveOutcome {
        match (name, outcomes) {
            ("and", [.., last]) => {
                outcomes.iter().find(|one| !one.as_ref().is_some_and(holds)).unwrap_or(last).clone()
            }
            ("or", [.., last]) => {
                outcomes.iter().find(|one| one.as_ref().is_none_or(holds)).unwrap_or(last).clone()
            }
            ("if", [condition, result, rest @ ..]) => match (holds(condition.as_ref()?), rest) {
                (true, _) => result.clone(),
                (false, []) => Some(NaiveValue::Null),
                (false, [otherwise]) => otherwise.clone(),
                (false, rest) => self.result("if", rest),
            },
            _ => {
                let values: Option<Vec<NaiveValue>> = outcomes.iter().cloned().collect();
                self.strict_result(name, &values?)
            }
        }
    }

    fn strict_result(&mut self, name: &str, values: &[NaiveValue]) -> NaiveOutcome {
        let truth = match (name, values) {
            ("==" | "===", [left, right]) => left == right,
            ("!=" | "!==", [left, right]) => left != right,
            ("!", [value]) => !holds(value),
            ("!!", [value]) => holds(value),
            ("<" | "<=" | ">" | ">=", [left, right]) => is_ordered(name, left, right),
            ("<" | "<=" | ">" | ">=", [left, middle, right]) => {
                is_ordered(name, left, middle) && is_ordered(name, middle, right)
            }
            ("in", [needle, NaiveValue::List(entries)]) => entries.iter().any(|entry| entry == needle),
            ("in", [NaiveValue::Text(needle), NaiveValue::Text(haystack)]) => haystack.contains(needle),
            ("in", _) => false,
            ("cat", _) => return joined_text(values),
            ("substr", [text, span @ ..]) => return cut_text(text, span),
            _ => return self.calculated(name, values),
        };
        Some(NaiveValue::Boolean(truth))
    }

    fn calculated(&mut self, name: &str, values: &[NaiveValue]) -> NaiveOutcome {
        if !values.iter().all(|value| matches!(value, NaiveValue::Null | NaiveValue::Fraction(..))) {
            return None;
        }
        let mut result: Option<(i128, i128)> = None;
        for value in values {
            let NaiveValue::Fraction(number, parts) = value else { return Some(NaiveValue::Null) };
            result = Some(match (result, values.len()) {
                (None, 1) if name == "-" => (-number, *parts),
                (None, _) => (*number, *parts),
                (Some(left), _) => self.calculated_pair(name, left, (*number, *parts))?,
            });
        }
        let (number, parts) = result?;
        (number.abs() <= LARGEST * parts).then_some(NaiveValue::Fraction(number, parts))
    }

    fn calculated_pair(
        &mut self,
        name: &str,
        (a, b): (i128, i128),
        (c, d): (i128, i128),
    ) -> Option<(i128, i128)> {
        let (number, parts) = match name {
            "+" => (a * d + c * b, b * d),
            "-" => (a * d - c * b, b * d),
            "*" => (a * c, b * d),
            "/" | "%" if c == 0 => return None,
            "/" => (a * d * c.signum(), b * c.abs()),
            // Rust's remainder has the sign of the left side, as that of conditions does.
            "%" => ((a * d) % (c * b), b * d),
            "min" => return Some(if a * d <= c * b { (a, b) } else { (c, d) }),
            "max" => return Some(if a * d >= c * b { (a, b) } else { (c, d) }),
            unknown => panic!("{unknown}"),
        };
        let shared = greatest_divisor(number.abs(), parts);
        let (number, parts) = (number / shared, parts / shared);
        // Small enough that nothing above can overflow. Larger ones and other divisors are left to other
        // tests.
        self.rounded |= number.abs() > 1 << 56 || parts > 1 << 12 || 10_i128.pow(12) % parts != 0;
        Some(if self.rounded { (1, 1) } else { (number, parts) })
    }
}

fn greatest_divisor(left: i128, right: i128) -> i128 {
    if right == 0 { left } else { greatest_divisor(right, left % right) }
}

fn holds(value: &NaiveValue) -> bool {
    match value {
        NaiveValue::Null => false,
        NaiveValue::Boolean(boolean) => *boolean,
        NaiveValue::Fraction(number, _) => *number != 0,
        NaiveValue::Text(text) => !text.is_empty(),
        NaiveValue::List(entries) => !entries.is_empty(),
    }
}

fn is_ordered(name: &str, left: &NaiveValue, right: &NaiveValue) -> bool {
    let order = match (left, right) {
        (NaiveValue::Fraction(a, b), NaiveValue::Fraction(c, d)) => (a * d).cmp(&(c * b)),
        (NaiveValue::Text(left), NaiveValue::Text(right)) => left.chars().cmp(right.chars()),
        _ => return false,
    };
    match name {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn joined_text(values: &[NaiveValue]) -> NaiveOutcome {
    if !values.iter().all(|value| matches!(value, NaiveValue::Null | NaiveValue::Text(_))) {
        return None;
    }
    let mut whole = String::new();
    for value in values {
        let NaiveValue::Text(text) = value else { return Some(NaiveValue::Null) };
        whole.push_str(text);
    }
    Some(NaiveValue::Text(whole))
}

/// Cuts as JavaScript's `substr` does on arrays of characters.
fn cut_text(text: &NaiveValue, span: &[NaiveValue]) -> NaiveOutcome {
    if !matches!(text, NaiveValue::Null | NaiveValue::Text(_))
        || !span.iter().all(|at| matches!(at, NaiveValue::Null | NaiveValue::Fraction(..)))
    {
        return None;
    }
    let NaiveValue::Text(text) = text else { return Some(NaiveValue::Null) };
    let mut whole = Vec::new();
    for at in span {
        let NaiveValue::Fraction(number, parts) = at else { return Some(NaiveValue::Null) };
        whole.push((*number, *parts));
    }
    if whole.iter().any(|(_, parts)| *parts != 1) {
        return None;
    }
    let characters: Vec<char> = text.chars().collect();
    let count = i128::try_from(characters.len()).expect("a length");
    let start = if whole[0].0 < 0 { (count + whole[0].0).max(0) } else { whole[0].0 };
    let end = match whole.get(1) {
        None => count,
        Some((length, _)) if *length < 0 => count + length,
        Some((length, _)) => start + length,
    };
    let kept = characters.iter().zip(0..).filter(|(_, at)| (start..end).contains(at));
    Some(NaiveValue::Text(kept.map(|(character, _)| character).collect()))
}

fn from_json(value: &Value) -> NaiveValue {
    match value {
        Value::Null => NaiveValue::Null,
        Value::Bool(boolean) => NaiveValue::Boolean(*boolean),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => NaiveValue::Fraction(whole.into(), 1),
            None => from_decimal(&number.to_string()),
        },
        Value::String(text) => NaiveValue::Text(text.clone()),
        Value::Array(entries) => NaiveValue::List(entries.iter().map(from_json).collect()),
        Value::Object(_) => panic!("no value is an object"),
    }
}

fn from_decimal(text: &str) -> NaiveValue {
    let (whole, decimals) = text.split_once('.').expect("a point");
    let parts = 10_i128.pow(u32::try_from(decimals.len()).expect("a length"));
    let number: i128 = format!("{whole}{decimals}").parse().expect("digits");
    let shared = greatest_divisor(number.abs(), parts);
    NaiveValue::Fraction(number / shared, parts / shared)
}

fn to_json(value: &NaiveValue) -> Value {
    match value {
        NaiveValue::Null => Value::Null,
        NaiveValue::Boolean(boolean) => Value::Bool(*boolean),
        NaiveValue::Fraction(number, 1) => json!(i64::try_from(*number).expect("within range")),
        NaiveValue::Fraction(number, parts) => {
            let trillionths = (number * (1_000_000_000_000 / parts)).unsigned_abs();
            let sign = if *number < 0 { "-" } else { "" };
            let (whole, rest) = (trillionths / 1_000_000_000_000, trillionths % 1_000_000_000_000);
            json!(format!("{sign}{whole}.{rest:012}").parse::<f64>().expect("a number"))
        }
        NaiveValue::Text(text) => Value::from(text.as_str()),
        NaiveValue::List(entries) => entries.iter().map(to_json).collect(),
    }
}
