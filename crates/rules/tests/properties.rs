//! What must hold for any condition and any facts.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod generated;
mod reference;

use generated::{COMPARISONS, IDS, ROLES, TIMES, any_facts, odd_value, valid_rule};
use proptest::prelude::*;
use reference::{ReferenceDecision, evaluate_naively};
use rules::{Condition, ConditionDecision, Facts, Language, ProgressStep, Reason};
use serde_json::{Value, json};

/// What a store writes and reads again.
fn read_back(decision: &ConditionDecision) -> ConditionDecision {
    serde_json::from_str(&serde_json::to_string(decision).expect("JSON")).expect("a decision")
}

/// The trace as the reference has it: why something failed is left to other tests.
fn trace_without_reasons(condition: &Condition, decision: &ConditionDecision, facts: &Facts) -> Value {
    let trace = condition.explain(decision, &facts.to_json(condition.facts()));
    let mut trace = serde_json::to_value(trace).expect("JSON");
    drop_reasons(&mut trace);
    trace
}

fn drop_reasons(trace: &mut Value) {
    match trace {
        Value::Array(entries) => entries.iter_mut().for_each(drop_reasons),
        Value::Object(members) => {
            members.iter_mut().for_each(|(name, member)| match name.as_str() {
                "error" => *member = Value::Bool(true),
                "arguments" => drop_reasons(member),
                _ => {}
            });
        }
        _ => {}
    }
}

/// As long a condition as is allowed, made of copies of a rule.
fn filled_with(rule: &Value) -> Value {
    let copies = 16_370 / (rule.to_string().len() + 1);
    json!({ "and": vec![rule; copies.max(1)] })
}

/// The bytes of a value in BSON, which writes more than JSON does: bsonspec.org.
fn bson_bytes(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 8,
        Value::String(text) => 5 + text.len(),
        Value::Array(entries) => {
            let entry = |(index, entry): (usize, &Value)| 2 + index.to_string().len() + bson_bytes(entry);
            5 + entries.iter().enumerate().map(entry).sum::<usize>()
        }
        Value::Object(members) => {
            5 + members.iter().map(|(name, member)| 2 + name.len() + bson_bytes(member)).sum::<usize>()
        }
    }
}

fn is_small(decision: &ConditionDecision) -> bool {
    let stored = serde_json::to_value(decision).expect("JSON");
    stored.to_string().len() < 8 * 1024 && bson_bytes(&stored) < 8 * 1024
}

/// So many cases; more in proportion if the variable `PROPTEST_CASES` says more than the usual 256.
fn about(cases: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    let cases = u64::from(cases) * u64::from(config.cases) / 256;
    let cases = u32::try_from(cases).unwrap_or(u32::MAX);
    ProptestConfig { cases, max_global_rejects: u32::MAX, failure_persistence: None, ..config }
}

/// The progress of each comparison in a rule, evaluated alone, those inside another one first.
fn steps_alone(part: &Value, facts: &Facts) -> Vec<ProgressStep> {
    let inside = |parts: &[Value]| parts.iter().flat_map(|part| steps_alone(part, facts)).collect::<Vec<_>>();
    let Some((name, arguments)) = part.as_object().and_then(|members| members.iter().next()) else {
        return inside(part.as_array().map_or(&[], Vec::as_slice));
    };
    let arguments = arguments.as_array().map_or(std::slice::from_ref(arguments), Vec::as_slice);
    let inside = inside(arguments);
    if !COMPARISONS.contains(&name.as_str()) && name != "in" {
        return inside;
    }
    let comparison = Condition::from_stored(part);
    let steps = comparison.progress(facts);
    assert_eq!(steps[..inside.len()], inside);
    let own = &steps[inside.len()..];
    let met = own.iter().all(|step| step.met);
    assert!(own.len() < arguments.len());
    // A comparison of three is met if both pairs are; a pair without facts makes no step.
    if own.len() + 1 == arguments.len() {
        assert_eq!(met, comparison.evaluate(facts).eligible, "{part}");
    }
    steps
}

/// Whether a reason's comparison, made of its values as they are told, is not met.
fn is_lacking(reason: &Reason) -> bool {
    let Reason { operator, actual, target, .. } = reason;
    match *operator {
        "!!" => !Condition::from_stored(&json!({ "!!": [actual] })).evaluate(&no_facts()).eligible,
        "!" => Condition::from_stored(&json!({ "!!": [actual] })).evaluate(&no_facts()).eligible,
        "in" | "not in" => true,
        comparison => {
            !Condition::from_stored(&json!({ comparison: [actual, target] })).evaluate(&no_facts()).eligible
        }
    }
}

