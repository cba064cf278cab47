//! Conditions and facts as properties are tried with.

use domain::AttributeValue;
use proptest::{
    collection::{hash_map, vec},
    prelude::*,
    sample::select,
};
use rules::{ActivityTotals, Facts};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// All the same length and in UTC, so that the reference can compare them as text.
pub(crate) const TIMES: [&str; 3] =
    ["2026-04-30T23:59:59.999Z", "2026-05-01T09:00:00.000Z", "2026-06-01T00:00:00.000Z"];
pub(crate) const IDS: [&str; 2] = ["665f1c2e8b3e4a0012345678", "000000000000000000000000"];
pub(crate) const ROLES: [&str; 4] = ["USER", "OPERATOR", "AUDITOR", "ADMIN"];
pub(crate) const FACTS: [&str; 9] = [
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
pub(crate) const ORDERINGS: [&str; 4] = ["<", "<=", ">", ">="];
pub(crate) const COMPARISONS: [&str; 8] = ["==", "===", "!=", "!==", "<", "<=", ">", ">="];
const NAMES: [&str; 16] =
    ["var", "and", "or", "!", "if", "in", "==", "<", "+", "/", "cat", "substr", "max", "map", "val", ""];

prop_compose! {
    pub(crate) fn any_facts()(
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
pub(crate) fn valid_rule() -> impl Strategy<Value = Value> {
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
pub(crate) fn odd_value() -> impl Strategy<Value = Value> {
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
