use serde_json::{Value, json};

use crate::{Condition, Facts};

use super::*;

/// The value of an operation without facts, which must be accepted; the failure's name if it fails.
fn result_of(operation: &Value) -> Value {
    let wrapped = Condition::parse(operation).expect("must be accepted");
    let nobody = Facts::new(String::new(), Vec::new(), 0, domain::Timestamp::from_millis(0));
    let trace = wrapped.explain(&wrapped.evaluate(&nobody), &nobody.to_json(&[]));
    serde_json::to_value(trace).unwrap()["value"].clone()
}

fn all_results(cases: &[(Value, Value)]) {
    for (operation, expected) in cases {
        assert_eq!(&result_of(operation), expected, "{operation}");
    }
}

#[test]
fn nothing_equals_a_value_of_another_type() {
    let values = [
        json!(null),
        json!(false),
        json!(0),
        json!(""),
        json!("0"),
        json!([]),
        json!([0]),
        json!(1),
        json!(true),
    ];
    for (left_at, left) in values.iter().enumerate() {
        for (right_at, right) in values.iter().enumerate() {
            for (equal, unequal) in [("==", "!="), ("===", "!==")] {
                let same = left_at == right_at;
                assert_eq!(result_of(&json!({ equal: [left, right] })), same, "{left} {right}");
                assert_eq!(result_of(&json!({ unequal: [left, right] })), !same, "{left} {right}");
            }
            let found = result_of(&json!({"in": [left, [right]]}));
            assert_eq!(found, left_at == right_at, "{left} in [{right}]");
        }
    }
}

#[test]
fn nothing_is_in_order_with_null_or_a_value_of_another_type() {
    let unordered = [json!(null), json!(true), json!(0), json!("0"), json!([0])];
    for operator in ["<", "<=", ">", ">="] {
        for (left_at, left) in unordered.iter().enumerate() {
            for (right_at, right) in unordered.iter().enumerate() {
                let same_order = left_at == right_at && matches!(left, Value::Number(_) | Value::String(_));
                let expected = same_order && operator.ends_with('=');
                assert_eq!(
                    result_of(&json!({ operator: [left, right] })),
                    expected,
                    "{left} {operator} {right}"
                );
            }
        }
        assert_eq!(result_of(&json!({ operator: [1, null, 3] })), false);
    }
}

#[test]
fn orders_hold_between_neighbours() {
    all_results(&[
        (json!({"<": [1, 2, 3]}), json!(true)),
        (json!({"<": [1, 3, 2]}), json!(false)),
        (json!({"<=": [1, 1, 2]}), json!(true)),
        (json!({">": [3, 2, 1]}), json!(true)),
        (json!({">=": [3, 3, 4]}), json!(false)),
        (json!({"<": ["10", "9"]}), json!(true)),
        (json!({"<": [10, 9]}), json!(false)),
    ]);
}

#[test]
fn arithmetic_is_exact() {
    all_results(&[
        (json!({"==": [{"+": vec![0.1; 10]}, 1]}), json!(true)),
        (json!({"==": [{"+": [0.1, 0.2]}, 0.3]}), json!(true)),
        (json!({"==": [10, 10.0]}), json!(true)),
        (json!({"-": [9_007_199_254_740_991_i64, 1]}), json!(9_007_199_254_740_990_i64)),
        (json!({">": [9_007_199_254_740_991_i64, 9_007_199_254_740_990_i64]}), json!(true)),
        (json!({"==": [{"+": [999_999_999.999_9, 0.000_1]}, 1_000_000_000]}), json!(true)),
        (json!({"*": [0.0001, 10_000]}), json!(1)),
        (json!({"/": [1, 4]}), json!(0.25)),
        (json!({"==": [{"*": [{"/": [1, 3]}, 3]}, 1]}), json!(false)),
        (json!({"%": [7.5, 2]}), json!(1.5)),
        (json!({"%": [-7, 2]}), json!(-1)),
        (json!({"-": [5]}), json!(-5)),
        (json!({"+": [5]}), json!(5)),
        (json!({"min": [3, 1.5, 2]}), json!(1.5)),
        (json!({"max": [3, 1.5, 2]}), json!(3)),
    ]);
}

