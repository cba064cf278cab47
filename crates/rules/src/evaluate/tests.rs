use serde_json::{Value, json};

use super::*;
use crate::{Condition, ConditionTrace};

fn known_facts() -> Facts {
    let now = "2026-05-01T09:00:00.000Z".parse().unwrap();
    Facts::new("665f1c2e8b3e4a0012345678".into(), vec!["USER".into()], 9, now)
}

fn decision_on(condition: &Value) -> ConditionDecision {
    Condition::parse(condition).expect("must be accepted").evaluate(&known_facts())
}

fn is_admitted(condition: &Value) -> bool {
    decision_on(condition).eligible
}

fn progress_on(condition: &Value) -> Value {
    let steps = Condition::parse(condition).expect("must be accepted").progress(&known_facts());
    serde_json::to_value(steps).unwrap()
}

/// The trace, built from the decision as it is stored.
fn trace_of(condition: &Value) -> Value {
    let stored = serde_json::to_string(&decision_on(condition)).unwrap();
    let condition = Condition::parse(condition).unwrap();
    let trace =
        condition.explain(&serde_json::from_str(&stored).unwrap(), &known_facts().to_json(condition.facts()));
    serde_json::to_value(trace).unwrap()
}

#[test]
fn a_condition_over_all_facts_is_decided_and_explained() {
    let source = json!({"and": [
        {">=": [{"var": "user.ageDays"}, 7]},
        {"in": ["USER", {"var": "user.roles"}]},
        {"<": [{"var": "now"}, "2026-06-01T00:00:00+09:00"]},
        {">": [{"+": [{"var": "user.ageDays"}, 0.5]}, 9]},
    ]});
    let stored = json!({"eligible": true, "outcomes": "tttvtt", "values": [9.5]});
    assert_eq!(serde_json::to_value(decision_on(&source)).unwrap(), stored);
    insta::assert_json_snapshot!(json!({ "progress": progress_on(&source), "trace": trace_of(&source) }));
}

#[test]
fn now_compares_as_an_instant_whatever_the_offset() {
    let now = json!({"var": "now"});
    for same in ["2026-05-01T09:00:00Z", "2026-05-01T18:00:00+09:00", "2026-05-01T04:00:00.000-05:00"] {
        assert!(is_admitted(&json!({"==": [now, same]})), "{same}");
        assert!(is_admitted(&json!({"===": [same, now]})), "{same}");
        assert!(is_admitted(&json!({"<=": [same, now, same]})), "{same}");
        assert!(!is_admitted(&json!({"!=": [now, same]})), "{same}");
        assert!(!is_admitted(&json!({"<": [now, same]})), "{same}");
    }
    assert!(is_admitted(&json!({">": [now, "2026-05-01T17:59:59.999+09:00"]})));
    assert!(is_admitted(&json!({"<": [now, "2026-05-01T00:00:00.001-09:00"]})));
    assert!(is_admitted(&json!({"==": [now, now]})));
}

#[test]
fn now_is_text_where_it_is_not_compared() {
    assert!(is_admitted(&json!({"==": [{"substr": [{"var": "now"}, 0, 10]}, "2026-05-01"]})));
}

#[test]
fn progress_reads_with_the_fact_on_the_left() {
    let expected = json!([{"fact": "user.ageDays", "operator": ">=", "target": 7, "actual": 9, "met": true}]);
    assert_eq!(progress_on(&json!({"<=": [7, {"var": "user.ageDays"}]})), expected);
    assert_eq!(progress_on(&json!({">=": [{"var": "user.ageDays"}, 7]})), expected);
}

#[test]
fn a_range_is_two_steps_of_progress() {
    let expected = json!([
        {"fact": "user.ageDays", "operator": ">", "target": 1, "actual": 9, "met": true},
        {"fact": "user.ageDays", "operator": "<", "target": 5, "actual": 9, "met": false},
    ]);
    assert_eq!(progress_on(&json!({"<": [1, {"var": "user.ageDays"}, 5]})), expected);
}

#[test]
fn progress_shows_times_as_written_and_now_in_utc() {
    let expected = json!([{
        "fact": "now", "operator": "<", "target": "2026-05-01T18:00:00+09:00",
        "actual": "2026-05-01T09:00:00.000Z", "met": false,
    }]);
    assert_eq!(progress_on(&json!({">": ["2026-05-01T18:00:00+09:00", {"var": "now"}]})), expected);
}

#[test]
fn progress_over_roles_names_the_role_asked_for() {
    let expected = json!([
        {"fact": "user.roles", "operator": "in", "target": "ADMIN", "actual": ["USER"], "met": false},
    ]);
    assert_eq!(progress_on(&json!({"in": ["ADMIN", {"var": "user.roles"}]})), expected);
}

#[test]
fn progress_is_reported_in_source_order_also_from_branches_not_taken() {
    let steps = progress_on(&json!({"if": [
        {"in": ["ADMIN", {"var": "user.roles"}]},
        {"<": [{"var": "user.ageDays"}, 1]},
        {"or": [true, {"==": [{"var": "user.ageDays"}, 2]}]},
    ]}));
    let targets: Vec<_> = steps.as_array().unwrap().iter().map(|step| &step["target"]).collect();
    assert_eq!(targets, [&json!("ADMIN"), &json!(1), &json!(2)]);
}

