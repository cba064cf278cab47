//! Whether a condition can ever be met. A simple proof that it cannot is looked for; where none is found, it can.

use std::collections::HashMap;

use domain::Event;
use jiff::tz::TimeZone;
use rules::{Condition, Facts};
use rust_decimal::Decimal;
use serde_json::Value;

/// Between which numbers a fact must lie for everything that was asked of it.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    least: Decimal,
    most: Decimal,
    /// Whether the ends themselves are allowed.
    least_allowed: bool,
    most_allowed: bool,
}

impl Bounds {
    const fn new(least: Decimal, most: Decimal) -> Self {
        Self { least, most, least_allowed: true, most_allowed: true }
    }

    fn raise(&mut self, least: Decimal, allowed: bool) {
        if least > self.least || (least == self.least && !allowed) {
            (self.least, self.least_allowed) = (least, allowed);
        }
    }

    fn lower(&mut self, most: Decimal, allowed: bool) {
        if most < self.most || (most == self.most && !allowed) {
            (self.most, self.most_allowed) = (most, allowed);
        }
    }

    fn is_empty(self) -> bool {
        self.least > self.most || (self.least == self.most && !(self.least_allowed && self.most_allowed))
    }
}

/// Whether nothing proves that the event's condition cannot be met.
pub(super) fn can_ever_hold(event: &Event) -> bool {
    if let Ok(condition) = Condition::parse(&event.condition)
        && condition.facts().is_empty()
    {
        return condition.evaluate(&Facts::new(String::new(), Vec::new(), 0, event.period_start)).eligible;
    }
    let mut parts = Vec::new();
    collect_parts(&event.condition, &mut parts);
    let mut bounds = HashMap::new();
    for part in parts {
        if let Some(Value::Array(alternatives)) = part.get("or") {
            let can_hold = |alternative: &Value| {
                can_ever_hold(&Event { condition: alternative.clone(), ..event.clone() })
            };
            if !alternatives.iter().any(|alternative| !alternative.is_object() || can_hold(alternative)) {
                return false;
            }
        } else {
            narrow(part, event, &mut bounds);
        }
    }
    !bounds.into_values().any(Bounds::is_empty)
}

/// What must hold all together: the parts of an `and`, also of one within another.
fn collect_parts<'a>(condition: &'a Value, parts: &mut Vec<&'a Value>) {
    match condition.get("and") {
        Some(Value::Array(all)) => {
            for part in all {
                collect_parts(part, parts);
            }
        }
        _ => parts.push(condition),
    }
}

/// Takes a comparison of a fact with a number into account. Whatever else it is says nothing.
fn narrow(part: &Value, event: &Event, bounds: &mut HashMap<String, Bounds>) {
    let Some((operator, arguments)) = part.as_object().and_then(|part| part.iter().next()) else { return };
    let Some([left, right]) = arguments.as_array().map(Vec::as_slice) else { return };
    let (fact, number, is_turned) = match (fact_of(left), number_of(right)) {
        (Some(fact), Some(number)) => (fact, number, false),
        _ => match (fact_of(right), number_of(left)) {
            (Some(fact), Some(number)) => (fact, number, true),
            _ => return,
        },
    };
    let bounds = bounds.entry(fact.to_owned()).or_insert_with(|| bounds_of(fact, event));
    match (operator.as_str(), is_turned) {
        (">=", false) | ("<=", true) => bounds.raise(number, true),
        (">", false) | ("<", true) => bounds.raise(number, false),
        ("<=", false) | (">=", true) => bounds.lower(number, true),
        ("<", false) | (">", true) => bounds.lower(number, false),
        ("==" | "===", _) => {
            bounds.raise(number, true);
            bounds.lower(number, true);
        }
        _ => {}
    }
}

fn fact_of(value: &Value) -> Option<&str> {
    match value.get("var")? {
        Value::String(name) => Some(name),
        Value::Array(one) if one.len() == 1 => one[0].as_str(),
        _ => None,
    }
}

fn number_of(value: &Value) -> Option<Decimal> {
    value.as_number()?.to_string().parse().ok()
}

/// What a fact can be: there is no negative number of things, and no more days with activity than the period has.
fn bounds_of(fact: &str, event: &Event) -> Bounds {
    let measure = fact.starts_with("activity.").then(|| fact.rsplit('.').next()).flatten();
    match (fact, measure) {
        (_, Some("days" | "streak")) => Bounds::new(Decimal::ZERO, days_of(event).unwrap_or(Decimal::MAX)),
        ("user.ageDays", _) | (_, Some("count")) => Bounds::new(Decimal::ZERO, Decimal::MAX),
        _ => Bounds::new(Decimal::MIN, Decimal::MAX),
    }
}

/// How many days of its zone the event's period touches; `None` if it never ends.
fn days_of(event: &Event) -> Option<Decimal> {
    let zone = TimeZone::get(&event.timezone).ok()?;
    let date = |millis: i64| {
        let moment = jiff::Timestamp::from_millisecond(millis).ok()?;
        Some(zone.to_datetime(moment).date())
    };
    let first = date(event.period_start.as_millis())?;
    let last = date(event.period_end?.as_millis() - 1)?;
    let days = first.until(last).ok()?.get_days();
    Some(Decimal::from(days + 1))
}
