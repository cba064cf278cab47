use datalogic_rs::{DataValue, Logic, bumpalo::Bump, datavalue::NumberValue};
use serde_json::{Number, Value};

use crate::{
    compile::{ENGINE, FAILED, Node, Operation, Program},
    explain::{Decision, Probe, Progress, Trace},
    fact::{Fact, Facts},
};

/// Room for the values of a usual condition, so that the arena seldom grows.
const ARENA_BYTES: usize = 4096;

pub(crate) fn evaluate(program: &Program, facts: &Facts) -> Decision {
    let arena = Bump::with_capacity(ARENA_BYTES);
    let run = Run { facts, arena: &arena };
    let mut values = Vec::new();
    let trace = run.node(&program.root, false, &mut values);
    // The root is an operation or a fact, either of which leaves one value.
    let eligible = values.first().is_some_and(holds);
    let progress = program.probes.iter().map(|probe| run.progress(probe)).collect();
    Decision { eligible, progress, trace }
}

fn holds(value: &DataValue<'_>) -> bool {
    // The mark of failure is an object, which has to be told apart whatever the engine makes of objects.
    !matches!(value, DataValue::Object(_)) && ENGINE.truthy(value)
}

/// One evaluation: the facts, and the memory that its values live in.
struct Run<'a> {
    facts: &'a Facts,
    arena: &'a Bump,
}

impl<'a> Run<'a> {
    /// Evaluates a part of the condition, appending what the operation around it takes as arguments.
    fn node(&self, node: &'a Node, instants: bool, values: &mut Vec<DataValue<'a>>) -> Trace {
        match node {
            Node::Literal(literal) => Trace::Literal { literal: literal.clone() },
            Node::List(items) => {
                Trace::List(items.iter().map(|item| self.node(item, instants, values)).collect())
            }
            Node::Fact(fact) => {
                values.push(self.input(*fact, instants));
                Trace::Fact { fact: fact.name().to_owned(), value: json(&self.fact(*fact)) }
            }
            Node::Operation(operation) => {
                let (value, trace) = self.operation(operation);
                values.push(value);
                trace
            }
        }
    }

    fn operation(&self, operation: &'a Operation) -> (DataValue<'a>, Trace) {
        let mut values = Vec::with_capacity(operation.arguments.len());
        let arguments = operation
            .arguments
            .iter()
            .map(|argument| self.node(argument, operation.instants, &mut values))
            .collect();
        let (result, error) = match self.apply(&operation.rule, &values) {
            Ok(result) => (result, None),
            Err(error) => (FAILED, Some(error)),
        };
        let trace = Trace::Operation {
            operator: operation.operator.to_owned(),
            pointer: operation.pointer.clone(),
            value: json(&result),
            error,
            arguments,
        };
        (result, trace)
    }

    fn progress(&self, probe: &'a Probe) -> Progress {
        let input = self.input(probe.fact, probe.instants);
        Progress {
            fact: probe.fact.name().to_owned(),
            operator: probe.operator.to_owned(),
            target: probe.target.clone(),
            actual: json(&self.fact(probe.fact)),
            met: self.apply(&probe.rule, &[input]).is_ok_and(|value| holds(&value)),
        }
    }

    fn apply(&self, rule: &'a Logic, values: &[DataValue<'a>]) -> Result<DataValue<'a>, String> {
        let data = DataValue::Array(self.arena.alloc_slice_copy(values));
        match ENGINE.evaluate(rule, data, self.arena) {
            // JSON has no infinity, so the trace could not tell what it is.
            Ok(DataValue::Number(number)) if !number.as_f64().is_finite() => {
                Err("the result is not a finite number".to_owned())
            }
            Ok(value) => Ok(*value),
            Err(error) => Err(error.to_string()),
        }
    }

    /// A fact as an operation takes it.
    fn input(&self, fact: Fact, instants: bool) -> DataValue<'a> {
        if instants && fact == Fact::Now {
            DataValue::from_i64(self.facts.now.as_millisecond())
        } else {
            self.fact(fact)
        }
    }

    /// A fact as it is shown.
    fn fact(&self, fact: Fact) -> DataValue<'a> {
        match fact {
            Fact::UserId => DataValue::String(&self.facts.user_id),
            Fact::UserRoles => {
                let roles = self.facts.roles.iter().map(|role| DataValue::String(role));
                DataValue::Array(self.arena.alloc_slice_fill_iter(roles))
            }
            Fact::UserAgeDays => DataValue::from_i64(self.facts.age_days),
            Fact::Now => DataValue::String(self.arena.alloc_str(&self.facts.now_text())),
        }
    }
}

