use serde_json::{Value, json};

use crate::reader::read_condition;

use super::*;

const ID: &str = "665f1c2e8b3e4a0012345678";

fn faults_of(condition: &Value) -> Vec<(String, String)> {
    let faults = read_condition(condition).faults;
    faults.into_iter().map(|fault| (fault.pointer, fault.message)).collect()
}

/// Both ways around.
fn both_ways(operator: &str, fact: &str, other: &Value) -> [Value; 2] {
    [json!({ operator: [{"var": fact}, other] }), json!({ operator: [other, {"var": fact}] })]
}

fn assert_refused(fact: &str, other: &Value, expected: &str) {
    for operator in ["==", "===", "!=", "!==", "<", "<=", ">", ">="] {
        for (condition, place) in both_ways(operator, fact, other).into_iter().zip(["1", "0"]) {
            let faults = faults_of(&condition);
            assert_eq!(faults.len(), 1, "{condition}");
            assert_eq!(faults[0].0, format!("/{operator}/{place}"));
            assert!(faults[0].1.contains(expected), "{faults:?}");
        }
    }
}

fn assert_accepted(fact: &str, other: &Value) {
    for operator in ["==", "!=", "<", "<=", ">", ">="] {
        for condition in both_ways(operator, fact, other) {
            assert_eq!(faults_of(&condition), [], "{condition}");
        }
    }
}

#[test]
fn now_is_compared_to_rfc3339_times_only() {
    assert_accepted("now", &json!("2026-06-01T00:00:00+09:00"));
    assert_accepted("now", &json!("2026-05-31T15:00:00.5Z"));
    for other in
        [json!("2026-06-01"), json!("soon"), json!(1_780_000_000), json!(true), json!(null), json!([])]
    {
        assert_refused("now", &other, "only comparable to an RFC 3339 time");
    }
}

#[test]
fn now_is_not_compared_to_computed_text() {
    assert_refused(
        "now",
        &json!({"cat": ["2026-06-01", "T00:00:00Z"]}),
        "only comparable to an RFC 3339 time",
    );
    assert_refused("now", &json!({"var": "user.ageDays"}), "only comparable to an RFC 3339 time");
}

#[test]
fn each_end_of_a_range_of_times_is_checked() {
    let condition = json!({"<=": ["yesterday", {"var": "now"}, 5]});
    let pointers: Vec<_> = faults_of(&condition).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers, ["/<=/0", "/<=/2"]);
}

#[test]
fn the_age_is_compared_to_numbers_only() {
    assert_accepted("user.ageDays", &json!(7));
    assert_accepted("user.ageDays", &json!(7.5));
    assert_accepted("user.ageDays", &json!({"+": [3, 4]}));
    for other in [json!("a week"), json!("7"), json!([{"var": "now"}]), json!(true), json!(null), json!([7])]
    {
        assert_refused("user.ageDays", &other, "is a number and cannot be compared to");
    }
}

#[test]
fn the_id_is_compared_to_ids_only() {
    assert_accepted("user.id", &json!(ID));
    for other in [json!("me"), json!(ID.to_uppercase()), json!(ID[1..]), json!(7), json!(null)] {
        assert_refused("user.id", &other, "24 lower-case hexadecimal digits");
    }
}

#[test]
fn roles_are_looked_for_by_known_names() {
    for role in Role::ALL.map(Role::name) {
        assert_eq!(faults_of(&json!({"in": [role, {"var": "user.roles"}]})), []);
    }
    for needle in [json!("user"), json!("GUEST"), json!(1), json!(null), json!(["USER"])] {
        let faults = faults_of(&json!({"in": [needle, {"var": "user.roles"}]}));
        assert_eq!(faults.len(), 1, "{needle}");
        assert_eq!(faults[0].0, "/in/0");
        assert!(faults[0].1.ends_with("is not a role; roles: USER, OPERATOR, AUDITOR, ADMIN"), "{faults:?}");
    }
}

#[test]
fn a_computed_role_is_left_to_evaluation() {
    assert_eq!(faults_of(&json!({"in": [{"cat": ["US", "ER"]}, {"var": "user.roles"}]})), []);
}

#[test]
fn roles_cannot_be_compared_or_counted_with() {
    for operator in ["==", "===", "!=", "!==", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "min", "max"] {
        let faults = faults_of(&json!({ operator: [{"var": "user.roles"}, 1] }));
        assert_eq!(faults.len(), 1, "{operator}");
        assert_eq!(faults[0].0, format!("/{}/0", operator.replace('/', "~1")));
        assert!(faults[0].1.starts_with("user.roles is a list"), "{faults:?}");
    }
}

#[test]
fn roles_are_searched_and_not_searched_for() {
    let faults = faults_of(&json!({"in": [{"var": "user.roles"}, ["USER"]]}));
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].0, "/in/0");
}