#[test]
fn what_depends_on_null_is_null() {
    for operator in ["+", "*", "-", "/", "%", "min", "max"] {
        assert_eq!(result_of(&json!({ operator: [null, 0] })), Value::Null, "{operator}");
    }
    all_results(&[
        (json!({"cat": ["a", null]}), Value::Null),
        (json!({"substr": [null, 1]}), Value::Null),
        (json!({"substr": ["abc", null]}), Value::Null),
        (json!({"==": [{"+": [null, 1]}, null]}), json!(true)),
    ]);
}

#[test]
fn a_wrong_type_is_a_failure_even_beside_null() {
    let text = || Ok(OperandValue::Text("1".into()));
    let number = || Ok(OperandValue::Number(Decimal::ONE));
    for operator in [Operator::Add, Operator::Minimum, Operator::Divide] {
        for other in [OperandValue::Null, OperandValue::Number(Decimal::ONE)] {
            assert_eq!(apply_operator(operator, vec![Ok(other), text()]), Err(OperationFailure::WrongType));
        }
    }
    for arguments in [vec![text(), number()], vec![Ok(OperandValue::Null), Ok(OperandValue::Boolean(true))]] {
        assert_eq!(apply_operator(Operator::Concatenate, arguments), Err(OperationFailure::WrongType));
    }
    for arguments in [vec![number(), number()], vec![text(), text()]] {
        assert_eq!(apply_operator(Operator::Substring, arguments), Err(OperationFailure::WrongType));
    }
}

#[test]
fn logic_gives_the_value_that_decides() {
    all_results(&[
        (json!({"and": [1, "", 2]}), json!("")),
        (json!({"and": [1, "a"]}), json!("a")),
        (json!({"or": [0, "a", 1]}), json!("a")),
        (json!({"or": [0, []]}), json!([])),
        (json!({"if": [0, 1, "x", 2, 3]}), json!(2)),
        (json!({"if": [0, 1, "", 2, 3]}), json!(3)),
        (json!({"if": [0, 1]}), Value::Null),
        (json!({"!": ["0"]}), json!(false)),
        (json!({"!!": [[]]}), json!(false)),
    ]);
}

#[test]
fn membership_looks_into_lists_and_texts_only() {
    all_results(&[
        (json!({"in": [2, [1, 2.0]]}), json!(true)),
        (json!({"in": [[1], [[1.0]]]}), json!(true)),
        (json!({"in": ["ell", "hello"]}), json!(true)),
        (json!({"in": ["", "hello"]}), json!(true)),
        (json!({"in": [1, "1"]}), json!(false)),
        (json!({"in": [null, null]}), json!(false)),
        (json!({"in": [1, 1]}), json!(false)),
    ]);
}

#[test]
fn texts_are_cut_by_characters() {
    all_results(&[
        (json!({"cat": ["가", "나"]}), json!("가나")),
        (json!({"substr": ["가나다라", 1]}), json!("나다라")),
        (json!({"substr": ["가나다라", -2]}), json!("다라")),
        (json!({"substr": ["가나다라", 1, 2]}), json!("나다")),
        (json!({"substr": ["가나다라", 1, -1]}), json!("나다")),
        (json!({"substr": ["가나다라", -3, -2]}), json!("나")),
        (json!({"substr": ["가나다라", 9]}), json!("")),
        (json!({"substr": ["가나다라", -9, 2.0]}), json!("가나")),
        (json!({"substr": ["가나다라", 0, 0]}), json!("")),
        (json!({"substr": ["가나다라", 3, -2]}), json!("")),
        (json!({"substr": ["가나다라", 1, 9_007_199_254_740_991_i64]}), json!("나다라")),
    ]);
}