fn json(value: &DataValue<'_>) -> Value {
    match value {
        DataValue::Bool(bool) => Value::Bool(*bool),
        DataValue::Number(NumberValue::Integer(integer)) => Value::from(*integer),
        DataValue::Number(NumberValue::Float(float)) => {
            Number::from_f64(*float).map_or(Value::Null, Value::Number)
        }
        DataValue::String(text) => Value::from(*text),
        DataValue::Array(items) => items.iter().map(json).collect(),
        // Only a failed operation is an object.
        DataValue::Null | DataValue::Object(_) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Condition;

    fn facts() -> Facts {
        Facts {
            user_id: "665f1c2e8b3e4a0012345678".into(),
            roles: vec!["USER".into()],
            age_days: 9,
            now: "2026-05-01T09:00:00.000Z".parse().unwrap(),
        }
    }

    fn decide(condition: &Value) -> Decision {
        Condition::parse(condition).expect("must be accepted").evaluate(&facts())
    }

    fn admits(condition: &Value) -> bool {
        decide(condition).eligible
    }

    fn progress(condition: &Value) -> Value {
        serde_json::to_value(decide(condition).progress).unwrap()
    }

    #[test]
    fn a_condition_over_all_facts_is_decided_and_explained() {
        let decision = decide(&json!({"and": [
            {">=": [{"var": "user.ageDays"}, 7]},
            {"in": ["USER", {"var": "user.roles"}]},
            {"<": [{"var": "now"}, "2026-06-01T00:00:00+09:00"]},
        ]}));
        insta::assert_json_snapshot!(decision);
    }

    #[test]
    fn now_compares_as_an_instant_whatever_the_offset() {
        let now = json!({"var": "now"});
        for same in ["2026-05-01T09:00:00Z", "2026-05-01T18:00:00+09:00", "2026-05-01T04:00:00.000-05:00"] {
            assert!(admits(&json!({"==": [now, same]})), "{same}");
            assert!(admits(&json!({"===": [same, now]})), "{same}");
            assert!(admits(&json!({"<=": [same, now, same]})), "{same}");
            assert!(!admits(&json!({"!=": [now, same]})), "{same}");
            assert!(!admits(&json!({"<": [now, same]})), "{same}");
        }
        assert!(admits(&json!({">": [now, "2026-05-01T17:59:59.999+09:00"]})));
        assert!(admits(&json!({"<": [now, "2026-05-01T00:00:00.001-09:00"]})));
        assert!(admits(&json!({"==": [now, now]})));
    }

    #[test]
    fn now_is_text_where_it_is_not_compared() {
        assert!(admits(&json!({"==": [{"substr": [{"var": "now"}, 0, 10]}, "2026-05-01"]})));
    }

    #[test]
    fn progress_reads_with_the_fact_on_the_left() {
        let expected =
            json!([{"fact": "user.ageDays", "operator": ">=", "target": 7, "actual": 9, "met": true}]);
        assert_eq!(progress(&json!({"<=": [7, {"var": "user.ageDays"}]})), expected);
        assert_eq!(progress(&json!({">=": [{"var": "user.ageDays"}, 7]})), expected);
    }

    #[test]
    fn a_range_is_two_steps_of_progress() {
        let expected = json!([
            {"fact": "user.ageDays", "operator": ">", "target": 1, "actual": 9, "met": true},
            {"fact": "user.ageDays", "operator": "<", "target": 5, "actual": 9, "met": false},
        ]);
        assert_eq!(progress(&json!({"<": [1, {"var": "user.ageDays"}, 5]})), expected);
    }

    #[test]
    fn progress_shows_times_as_written_and_now_in_utc() {
        let expected = json!([{
            "fact": "now", "operator": "<", "target": "2026-05-01T18:00:00+09:00",
            "actual": "2026-05-01T09:00:00.000Z", "met": false,
        }]);
        assert_eq!(progress(&json!({">": ["2026-05-01T18:00:00+09:00", {"var": "now"}]})), expected);
    }

    #[test]
    fn progress_over_roles_names_the_role_asked_for() {
        let expected = json!([
            {"fact": "user.roles", "operator": "in", "target": "ADMIN", "actual": ["USER"], "met": false},
        ]);
        assert_eq!(progress(&json!({"in": ["ADMIN", {"var": "user.roles"}]})), expected);
    }

    #[test]
    fn progress_is_reported_in_source_order_also_from_branches_not_taken() {
        let condition = json!({"if": [
            {"in": ["ADMIN", {"var": "user.roles"}]},
            {"<": [{"var": "user.ageDays"}, 1]},
            {"or": [true, {"==": [{"var": "user.ageDays"}, 2]}]},
        ]});
        let targets: Vec<_> = decide(&condition).progress.into_iter().map(|step| step.target).collect();
        assert_eq!(targets, [json!("ADMIN"), json!(1), json!(2)]);
    }

    #[test]
    fn comparisons_without_a_literal_make_no_progress() {
        assert_eq!(progress(&json!({">": [{"+": [{"var": "user.ageDays"}, 1]}, 7]})), json!([]));
    }

    #[test]
    fn what_cannot_be_evaluated_admits_nobody_and_the_trace_tells_why() {
        let decision = decide(&json!({"-": [{"var": "user.id"}, 1]}));
        assert!(!decision.eligible);
        let Trace::Operation { value: Value::Null, error: Some(error), .. } = decision.trace else {
            panic!("{:?}", decision.trace)
        };
        assert!(!error.is_empty());
    }

    #[test]
    fn a_failure_inside_fails_the_whole_condition() {
        let decision = decide(&json!({"!": [{"+": ["a", 1]}]}));
        assert!(!decision.eligible);
        let trace = serde_json::to_value(decision.trace).unwrap();
        assert!(trace["error"].as_str().unwrap().contains("an argument could not be evaluated"), "{trace}");
        assert!(trace["arguments"][0]["error"].is_string());
    }

    #[test]
    fn a_failure_in_a_branch_not_taken_does_not_matter() {
        let failing = json!({"+": ["a", 1]});
        assert!(admits(&json!({"or": [true, failing]})));
        assert!(admits(&json!({"if": [true, true, failing]})));
        assert!(admits(&json!({"!": [{"and": [false, failing]}]})));
        assert!(!admits(&json!({"and": [true, failing]})));
    }

    #[test]
    fn numbers_too_large_to_write_are_failures() {
        let decision = decide(&json!({"*": [1e200, 1e200]}));
        assert!(!decision.eligible);
        let trace = serde_json::to_value(decision.trace).unwrap();
        assert_eq!(trace["error"], "the result is not a finite number");
    }

    #[test]
    fn falsy_values_admit_nobody() {
        for falsy in [json!([]), json!(""), json!(0), json!(null), json!(false)] {
            assert!(!admits(&json!({"or": [falsy]})), "{falsy}");
            assert!(admits(&json!({"!": [falsy]})), "{falsy}");
        }
        for truthy in [json!([0]), json!("0"), json!(-1), json!(0.5), json!(true)] {
            assert!(admits(&json!({"or": [truthy]})), "{truthy}");
        }
    }

    #[test]
    fn a_fact_alone_is_a_condition() {
        assert!(admits(&json!({"var": "user.roles"})));
        let mut nobody = facts();
        nobody.roles.clear();
        assert!(!Condition::parse(&json!({"var": "user.roles"})).unwrap().evaluate(&nobody).eligible);
    }

    #[test]
    fn lists_with_operations_in_them_are_traced_entry_by_entry() {
        let decision = decide(&json!({"in": [9, [1, {"var": "user.ageDays"}, {"+": [1, 1]}]]}));
        assert!(decision.eligible);
        let trace = serde_json::to_value(decision.trace).unwrap();
        assert_eq!(trace["arguments"][1][1], json!({"fact": "user.ageDays", "value": 9}));
        assert_eq!(trace["arguments"][1][2]["pointer"], "/in/1/2");
    }

    #[test]
    fn a_decision_survives_being_stored_as_json() {
        let deepest = (0..31).fold(json!({"var": "now"}), |inner, _| json!({ "!": [inner] }));
        let lists = (0..61).fold(json!({"var": "now"}), |inner, _| Value::Array(vec![inner]));
        for condition in
            [deepest, json!({"!": [{"+": ["a", 1]}]}), json!({"in": [1, [{"var": "user.ageDays"}]]})]
        {
            let decision = decide(&condition);
            let text = serde_json::to_string(&decision).unwrap();
            assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decision);
        }
        assert!(Condition::parse(&json!({"!!": [lists]})).is_err());
    }
}
