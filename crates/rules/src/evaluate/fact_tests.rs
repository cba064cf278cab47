use domain::AttributeValue;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::*;
use crate::{ActivityTotals, Condition};

fn known_facts() -> Facts {
    let now = "2026-05-01T09:00:00.000Z".parse().unwrap();
    Facts::new("665f1c2e8b3e4a0012345678".into(), vec!["USER".into()], 9, now)
}

fn is_admitted(condition: &Value) -> bool {
    Condition::parse(condition).expect("must be accepted").evaluate(&known_facts()).eligible
}

/// The facts of somebody with and without what the game could say.
fn facts_with(level: Option<Value>) -> Facts {
    let mut facts = known_facts();
    if let Some(level) = level {
        facts.attributes.insert("level".parse().unwrap(), AttributeValue::try_from(&level).unwrap());
    }
    facts
}

#[test]
fn an_attribute_that_is_not_set_is_null_and_nothing_else() {
    let level = json!({"var": "attributes.level"});
    for facts in [facts_with(None), facts_with(Some(Value::Null))] {
        for (condition, met) in [
            (json!({"==": [level, false]}), false),
            (json!({"==": [level, 0]}), false),
            (json!({"==": [level, ""]}), false),
            (json!({"<": [level, 30]}), false),
            (json!({">=": [level, 0]}), false),
            (json!({"<=": [level, level]}), false),
            (json!({"!=": [level, 0]}), true),
            (json!({"==": [level, null]}), true),
            (json!({"===": [null, level]}), true),
            (json!({"in": [level, [0, false, ""]]}), false),
            (json!({"in": [level, [null]]}), true),
            (json!({"!": level}), true),
            (json!({"==": [{"+": [level, 1]}, null]}), true),
        ] {
            assert_eq!(Condition::parse(&condition).unwrap().evaluate(&facts).eligible, met, "{condition}");
        }
    }
}

#[test]
fn an_attribute_of_another_type_is_never_equal_and_never_in_order() {
    let level = json!({"var": "attributes.level"});
    let others = [json!(30), json!("30"), json!(true), json!("a"), json!(1)];
    for set in &others {
        let facts = facts_with(Some(set.clone()));
        for other in &others {
            let admits = |name: &str| {
                Condition::from_stored(&json!({ name: [level, other] })).evaluate(&facts).eligible
            };
            assert_eq!((admits("=="), admits("!=")), (set == other, set != other), "{set} {other}");
            let ordered = (set.is_number() && other.is_number()) || (set.is_string() && other.is_string());
            assert_eq!(admits("<=") || admits(">="), ordered, "{set} {other}");
        }
    }
}

#[test]
fn a_default_stands_for_an_attribute_that_is_not_set_and_for_nothing_else() {
    let level = json!({"var": ["attributes.level", 0]});
    let condition = json!({"<": [level, 30]});
    for (set, met) in
        [(None, true), (Some(json!(29)), true), (Some(json!(30)), false), (Some(json!("a")), false)]
    {
        let facts = facts_with(set.clone());
        let parsed = Condition::parse(&condition).unwrap();
        assert_eq!(parsed.evaluate(&facts).eligible, met, "{set:?}");
        let shown = set.unwrap_or(json!(0));
        assert_eq!(parsed.progress(&facts)[0].actual, shown);
        let trace = parsed.explain(&parsed.evaluate(&facts), &facts.to_json(parsed.facts()));
        let trace = serde_json::to_value(trace).unwrap();
        assert_eq!(trace["arguments"][0], json!({"fact": "attributes.level", "value": shown}));
    }
    assert!(is_admitted(&json!({"==": [{"+": [{"var": ["activity.score.max", 0]}, 1]}, 1]})));
    assert!(is_admitted(&json!({"==": [{"cat": [{"var": ["attributes.level", "a"]}]}, "a"]})));
    assert!(is_admitted(&json!({"==": [{"var": ["user.ageDays", 1]}, 9]})));
}

