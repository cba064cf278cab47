//! What must hold for any condition and any facts.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod reference;

use domain::AttributeValue;
use proptest::{
    collection::{hash_map, vec},
    prelude::*,
    sample::select,
};
use reference::{ReferenceDecision, evaluate_naively};
use rules::{ActivityTotals, Condition, ConditionDecision, Facts, Language, ProgressStep, Reason};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// All the same length and in UTC, so that the reference can compare them as text.
const TIMES: [&str; 3] = ["2026-04-30T23:59:59.999Z", "2026-05-01T09:00:00.000Z", "2026-06-01T00:00:00.000Z"];
const IDS: [&str; 2] = ["665f1c2e8b3e4a0012345678", "000000000000000000000000"];
const ROLES: [&str; 4] = ["USER", "OPERATOR", "AUDITOR", "ADMIN"];
const FACTS: [&str; 9] = [
    "user.id",
    "user.roles",
    "user.ageDays",
    "now",
    "activity.login.streak",
    "activity.flash-sale.sum",
    "activity.flash-sale.max",
    "attributes.level",
    "attributes.region",
];
/// Facts that are numbers.
const COUNTED: [&str; 5] = [
    "user.ageDays",
    "activity.login.count",
    "activity.login.streak",
    "activity.flash-sale.sum",
    "activity.flash-sale.max",
];
const ATTRIBUTES: [&str; 3] = ["attributes.level", "attributes.region", "attributes.vip"];
const ORDERINGS: [&str; 4] = ["<", "<=", ">", ">="];
const COMPARISONS: [&str; 8] = ["==", "===", "!=", "!==", "<", "<=", ">", ">="];
const NAMES: [&str; 16] =
    ["var", "and", "or", "!", "if", "in", "==", "<", "+", "/", "cat", "substr", "max", "map", "val", ""];

prop_compose! {
    fn any_facts()(
        id in select(&IDS[..]),
        roles in proptest::sample::subsequence(&ROLES[..], 0..=4),
        age_days in -1_i64..40,
        now in select(&TIMES[..]),
        activities in hash_map(select(&["login", "flash-sale"][..]), any_totals(), 0..3),
        attributes in hash_map(select(&ATTRIBUTES[..]), any_attribute(), 0..4),
    ) -> Facts {
        let roles = roles.into_iter().map(str::to_owned).collect();
        let mut facts = Facts::new(id.to_owned(), roles, age_days, now.parse().expect("a time"));
        facts.activities =
            activities.into_iter().map(|(name, totals)| (name.parse().expect("a type"), totals)).collect();
        let attributes = attributes.into_iter();
        facts.attributes = attributes
            .map(|(name, value)| {
                let name = name.trim_start_matches("attributes.").parse().expect("a name");
                (name, AttributeValue::try_from(&value).expect("an attribute"))
            })
            .collect();
        facts
    }
}

prop_compose! {
    fn any_totals()(
        count in 0_u64..20,
        halves in -50_i64..50,
        max in proptest::option::of(-50_i64..50),
        days in 0_u32..10,
        streak in 0_u32..10,
    ) -> ActivityTotals {
        ActivityTotals { count, sum: Decimal::new(halves * 5, 1), max: max.map(Decimal::from), days, streak }
    }
}

fn any_attribute() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any_number(),
        "[a-z]{1,3}".prop_map(Value::from)
    ]
}

fn any_scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-50_i64..50).prop_map(Value::from),
        any_number(),
        "[a-z0-9가]{0,4}".prop_map(Value::from),
        select(&ROLES[..]).prop_map(Value::from),
    ]
}

fn any_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-50_i64..50).prop_map(Value::from),
        (-50_i32..50).prop_map(|halves| json!(f64::from(halves) / 2.0)),
        select(&[0.1, 0.2, 0.3, -0.7, 10.0, 0.0][..]).prop_map(Value::from),
    ]
}

/// Operations without operations in them that are certain to be accepted.
fn valid_leaf() -> impl Strategy<Value = Value> {
    let counted = || select(&COUNTED[..]).prop_map(|fact| json!({ "var": fact }));
    let attribute = || select(&ATTRIBUTES[..]).prop_map(|fact| json!({ "var": fact }));
    let ordered = prop_oneof![any_number(), "[a-z]{1,3}".prop_map(Value::from)];
    prop_oneof![
        (select(&COMPARISONS[..]), counted(), -5_i64..40)
            .prop_map(|(name, fact, number)| json!({ name: [fact, number] })),
        (select(&COMPARISONS[..]), counted(), -5_i64..40)
            .prop_map(|(name, fact, number)| json!({ name: [number, fact] })),
        (select(&ORDERINGS[..]), counted(), -5_i64..40, -5_i64..40)
            .prop_map(|(name, fact, a, b)| json!({ name: [a, fact, b] })),
        (select(&COMPARISONS[..]), attribute(), ordered)
            .prop_map(|(name, fact, scalar)| json!({ name: [fact, scalar] })),
        (select(&["==", "!="][..]), attribute(), any_scalar())
            .prop_map(|(name, fact, scalar)| json!({ name: [scalar, fact] })),
        (attribute(), vec(any_scalar(), 0..3)).prop_map(|(fact, list)| json!({ "in": [fact, list] })),
        (select(&COMPARISONS[..]), select(&TIMES[..]))
            .prop_map(|(name, at)| json!({ name: [{"var": "now"}, at] })),
        (select(&COMPARISONS[..]), select(&IDS[..]))
            .prop_map(|(name, id)| json!({ name: [id, {"var": "user.id"}] })),
        select(&ROLES[..]).prop_map(|role| json!({"in": [role, {"var": "user.roles"}]})),
        select(&IDS[..]).prop_map(|id| json!({"in": [{"var": "user.id"}, [id, "x"]]})),
        select(&FACTS[..]).prop_map(|fact| json!({ "var": fact })),
        (select(&FACTS[..4]), any_scalar()).prop_map(|(fact, default)| json!({"var": [fact, default]})),
        (select(&ATTRIBUTES[..]), any_scalar()).prop_map(|(fact, default)| json!({"var": [fact, default]})),
    ]
}