fn no_facts() -> Facts {
    Facts::new(String::new(), Vec::new(), 0, TIMES[0].parse().expect("a time"))
}

proptest! {
    #![proptest_config(about(1_000))]

    #[test]
    fn nothing_makes_parsing_or_evaluation_panic(value in odd_value(), facts in any_facts()) {
        let stored = Condition::from_stored(&value);
        let decision = stored.evaluate(&facts);
        stored.progress(&facts);
        stored.explain(&decision, &value);
        for reason in stored.reasons(&facts) {
            for language in [Language::English, Language::Korean] {
                prop_assert!((1..1_000).contains(&reason.sentence(language).chars().count()));
            }
        }
        match Condition::parse(&value) {
            Ok(condition) => prop_assert_eq!(condition.evaluate(&facts), decision),
            Err(faults) => {
                prop_assert!(!faults.is_empty() && faults.len() <= 100);
                for fault in faults {
                    prop_assert!(value.pointer(&fault.pointer).is_some(), "{}", fault);
                }
            }
        }
    }

    #[test]
    fn decisions_and_traces_are_those_of_the_reference(rule in valid_rule(), facts in any_facts()) {
        let condition = Condition::parse(&rule);
        let condition = condition.map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
        let decision = condition.evaluate(&facts);
        let ReferenceDecision { eligible, trace, rounded } = evaluate_naively(&rule, &facts);
        prop_assume!(!rounded);
        prop_assert_eq!(decision.eligible, eligible);
        prop_assert_eq!(trace_without_reasons(&condition, &read_back(&decision), &facts), trace);
    }

    #[test]
    fn reasons_and_progress_agree_with_evaluation(rule in valid_rule(), facts in any_facts()) {
        let condition = Condition::from_stored(&rule);
        let decision = condition.evaluate(&facts);
        let reasons = condition.reasons(&facts);
        prop_assert_eq!(reasons.is_empty(), decision.eligible);
        prop_assert_eq!(condition.progress(&facts), steps_alone(&rule, &facts));
        // Numbers with more digits than JSON readers take are told rounded.
        prop_assume!(!evaluate_naively(&rule, &facts).rounded);
        for reason in reasons.iter().filter(|reason| reason.fact.is_some()) {
            prop_assert!(is_lacking(reason), "{:?}", reason);
        }
    }
}

proptest! {
    // Each case is as long as a condition may be.
    #![proptest_config(about(60))]

    #[test]
    fn what_is_stored_is_below_8_kib_and_tells_the_same(rule in valid_rule(), facts in any_facts()) {
        let condition = Condition::parse(&filled_with(&rule));
        let condition = condition.map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
        let decision = condition.evaluate(&facts);
        prop_assert!(is_small(&decision));
        prop_assert_eq!(read_back(&decision), decision);
    }
}

#[test]
fn the_most_wasteful_conditions_are_stored_below_8_kib() {
    let now = TIMES[0].parse().expect("a time");
    let facts = Facts::new(IDS[0].to_owned(), ROLES.map(str::to_owned).to_vec(), 3, now);
    let nested = (0..30).fold(json!({"!": 1}), |inner, _| json!({ "!": inner }));
    for rule in [
        json!({"!": 1}),
        nested,
        json!({"+": 1}),
        json!({"/": [1, 3]}),
        json!({"or": {"var": "user.roles"}}),
        json!({"cat": [{"var": "user.id"}, "\u{1}\u{1}\u{1}\u{1}"]}),
        json!({"or": [vec![1; 60]]}),
        json!({"or": [vec![json!([]); 8_000 / 3]]}),
        json!({"cat": "\u{1}".repeat(2_000)}),
    ] {
        let condition = Condition::parse(&filled_with(&rule)).expect("must be accepted");
        let decision = condition.evaluate(&facts);
        assert!(is_small(&decision), "{rule}");
        condition.explain(&read_back(&decision), &facts.to_json(condition.facts()));
    }
}

/// Otherwise the properties above would say little about evaluation.
#[test]
fn a_decent_share_of_generated_rules_is_accepted_and_compared() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let strategy = odd_value();
    let accepted = (0..500)
        .filter(|_| Condition::parse(&strategy.new_tree(&mut runner).expect("a value").current()).is_ok())
        .count();
    assert!(accepted >= 50, "{accepted} of 500");
    let strategy = (valid_rule(), any_facts());
    let compared = (0..500).filter(|_| {
        let (rule, facts) = strategy.new_tree(&mut runner).expect("a value").current();
        !evaluate_naively(&rule, &facts).rounded
    });
    assert!(compared.count() >= 400);
}