#[test]
fn without_activity_counts_are_zero_and_the_largest_value_is_null() {
    let fact = |measure: &str| json!({"var": format!("activity.boss-fight.{measure}")});
    for (condition, met) in [
        (json!({"==": [fact("count"), 0]}), true),
        (json!({"<": [fact("sum"), 1]}), true),
        (json!({"==": [fact("days"), 0]}), true),
        (json!({">=": [fact("streak"), 1]}), false),
        (json!({"==": [fact("max"), null]}), true),
        (json!({"==": [fact("max"), 0]}), false),
        (json!({"!=": [fact("max"), 0]}), true),
        (json!({"<": [fact("max"), 1]}), false),
        (json!({">=": [fact("max"), -1]}), false),
        (json!({"==": [fact("max"), fact("max")]}), true),
        (json!({"<=": [fact("max"), fact("max")]}), false),
    ] {
        assert_eq!(is_admitted(&condition), met, "{condition}");
    }
}

#[test]
fn sums_are_exact() {
    let mut facts = known_facts();
    let sum = (0..10).map(|_| Decimal::new(1, 1)).sum();
    let totals = ActivityTotals { count: 10, sum, ..ActivityTotals::default() };
    facts.activities.insert("purchase".parse().unwrap(), totals);
    let condition = Condition::parse(&json!({"==": [{"var": "activity.purchase.sum"}, 1]})).unwrap();
    assert!(condition.evaluate(&facts).eligible);
}

#[test]
fn facts_of_activities_and_attributes_are_traced_from_what_was_stored() {
    let condition = Condition::parse(&json!({"and": [
        {">=": [{"var": "activity.boss-fight.max"}, 7]},
        {"==": [{"var": "attributes.level"}, 30]},
    ]}))
    .unwrap();
    let mut facts = facts_with(Some(json!(30)));
    let totals = ActivityTotals { max: Some(9.into()), ..ActivityTotals::default() };
    facts.activities.insert("boss-fight".parse().unwrap(), totals);
    let decision = condition.evaluate(&facts);
    assert!(decision.eligible);
    let trace = condition.explain(&decision, &facts.to_json(condition.facts()));
    let trace = serde_json::to_value(trace).unwrap();
    assert_eq!(trace["arguments"][0]["arguments"][0], json!({"fact": "activity.boss-fight.max", "value": 9}));
    assert_eq!(trace["arguments"][1]["arguments"][0], json!({"fact": "attributes.level", "value": 30}));
}

#[test]
fn a_decision_from_before_activities_is_still_explained() {
    let condition = Condition::from_stored(&json!({">=": [{"var": "user.ageDays"}, 7]}));
    let decision = serde_json::from_value(json!({"eligible": true, "outcomes": "t"})).unwrap();
    let user = json!({"id": "665f1c2e8b3e4a0012345678", "roles": ["USER"], "ageDays": 9});
    let facts = json!({"user": user, "now": "2026-05-01T09:00:00.000Z"});
    let trace = serde_json::to_value(condition.explain(&decision, &facts)).unwrap();
    assert_eq!(trace["value"], true);
    assert_eq!(trace["arguments"][0], json!({"fact": "user.ageDays", "value": 9}));
}

#[test]
fn putting_texts_together_over_and_over_fails_rather_than_taking_long() {
    let mut facts = known_facts();
    let long = AttributeValue::Text("가".repeat(200));
    facts.attributes.insert("level".parse().unwrap(), long);
    let texts = json!({ "cat": vec![json!({"var": "attributes.level"}); 500] });
    assert!(
        Condition::parse(&json!({"!!": [{"cat": [{"var": "attributes.level"}]}]}))
            .unwrap()
            .evaluate(&facts)
            .eligible
    );
    let condition = Condition::parse(&json!({"!!": [texts]})).unwrap();
    let decision = condition.evaluate(&facts);
    assert!(!decision.eligible);
    let trace =
        serde_json::to_value(condition.explain(&decision, &facts.to_json(condition.facts()))).unwrap();
    assert_eq!(trace["arguments"][0]["error"], "the condition goes through too much text");
    let [reason] = condition.reasons(&facts).try_into().unwrap();
    assert!(reason.sentence(crate::Language::English).ends_with("goes through too much text."));
}
