//! What must hold for any condition and any facts.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use datalogic_rs::{DataValue, Engine, bumpalo::Bump};
use proptest::{collection::vec, prelude::*, sample::select};
use rules::{Condition, Facts, Trace};
use serde_json::{Value, json};

/// All the same length and in UTC, so that comparing them as text is comparing instants: the plain engine can judge.
const TIMES: [&str; 3] = ["2026-04-30T23:59:59.999Z", "2026-05-01T09:00:00.000Z", "2026-06-01T00:00:00.000Z"];
const IDS: [&str; 2] = ["665f1c2e8b3e4a0012345678", "000000000000000000000000"];
const ROLES: [&str; 4] = ["USER", "OPERATOR", "AUDITOR", "ADMIN"];
const FACTS: [&str; 4] = ["user.id", "user.roles", "user.ageDays", "now"];
const ORDERINGS: [&str; 4] = ["<", "<=", ">", ">="];
const COMPARISONS: [&str; 8] = ["==", "===", "!=", "!==", "<", "<=", ">", ">="];
const NAMES: [&str; 16] =
    ["var", "and", "or", "!", "if", "in", "==", "<", "+", "/", "cat", "substr", "max", "map", "val", ""];

prop_compose! {
    fn facts()(
        id in select(&IDS[..]),
        roles in proptest::sample::subsequence(&ROLES[..], 0..=4),
        age_days in -1_i64..40,
        now in select(&TIMES[..]),
    ) -> Facts {
        Facts {
            user_id: id.to_owned(),
            roles: roles.into_iter().map(str::to_owned).collect(),
            age_days,
            now: now.parse().expect("a time"),
        }
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-50_i64..50).prop_map(Value::from),
        (-50_i32..50).prop_map(|halves| json!(f64::from(halves) / 2.0)),
        "[a-z0-9]{0,4}".prop_map(Value::from),
        select(&ROLES[..]).prop_map(Value::from),
    ]
}

/// Operations without operations in them that are certain to be accepted.
fn leaf() -> impl Strategy<Value = Value> {
    let age = || json!({"var": "user.ageDays"});
    prop_oneof![
        (select(&COMPARISONS[..]), -5_i64..40).prop_map(move |(name, days)| json!({ name: [age(), days] })),
        (select(&COMPARISONS[..]), -5_i64..40).prop_map(move |(name, days)| json!({ name: [days, age()] })),
        (select(&ORDERINGS[..]), -5_i64..40, -5_i64..40)
            .prop_map(move |(name, a, b)| json!({ name: [a, age(), b] })),
        (select(&COMPARISONS[..]), select(&TIMES[..]))
            .prop_map(|(name, at)| json!({ name: [{"var": "now"}, at] })),
        (select(&COMPARISONS[..]), select(&IDS[..]))
            .prop_map(|(name, id)| json!({ name: [id, {"var": "user.id"}] })),
        select(&ROLES[..]).prop_map(|role| json!({"in": [role, {"var": "user.roles"}]})),
        select(&IDS[..]).prop_map(|id| json!({"in": [{"var": "user.id"}, [id, "x"]]})),
        select(&FACTS[..]).prop_map(|fact| json!({ "var": fact })),
        (select(&FACTS[..]), scalar()).prop_map(|(fact, default)| json!({"var": [fact, default]})),
    ]
}

/// Rules that must be accepted. Arithmetic and comparisons keep apart from facts that do not fit them by wrapping what
/// they take in an operation.
fn valid_rule() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 40, 4, |inner| {
        let part = prop_oneof![3 => inner.clone(), 1 => scalar(), 1 => vec(inner.clone(), 0..3).prop_map(Value::from)]
            .boxed();
        let computed = prop_oneof![
            2 => scalar(),
            1 => vec(part.clone(), 1..3).prop_map(|parts| json!({ "or": parts })),
            1 => inner.clone().prop_map(|part| json!({ "!": part })),
            1 => vec(part.clone(), 1..3).prop_map(|parts| json!({ "cat": parts })),
        ]
        .boxed();
        prop_oneof![
            (select(&["and", "or"][..]), vec(part.clone(), 1..4)).prop_map(|(name, parts)| json!({ name: parts })),
            (select(&["!", "!!"][..]), part.clone()).prop_map(|(name, part)| json!({ name: [part] })),
            vec(part.clone(), 2..6).prop_map(|parts| json!({ "if": parts })),
            vec(part.clone(), 1..4).prop_map(|parts| json!({ "cat": parts })),
            (part.clone(), vec(-4_i64..4, 1..3)).prop_map(|(text, span)| {
                let arguments: Vec<_> = std::iter::once(text).chain(span.into_iter().map(Value::from)).collect();
                json!({ "substr": arguments })
            }),
            (select(&["+", "*", "min", "max"][..]), vec(computed.clone(), 1..4))
                .prop_map(|(name, parts)| json!({ name: parts })),
            (select(&["-", "/", "%"][..]), computed.clone(), computed.clone())
                .prop_map(|(name, left, right)| json!({ name: [left, right] })),
            (select(&COMPARISONS[..]), computed.clone(), computed.clone())
                .prop_map(|(name, left, right)| json!({ name: [left, right] })),
            (computed, vec(part, 0..3)).prop_map(|(needle, list)| json!({"in": [needle, list]})),
        ]
    })
}

