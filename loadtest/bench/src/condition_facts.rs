//! How long a condition takes to be evaluated: the work of each claim that nothing else can speed up.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use domain::Timestamp;
use rules::{Condition, Facts};
use serde_json::{Value, json};

use crate::{
    bench_error::{BenchError, BenchResult},
    contest::median,
    report::{Fact, micros},
};

/// As long as a condition may be, in bytes.
const LONGEST: usize = 16 * 1024 - 16;
/// Turns for each condition.
const TURNS: usize = 5;

/// Ten leaves, and the slowest of all kinds of condition that fill the space there is.
pub(crate) fn measure_conditions(turn: Duration) -> BenchResult<Vec<Fact>> {
    let facts = some_facts()?;
    let each = |(name, source): (&'static str, Value)| {
        let condition = Condition::parse(&source).map_err(|faults| {
            BenchError::Unusable(format!("the condition {name} is refused: {:?}", faults.first()))
        })?;
        let mut turns = Vec::new();
        for _ in 0..TURNS {
            turns.push(time_turn(&condition, &facts, turn / 10));
        }
        Ok((name, median(turns.into_iter())))
    };
    let (_, ten) = each(("of ten leaves", ten_leaves()))?;
    let kinds = long_conditions();
    let number = kinds.len();
    let times = kinds.into_iter().map(each).collect::<BenchResult<Vec<_>>>()?;
    let slowest = times.into_iter().max_by(|one, other| one.1.total_cmp(&other.1));
    let (name, longest) = slowest.unwrap_or(("none", f64::NAN));
    let what = format!("a condition evaluated: the slowest of {number} kinds of 16 KiB ({name})");
    Ok(vec![time_fact("a condition evaluated: ten leaves".to_owned(), ten), time_fact(what, longest)])
}

fn time_fact(what: String, micros_each: f64) -> Fact {
    Fact { what, measured: micros(micros_each), target: String::new(), reached: None }
}

/// Microseconds for one evaluation.
fn time_turn(condition: &Condition, facts: &Facts, turn: Duration) -> f64 {
    let (started, mut done) = (Instant::now(), 0_u32);
    while started.elapsed() < turn || done == 0 {
        for _ in 0..8 {
            black_box(black_box(condition).evaluate(black_box(facts)));
        }
        done += 8;
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(done)
}

fn some_facts() -> BenchResult<Facts> {
    let given = json!({
        "user": {"id": "665f1c2e8b3e4a0012345678", "roles": ["USER"], "ageDays": 40},
        "activity": {
            "login": {"count": 40, "sum": 0, "days": 20, "streak": 7},
            "purchase": {"count": 12, "sum": 345.6789, "max": 99.9, "days": 9, "streak": 1},
        },
        "attributes": {"level": 31, "region": "EU", "vip": true, "text": "a".repeat(200)},
    });
    let now = Timestamp::from_millis(1_790_000_000_000);
    Facts::from_json(&given, now).map_err(|faults| BenchError::Unusable(format!("{:?}", faults.first())))
}

/// A campaign as operators write it; every leaf is looked at.
fn ten_leaves() -> Value {
    json!({"and": [
        {"in": ["USER", {"var": "user.roles"}]},
        {">=": [{"var": "user.ageDays"}, 7]},
        {">=": [{"var": "now"}, "2026-05-01T00:00:00Z"]},
        {">=": [{"var": "activity.login.streak"}, 7]},
        {">=": [{"var": "activity.login.days"}, 10]},
        {">=": [{"var": "activity.purchase.sum"}, 100]},
        {"<": [{"var": "activity.purchase.max"}, 100.5]},
        {">=": [{"var": "attributes.level"}, 30]},
        {"in": [{"var": "attributes.region"}, ["EU", "KR", "US"]]},
        {"==": [{"var": "attributes.vip"}, true]},
    ]})
}

fn long_conditions() -> Vec<(&'static str, Value)> {
    let (sum, text) = (json!({"var": "activity.purchase.sum"}), json!({"var": "attributes.text"}));
    let filled = |part: Value| {
        let length = part.to_string().len() + 1;
        json!({"and": vec![part; (LONGEST - 10) / length]})
    };
    // Whatever it is, it holds, so that what comes after it is evaluated too.
    let held = |part: Value| filled(json!({"!==": [part, null]}));
    let deep = (0..24).fold(sum.clone(), |inner, _| json!({"+": [inner, 1]}));
    vec![
        ("comparisons", filled(json!({">=": [&sum, 100]}))),
        ("comparisons of three", filled(json!({"<": [1, &sum, 1000]}))),
        ("moments", filled(json!({"<": ["2020-05-01T00:00:00Z", {"var": "now"}]}))),
        ("roles", filled(json!({"in": ["USER", {"var": "user.roles"}]}))),
        ("negations", filled(json!({"!!": {"!!": {"!!": 1}}}))),
        ("divisions", held(json!({"/": [&sum, 7]}))),
        ("products", held(json!({"*": [&sum, 1.000_001, 3]}))),
        ("remainders", held(json!({"%": [&sum, 0.07]}))),
        ("nested sums", held(deep)),
        ("a text in a text", held(json!({"in": ["ab", &text]}))),
        ("texts one after the other", held(json!({"cat": [&text, &text]}))),
        ("parts of a text", held(json!({"substr": [&text, -3, 2]}))),
        ("a list of numbers", json!({"in": [-1, (0..3000).collect::<Vec<_>>()]})),
        ("lists that are equal", filled(json!({"==": [[1, 2, 3, &sum], [1, 2, 3, &sum]]}))),
        ("alternatives", filled(json!({"or": [{"var": "attributes.none"}, 0, "", 1]}))),
        ("cases", filled(json!({"if": [false, 1, {"var": "attributes.none"}, 2, 3]}))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_accepted_and_evaluated_to_its_end() {
        let facts = some_facts().unwrap();
        assert!(Condition::parse(&ten_leaves()).unwrap().evaluate(&facts).eligible);
        for (name, source) in long_conditions() {
            assert!(source.to_string().len() > 10_000, "{name}");
            let decision = Condition::parse(&source).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
            let expected = name != "a list of numbers" && !name.contains("text");
            assert!(!expected || decision.evaluate(&facts).eligible, "{name}");
        }
    }
}
