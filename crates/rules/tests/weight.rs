//! What a condition says it weighs, held against what an allocator counts. Alone in its process, since the
//! allocator counts for all threads.

use std::alloc::System;

use cap::Cap;
use rules::Condition;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// As long a condition as is allowed, made of copies of a part.
fn filled_with(part: &Value) -> Value {
    json!({ "and": vec![part; 16_370 / (part.to_string().len() + 1)] })
}

fn long_activity(at: u32) -> Value {
    json!({"var": format!("activity.{}{at}.streak", "x".repeat(60))})
}

#[test]
fn a_condition_weighs_what_it_takes_and_not_much_more() {
    for source in [
        json!({}),
        json!({">=": [{"var": "user.ageDays"}, 7]}),
        filled_with(&json!({"!": 1})),
        filled_with(&json!({"!": {"!": {"!": [[]]}}})),
        filled_with(&json!(1)),
        filled_with(&json!("")),
        filled_with(&json!("a text")),
        filled_with(&json!([])),
        filled_with(&json!({"<": [{"var": "now"}, "2026-06-01T00:00:00Z"]})),
        filled_with(&json!({"var": "attributes.a"})),
        json!({ "and": (0..600).map(|at| json!({"var": format!("attributes.a{at}")})).collect::<Vec<_>>() }),
        filled_with(&json!({"var": ["attributes.a", "none"]})),
        json!({ "and": (0..150).map(long_activity).collect::<Vec<_>>() }),
    ] {
        let before = ALLOCATOR.allocated();
        let condition = Condition::parse(&source).expect("must be accepted");
        let taken = ALLOCATOR.allocated() - before;
        let weight = condition.weight();
        assert!(weight >= taken, "{weight} < {taken}");
        assert!(weight <= 2 * taken + 128, "{weight} > 2 * {taken}");
        assert!(weight < 512 * 1024, "{weight}");
    }
}
