use domain::{ActivityType, AttributeValue};
use serde_json::{Value, json};

use crate::{ActivityTotals, Condition, Facts};

fn some_facts() -> Facts {
    let now = "2026-05-01T09:00:00.000Z".parse().unwrap();
    let mut facts = Facts::new("665f1c2e8b3e4a0012345678".into(), vec!["USER".into()], 3, now);
    let login = ActivityTotals { count: 5, days: 5, streak: 3, ..ActivityTotals::default() };
    facts.activities.insert(ActivityType::login(), login);
    facts.attributes.insert("level".parse().unwrap(), AttributeValue::Number(12.into()));
    facts.attributes.insert("vip".parse().unwrap(), AttributeValue::Boolean(true));
    facts
}

/// Each reason as "fact operator target".
fn reasons_for(condition: &Value) -> Vec<String> {
    let condition = Condition::parse(condition).expect("must be accepted");
    let reasons = condition.reasons(&some_facts());
    assert_eq!(reasons.is_empty(), condition.evaluate(&some_facts()).eligible);
    let shown = reasons.iter().map(|reason| {
        format!("{} {} {}", reason.fact.as_deref().unwrap_or("-"), reason.operator, reason.target)
    });
    shown.collect()
}

fn streak(days: i64) -> Value {
    json!({">=": [{"var": "activity.login.streak"}, days]})
}

fn level(level: i64) -> Value {
    json!({">=": [{"var": "attributes.level"}, level]})
}

fn age(days: i64) -> Value {
    json!({">=": [{"var": "user.ageDays"}, days]})
}

#[test]
fn a_condition_that_is_met_has_no_reasons() {
    assert_eq!(reasons_for(&json!({})), [""; 0]);
    assert_eq!(reasons_for(&json!({"and": [streak(3), {"or": [level(30), age(3)]}]})), [""; 0]);
    assert_eq!(reasons_for(&json!({"!": streak(4)})), [""; 0]);
}

#[test]
fn of_and_all_that_is_unmet_matters() {
    let condition = json!({"and": [streak(7), level(12), {"and": [age(7), level(30)]}]});
    let expected = ["activity.login.streak >= 7", "user.ageDays >= 7", "attributes.level >= 30"];
    assert_eq!(reasons_for(&condition), expected);
}

#[test]
fn of_or_the_alternative_with_the_fewest_reasons_matters() {
    let both = json!({"and": [streak(4), level(13)]});
    assert_eq!(reasons_for(&json!({"or": [both, age(1_000)]})), ["user.ageDays >= 1000"]);
    let one_is_met = json!({"and": [streak(100), level(12)]});
    let expected = ["activity.login.streak >= 100"];
    assert_eq!(reasons_for(&json!({"or": [both, one_is_met, {"and": [age(9), level(99)]}]})), expected);
}

#[test]
fn of_two_alternatives_with_as_many_reasons_the_one_with_less_left_to_do_matters() {
    assert_eq!(reasons_for(&json!({"or": [streak(7), level(15), age(30)]})), ["attributes.level >= 15"]);
    assert_eq!(reasons_for(&json!({"or": [streak(4), level(30)]})), ["activity.login.streak >= 4"]);
    assert_eq!(reasons_for(&json!({"or": [streak(6), age(6)]})), ["activity.login.streak >= 6"]);
}

#[test]
fn an_alternative_that_nobody_can_bring_about_is_the_last() {
    let gone = json!({"<": [{"var": "now"}, "2026-05-01T09:00:00Z"]});
    let lower = json!({"<": [{"var": "activity.login.count"}, 5]});
    let other = json!({"==": [{"var": "user.id"}, "000000000000000000000000"]});
    for hopeless in [gone, lower, other, json!({"<": [2, 1]}), json!(false), json!({"and": [null]})] {
        let hard = json!({"and": [streak(90), level(99), age(900)]});
        assert_eq!(reasons_for(&json!({"or": [hopeless, hard]})).len(), 3, "{hopeless}");
    }
}