/// Rules that must be accepted: what takes one type only gets literals of that type, or operations of any
/// kind.
fn valid_rule() -> impl Strategy<Value = Value> {
    valid_leaf().prop_recursive(5, 40, 4, |inner| {
        let list = vec(inner.clone(), 0..3).prop_map(Value::from);
        let part = prop_oneof![3 => inner.clone(), 1 => any_scalar(), 1 => list].boxed();
        let wrapped = prop_oneof![
            2 => vec(part.clone(), 1..3).prop_map(|parts| json!({ "or": parts })),
            1 => inner.clone().prop_map(|part| json!({ "!": part })),
            1 => any_number().prop_map(|number| json!({ "+": number })),
            1 => "[a-z]{0,3}".prop_map(|text| json!({ "cat": text })),
        ]
        .boxed();
        let fact = prop_oneof![select(&COUNTED[..]), Just("attributes.level")];
        let fact = fact.prop_map(|fact| json!({ "var": fact }));
        let counted =
            prop_oneof![4 => any_number(), 1 => Just(Value::Null), 2 => wrapped.clone(), 2 => fact].boxed();
        let text = prop_oneof![
            3 => "[a-z가]{0,5}".prop_map(Value::from),
            1 => select(&["user.id", "now", "attributes.region"][..]).prop_map(|fact| json!({ "var": fact })),
            1 => Just(Value::Null),
            2 => wrapped.clone(),
        ]
        .boxed();
        let scalars = vec(any_scalar(), 0..3).prop_map(Value::from);
        let compared = prop_oneof![2 => any_scalar(), 1 => scalars, 3 => wrapped].boxed();
        prop_oneof![
            (select(&["and", "or"][..]), vec(part.clone(), 1..4))
                .prop_map(|(name, parts)| json!({ name: parts })),
            (select(&["!", "!!"][..]), part.clone()).prop_map(|(name, part)| json!({ name: [part] })),
            vec(part.clone(), 2..6).prop_map(|parts| json!({ "if": parts })),
            vec(text.clone(), 1..4).prop_map(|parts| json!({ "cat": parts })),
            (text, vec(counted.clone(), 1..3)).prop_map(|(text, span)| {
                let arguments: Vec<_> = std::iter::once(text).chain(span).collect();
                json!({ "substr": arguments })
            }),
            (select(&["+", "*", "min", "max"][..]), vec(counted.clone(), 1..4))
                .prop_map(|(name, parts)| json!({ name: parts })),
            (select(&["-", "/", "%"][..]), counted.clone(), counted)
                .prop_map(|(name, left, right)| json!({ name: [left, right] })),
            (select(&COMPARISONS[..]), compared.clone(), compared.clone())
                .prop_map(|(name, left, right)| json!({ name: [left, right] })),
            (select(&ORDERINGS[..]), vec(compared.clone(), 3))
                .prop_map(|(name, parts)| json!({ name: parts })),
            (compared, vec(part, 0..3)).prop_map(|(needle, list)| json!({"in": [needle, list]})),
        ]
    })
}

/// Anything at all, but often made of what conditions are made of.
fn odd_value() -> impl Strategy<Value = Value> {
    let number = any::<f64>().prop_map(|number| json!(number));
    let text = any::<String>().prop_map(Value::from);
    let known = prop_oneof![
        select(&FACTS[..]),
        select(&TIMES[..]),
        Just("activity.x"),
        Just("activity.login.days"),
        Just("attributes.x"),
        Just("")
    ]
    .prop_map(Value::from);
    let atom = prop_oneof![2 => any_scalar(), 1 => number, 1 => text, 2 => known, 8 => valid_leaf()];
    atom.prop_recursive(12, 60, 4, |inner| {
        prop_oneof![
            4 => (select(&NAMES[..]), vec(inner.clone(), 0..4))
                .prop_map(|(name, parts)| json!({ name: parts })),
            2 => (select(&NAMES[..]), inner.clone()).prop_map(|(name, part)| json!({ name: part })),
            1 => vec(inner.clone(), 0..4).prop_map(Value::from),
            1 => hash_map(any::<String>(), inner, 0..3)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

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