#[test]
fn what_is_computed_from_facts_makes_progress_too() {
    let age = json!({"var": "user.ageDays"});
    let expected = json!([
        {"fact": "user.ageDays + 1", "operator": ">", "target": 7, "actual": 10, "met": true},
        {"fact": "user.ageDays", "operator": "<", "target": 18, "actual": 9, "met": true},
        {"fact": "user.ageDays", "operator": "==", "target": null, "actual": 9, "met": false},
    ]);
    let condition = json!({"and": [
        {"<": [7, {"+": [age, 1]}]},
        {"<": [age, {"*": [age, 2]}]},
        {"==": [age, {"/": [age, 0]}]},
    ]});
    assert_eq!(progress_on(&condition), expected);
}

#[test]
fn progress_inside_a_comparison_is_reported_before_it_and_logic_makes_none_itself() {
    let age = json!({"var": "user.ageDays"});
    let condition = json!({"and": [
        {">": [age, {"if": [{">=": [age, 30]}, 5, 10]}]},
        {"==": [{"or": [{"<": [age, 1]}, false]}, false]},
    ]});
    let steps = progress_on(&condition);
    let targets: Vec<_> = steps.as_array().unwrap().iter().map(|step| &step["target"]).collect();
    assert_eq!(targets, [&json!(30), &json!(10), &json!(1)]);
}

#[test]
fn comparisons_without_a_fact_make_no_progress() {
    assert_eq!(progress_on(&json!({">": [{"+": [8, 1]}, 7]})), json!([]));
}

#[test]
fn what_cannot_be_evaluated_admits_nobody_and_the_trace_tells_why() {
    let text = json!({"cat": ["7"]});
    for (failing, reason) in [
        (json!({"-": [text, 1]}), "an argument is of a type the operator does not take"),
        (json!({"/": [1, 0]}), "the divisor is zero"),
        (json!({"%": [1, 0.0]}), "the divisor is zero"),
        (json!({"+": [9_007_199_254_740_991_i64, 0.5]}), "the result lies beyond ±9007199254740991"),
        (
            json!({"*": [9_007_199_254_740_991_i64, 9_007_199_254_740_991_i64]}),
            "the result lies beyond ±9007199254740991",
        ),
        (json!({"substr": ["text", 0.5]}), "the start or the length is no whole number"),
    ] {
        assert!(!is_admitted(&failing), "{failing}");
        assert_eq!(
            (&trace_of(&failing)["error"], &trace_of(&failing)["value"]),
            (&json!(reason), &Value::Null)
        );
    }
}

#[test]
fn a_failure_inside_fails_the_whole_condition() {
    let condition = json!({"!": [{"+": [{"cat": ["a"]}, 1]}]});
    assert!(!is_admitted(&condition));
    assert_eq!(trace_of(&condition)["error"], "an argument could not be evaluated");
    assert!(trace_of(&condition)["arguments"][0]["error"].is_string());
}

#[test]
fn a_failure_in_a_branch_not_taken_does_not_matter() {
    let failing = json!({"/": [1, 0]});
    assert!(is_admitted(&json!({"or": [true, failing]})));
    assert!(is_admitted(&json!({"if": [true, true, failing]})));
    assert!(is_admitted(&json!({"if": [false, failing, true]})));
    assert!(is_admitted(&json!({"!": [{"and": [false, failing]}]})));
    assert!(!is_admitted(&json!({"and": [true, failing]})));
    assert!(!is_admitted(&json!({"or": [failing, true]})));
    assert!(!is_admitted(&json!({"in": [1, [1, failing]]})));
}

#[test]
fn falsy_values_admit_nobody() {
    for falsy in [json!([]), json!(""), json!(0), json!(null), json!(false)] {
        assert!(!is_admitted(&json!({"or": [falsy]})), "{falsy}");
        assert!(is_admitted(&json!({"!": [falsy]})), "{falsy}");
    }
    for truthy in [json!([0]), json!("0"), json!(-1), json!(0.5), json!(true)] {
        assert!(is_admitted(&json!({"or": [truthy]})), "{truthy}");
    }
}

#[test]
fn a_fact_alone_is_a_condition() {
    assert!(is_admitted(&json!({"var": "user.roles"})));
    let mut nobody = known_facts();
    nobody.roles.clear();
    assert!(!Condition::parse(&json!({"var": "user.roles"})).unwrap().evaluate(&nobody).eligible);
}

#[test]
fn lists_with_operations_in_them_are_traced_entry_by_entry() {
    let condition = json!({"in": [9, [1, {"var": "user.ageDays"}, {"+": [1, 1]}, [2]]]});
    assert!(is_admitted(&condition));
    let entries = &trace_of(&condition)["arguments"][1];
    assert_eq!(entries[0], json!({"literal": 1}));
    assert_eq!(entries[1], json!({"fact": "user.ageDays", "value": 9}));
    assert_eq!((&entries[2]["pointer"], &entries[2]["value"]), (&json!("/in/1/2"), &json!(2)));
    assert_eq!(entries[3], json!({"literal": [2]}));
}

#[test]
fn a_trace_points_at_arguments_without_brackets() {
    let trace = trace_of(&json!({"!": {"!": {"/": [1, 2]}}}));
    assert_eq!(trace["arguments"][0]["pointer"], "/!");
    assert_eq!(trace["arguments"][0]["arguments"][0]["pointer"], "/!/!");
}

#[test]
fn the_deepest_trace_survives_being_read_as_json() {
    let deepest = (0..31).fold(json!({"var": "now"}), |inner, _| json!({ "!": [inner] }));
    let condition = Condition::parse(&deepest).unwrap();
    let trace =
        condition.explain(&condition.evaluate(&known_facts()), &known_facts().to_json(condition.facts()));
    let text = serde_json::to_string(&trace).unwrap();
    assert_eq!(serde_json::from_str::<ConditionTrace>(&text).unwrap(), trace);
}