#[test]
fn under_not_the_opposite_is_needed() {
    assert_eq!(reasons_for(&json!({"!": streak(3)})), ["activity.login.streak < 3"]);
    assert_eq!(reasons_for(&json!({"!": [{"!": streak(7)}]})), ["activity.login.streak >= 7"]);
    assert_eq!(
        reasons_for(&json!({"!": {"or": [streak(3), level(30), age(3)]}})),
        ["activity.login.streak < 3", "user.ageDays < 3",]
    );
    // One of both has to go, and the level can.
    assert_eq!(reasons_for(&json!({"!": {"and": [age(3), level(12)]}})), ["attributes.level < 12"]);
    assert_eq!(
        reasons_for(&json!({"!": {"in": ["USER", {"var": "user.roles"}]}})),
        ["user.roles not in \"USER\""]
    );
    assert_eq!(reasons_for(&json!({"!": {"var": "attributes.vip"}})), ["attributes.vip ! false"]);
    assert_eq!(
        reasons_for(&json!({"!": {"!=": [{"var": "attributes.level"}, 30]}})),
        ["attributes.level == 30"]
    );
}

#[test]
fn of_a_range_the_end_that_is_missed_matters() {
    let range = |from: i64, to: i64| json!({"<=": [from, {"var": "attributes.level"}, to]});
    assert_eq!(reasons_for(&range(20, 30)), ["attributes.level >= 20"]);
    assert_eq!(reasons_for(&range(1, 10)), ["attributes.level <= 10"]);
    assert_eq!(reasons_for(&json!({"!": range(11, 99)})), ["attributes.level < 11"]);
}

#[test]
fn of_if_the_nearest_branch_matters() {
    let vip = json!({"==": [{"var": "attributes.vip"}, true]});
    assert_eq!(reasons_for(&json!({"if": [vip, streak(4), streak(7)]})), ["activity.login.streak >= 4"]);
    let no_vip = json!({"!": vip});
    assert_eq!(reasons_for(&json!({"if": [no_vip, streak(3), streak(7)]})), ["activity.login.streak >= 7"]);
    let level_first = json!({"if": [level(13), true, streak(30)]});
    assert_eq!(reasons_for(&level_first), ["attributes.level >= 13"]);
    assert_eq!(reasons_for(&json!({"if": [level(13), true]})), ["attributes.level >= 13"]);
    assert_eq!(reasons_for(&json!({"!": {"if": [level(12), true]}})), ["attributes.level < 12"]);
    // Nothing but another branch can be taken where a branch is false whatever the facts.
    assert_eq!(reasons_for(&json!({"if": [level(12), false, true]})), ["attributes.level < 12"]);
}

#[test]
fn a_failure_is_a_reason() {
    let failing = json!({">": [{"/": [1, {"var": "activity.gift.count"}]}, 0]});
    assert_eq!(reasons_for(&json!({"and": [level(12), failing]})), ["- > null"]);
    assert_eq!(reasons_for(&json!({"!": failing})), ["- > null"]);
    assert_eq!(reasons_for(&json!({"if": [failing, true, true]})), ["- > null"]);
    // What stands behind it is met, but does not get that far; what stands before it would.
    assert_eq!(reasons_for(&json!({"or": [failing, level(12)]})), ["- > null"]);
    assert_eq!(reasons_for(&json!({"or": [level(13), failing, level(12)]})), ["attributes.level >= 13"]);
}

#[test]
fn what_is_lacking_twice_is_told_once() {
    assert_eq!(
        reasons_for(&json!({"and": [streak(7), {"or": [streak(7)]}]})),
        ["activity.login.streak >= 7"]
    );
}

#[test]
fn a_comparison_of_logic_is_told_as_a_whole() {
    let condition = json!({"==": [{"or": [streak(7), level(30)]}, true]});
    let [reason] = reasons_for(&condition).try_into().unwrap();
    assert_eq!(reason, "(activity.login.streak >= 7) or (attributes.level >= 30) == true");
}

#[test]
fn nesting_does_not_multiply_the_work() {
    let nested = (0..30).fold(streak(7), |inner, _| json!({"if": [inner, level(30), streak(9)]}));
    assert_eq!(reasons_for(&nested), ["activity.login.streak >= 9"]);
}