/// Anything at all, but often made of what conditions are made of.
fn odd_value() -> impl Strategy<Value = Value> {
    let number = any::<f64>().prop_map(|number| json!(number));
    let text = any::<String>().prop_map(Value::from);
    let known = prop_oneof![select(&FACTS[..]), select(&TIMES[..]), Just("activity.x"), Just("")]
        .prop_map(Value::from);
    let atom = prop_oneof![2 => scalar(), 1 => number, 1 => text, 2 => known, 4 => leaf()];
    atom.prop_recursive(12, 60, 4, |inner| {
        prop_oneof![
            4 => (select(&NAMES[..]), vec(inner.clone(), 0..4)).prop_map(|(name, parts)| json!({ name: parts })),
            2 => (select(&NAMES[..]), inner.clone()).prop_map(|(name, part)| json!({ name: part })),
            1 => vec(inner.clone(), 0..4).prop_map(Value::from),
            1 => proptest::collection::hash_map(any::<String>(), inner, 0..3)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn is_truthy(value: &Value) -> bool {
    let arena = Bump::new();
    let text = value.to_string();
    Engine::new().truthy(&DataValue::from_str(&text, &arena).expect("JSON"))
}

fn root_value(trace: &Trace) -> &Value {
    match trace {
        Trace::Operation { value, .. } | Trace::Fact { value, .. } | Trace::Literal { literal: value } => {
            value
        }
        Trace::List(_) => panic!("a condition is no list"),
    }
}

/// The verdict of the engine over the rule in one piece.
///
/// Without folding, which turns computed lists into written ones, and `*` and its like refuse those.
fn plain_verdict(rule: &Value, facts: &Facts) -> bool {
    let engine = Engine::builder().with_constant_folding(false).build();
    let result = engine.eval_str(rule.to_string().as_str(), facts.to_json().to_string().as_str());
    result.is_ok_and(|text| is_truthy(&serde_json::from_str(&text).expect("JSON")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_makes_parsing_or_evaluation_panic(value in odd_value(), facts in facts()) {
        match Condition::parse(&value) {
            Ok(condition) => {
                let decision = condition.evaluate(&facts);
                prop_assert_eq!(is_truthy(root_value(&decision.trace)), decision.eligible);
            }
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                for fault in faults {
                    prop_assert!(value.pointer(&fault.pointer).is_some(), "{}", fault);
                }
            }
        }
    }

    #[test]
    fn valid_rules_are_accepted_and_their_traces_agree_with_the_verdict(rule in valid_rule(), facts in facts()) {
        let condition = Condition::parse(&rule).map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
        let decision = condition.evaluate(&facts);
        prop_assert_eq!(is_truthy(root_value(&decision.trace)), decision.eligible);
        let stored = serde_json::to_value(&decision).expect("JSON");
        prop_assert_eq!(serde_json::from_value::<rules::Decision>(stored).expect("a decision"), decision);
    }

    #[test]
    fn evaluating_part_by_part_agrees_with_the_engine_over_the_whole(rule in valid_rule(), facts in facts()) {
        let condition = Condition::parse(&rule).map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
        prop_assert_eq!(condition.evaluate(&facts).eligible, plain_verdict(&rule, &facts));
    }
}

/// Otherwise the properties above would say little about evaluation.
#[test]
fn a_decent_share_of_odd_values_is_accepted() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let strategy = odd_value();
    let accepted = (0..500)
        .filter(|_| Condition::parse(&strategy.new_tree(&mut runner).expect("a value").current()).is_ok())
        .count();
    assert!(accepted >= 50, "{accepted} of 500");
}