#[test]
fn arguments_beside_a_broken_one_are_still_checked() {
    let pointers: Vec<_> = faults_of(&json!({"<": [{"nope": 1}, {"var": "now"}, 7]}))
        .into_iter()
        .map(|(pointer, _)| pointer)
        .collect();
    assert_eq!(pointers, ["/</0/nope", "/</2"]);
}

#[test]
fn only_numbers_are_counted_with() {
    for operator in ["+", "-", "*", "/", "%", "min", "max"] {
        for other in [json!("1"), json!(true), json!([1]), json!({"var": "user.id"}), json!({"var": "now"})] {
            let faults = faults_of(&json!({ operator: [{"var": "user.ageDays"}, other] }));
            assert_eq!(faults.len(), 1, "{operator} {other}");
            assert_eq!(faults[0].0, format!("/{}/1", operator.replace('/', "~1")));
            assert!(faults[0].1.contains("is not a number as"), "{faults:?}");
        }
        assert_eq!(faults_of(&json!({ operator: [null, {"if": [true, 1]}] })), []);
    }
}

#[test]
fn only_texts_are_joined_and_cut() {
    for other in
        [json!(1), json!(true), json!(["a"]), json!({"var": "user.ageDays"}), json!({"var": "user.roles"})]
    {
        for operator in ["cat", "substr"] {
            let faults = faults_of(&json!({ operator: [other, 1] }));
            assert_eq!(faults[0].0, format!("/{operator}/0"), "{other}");
            assert!(faults[0].1.contains("is not a text as"), "{faults:?}");
        }
    }
    assert_eq!(faults_of(&json!({"substr": [{"var": "now"}, "1"]})).len(), 1);
    assert_eq!(faults_of(&json!({"substr": [{"var": "user.id"}, {"var": "user.ageDays"}, null]})), []);
}

#[test]
fn what_counts_activities_is_compared_to_numbers_only() {
    for measure in ["count", "sum", "max", "days", "streak"] {
        let fact = format!("activity.flash-sale.{measure}");
        assert_accepted(&fact, &json!(7));
        assert_accepted(&fact, &json!({"+": [3, 4]}));
        assert_accepted(&fact, &json!({"var": "attributes.level"}));
        for other in [json!("7"), json!(true), json!([7])] {
            assert_refused(&fact, &other, &format!("{fact} is a number and cannot be compared to"));
        }
    }
    assert_refused("activity.login.streak", &json!(null), "is a number and cannot be compared to null");
}

#[test]
fn only_the_largest_value_can_equal_null() {
    for operator in ["==", "===", "!=", "!=="] {
        for condition in both_ways(operator, "activity.score.max", &json!(null)) {
            assert_eq!(faults_of(&condition), [], "{condition}");
        }
    }
    for operator in ["<", "<=", ">", ">="] {
        for condition in both_ways(operator, "activity.score.max", &json!(null)) {
            assert_eq!(faults_of(&condition).len(), 1, "{condition}");
        }
    }
}

#[test]
fn an_attribute_equals_any_scalar_and_is_in_order_with_numbers_and_texts() {
    assert_accepted("attributes.level", &json!(30));
    assert_accepted("attributes.level", &json!("gold"));
    assert_accepted("attributes.level", &json!({"var": "activity.login.count"}));
    for other in [json!(null), json!(true)] {
        for operator in ["==", "===", "!=", "!=="] {
            for condition in both_ways(operator, "attributes.vip", &other) {
                assert_eq!(faults_of(&condition), [], "{condition}");
            }
        }
        let faults = faults_of(&json!({"<": [{"var": "attributes.vip"}, other]}));
        let expected = format!("{other} is in no order; \"<\" compares attributes.vip to a number or a text");
        assert_eq!(faults, [("/</1".into(), expected)]);
    }
    let faults = faults_of(&json!({"==": [{"var": "attributes.region"}, ["KR", "JP"]]}));
    assert_eq!(faults.len(), 1);
    assert!(faults[0].1.contains("{\"in\": [{\"var\": \"attributes.region\"}, "), "{faults:?}");
}

#[test]
fn attributes_can_be_counted_with_and_joined_and_searched() {
    let level = json!({"var": "attributes.level"});
    for condition in [
        json!({"+": [level, 1]}),
        json!({"cat": [level, "x"]}),
        json!({"substr": [level, level]}),
        json!({"in": [level, ["a", 1]]}),
        json!({"in": ["a", level]}),
    ] {
        assert_eq!(faults_of(&condition), [], "{condition}");
    }
}

#[test]
fn activities_are_no_texts_and_have_nothing_in_them() {
    let count = json!({"var": "activity.login.count"});
    assert_eq!(faults_of(&json!({"cat": [count]}))[0].0, "/cat/0");
    assert_eq!(faults_of(&json!({"in": [1, count]}))[0].0, "/in/1");
    assert_eq!(faults_of(&json!({"+": [count, 1]})), []);
    assert_eq!(faults_of(&json!({"in": [count, [1, 2]]})), []);
}
