//! Refuses comparisons that can never mean what their author hoped for, as far as facts and literals show it.

use serde_json::Value;

use crate::{
    check::{Expression, Kind},
    fact::{Fact, ROLES, instant},
    fault::Fault,
    operator::{Family, Operator},
};

/// Checks the arguments of one operation; those that had faults of their own are none.
pub(crate) fn check(operator: &Operator, arguments: &[Option<Expression>], faults: &mut Vec<Fault>) {
    match operator.family {
        Family::Equality | Family::Ordering => {
            refuse_roles(operator, arguments, faults);
            comparison(operator, arguments, faults);
        }
        Family::Arithmetic => refuse_roles(operator, arguments, faults),
        Family::Membership => membership(operator, arguments, faults),
        Family::Variable | Family::Logic | Family::Text => {}
    }
}

fn refuse_roles(operator: &Operator, arguments: &[Option<Expression>], faults: &mut Vec<Fault>) {
    for argument in arguments.iter().flatten() {
        if matches!(argument.kind, Kind::Fact(Fact::UserRoles)) {
            let message = format!(
                "user.roles is a list and cannot be used here with {:?}; write {{\"in\": [\"USER\", {{\"var\": \
                 \"user.roles\"}}]}}",
                operator.name
            );
            faults.push(Fault::new(&argument.pointer, message));
        }
    }
}

fn membership(operator: &Operator, arguments: &[Option<Expression>], faults: &mut Vec<Fault>) {
    let [needle, haystack] = arguments else { return };
    refuse_roles(operator, std::slice::from_ref(needle), faults);
    let (Some(needle), Some(haystack)) = (needle, haystack) else { return };
    let (Kind::Literal(literal), Kind::Fact(Fact::UserRoles)) = (&needle.kind, &haystack.kind) else {
        return;
    };
    if !literal.as_str().is_some_and(|role| ROLES.contains(&role)) {
        let message = format!("{literal} is not a role; roles: {}", ROLES.join(", "));
        faults.push(Fault::new(&needle.pointer, message));
    }
}

fn comparison(operator: &Operator, arguments: &[Option<Expression>], faults: &mut Vec<Fault>) {
    let arguments: Vec<_> = arguments.iter().flatten().collect();
    let names =
        |fact| arguments.iter().any(|argument| matches!(argument.kind, Kind::Fact(named) if named == fact));
    for fact in Fact::ALL.into_iter().filter(|fact| names(*fact)) {
        for argument in &arguments {
            if let Some(message) = mismatch(operator, fact, &argument.kind) {
                faults.push(Fault::new(&argument.pointer, message));
            }
        }
    }
}

/// What is wrong with comparing the fact to this, if anything is known to be.
fn mismatch(operator: &Operator, fact: Fact, other: &Kind) -> Option<String> {
    match (fact, other) {
        (Fact::Now, Kind::Fact(Fact::Now)) => None,
        (Fact::Now, Kind::Literal(Value::String(text))) if instant(text).is_some() => None,
        // Computed text would compare letter by letter and get offsets wrong, so only literals will do.
        (Fact::Now, _) => Some(
            "now is only comparable to an RFC 3339 time with an offset, written out such as \
             \"2026-06-01T00:00:00+09:00\""
                .to_owned(),
        ),
        (Fact::UserAgeDays, Kind::Literal(literal)) if !is_number(operator, literal) => Some(format!(
            "user.ageDays is a number and cannot be compared to {literal}; write a number such as 7"
        )),
        (Fact::UserId, Kind::Literal(literal)) if !is_id(literal) => {
            Some(format!("user.id cannot equal {literal}; an id is text of 24 lower-case hexadecimal digits"))
        }
        _ => None,
    }
}

/// Text that reads as a number is one, except to the operators that ask for the same type.
fn is_number(operator: &Operator, literal: &Value) -> bool {
    let strict = matches!(operator.name, "===" | "!==");
    match literal {
        Value::Number(_) => true,
        Value::String(text) if !strict => text.parse().is_ok_and(f64::is_finite),
        _ => false,
    }
}

fn is_id(literal: &Value) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    literal.as_str().is_some_and(|text| text.len() == 24 && text.bytes().all(is_digit))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{check::read, fault::child};

    use super::*;

    const ID: &str = "665f1c2e8b3e4a0012345678";

    fn faults(condition: &Value) -> Vec<(String, String)> {
        let faults = read(condition).err().unwrap_or_default();
        faults.into_iter().map(|fault| (fault.pointer, fault.message)).collect()
    }

    /// Both ways around.
    fn compared(operator: &str, fact: &str, other: &Value) -> [Value; 2] {
        [json!({ operator: [{"var": fact}, other] }), json!({ operator: [other, {"var": fact}] })]
    }

    fn refused(fact: &str, other: &Value, expected: &str) {
        for operator in ["==", "===", "!=", "!==", "<", "<=", ">", ">="] {
            for (condition, place) in compared(operator, fact, other).into_iter().zip(["1", "0"]) {
                let faults = faults(&condition);
                assert_eq!(faults.len(), 1, "{condition}");
                assert_eq!(faults[0].0, format!("/{operator}/{place}"));
                assert!(faults[0].1.contains(expected), "{faults:?}");
            }
        }
    }

    fn accepted(fact: &str, other: &Value) {
        for operator in ["==", "!=", "<", "<=", ">", ">="] {
            for condition in compared(operator, fact, other) {
                assert_eq!(faults(&condition), [], "{condition}");
            }
        }
    }

    #[test]
    fn now_is_compared_to_rfc3339_times_only() {
        accepted("now", &json!("2026-06-01T00:00:00+09:00"));
        accepted("now", &json!("2026-05-31T15:00:00.5Z"));
        for other in
            [json!("2026-06-01"), json!("soon"), json!(1_780_000_000), json!(true), json!(null), json!([])]
        {
            refused("now", &other, "only comparable to an RFC 3339 time");
        }
    }

    #[test]
    fn now_is_not_compared_to_computed_text() {
        refused("now", &json!({"cat": ["2026-06-01", "T00:00:00Z"]}), "only comparable to an RFC 3339 time");
        refused("now", &json!({"var": "user.ageDays"}), "only comparable to an RFC 3339 time");
    }

    #[test]
    fn each_end_of_a_range_of_times_is_checked() {
        let condition = json!({"<=": ["yesterday", {"var": "now"}, 5]});
        let pointers: Vec<_> = faults(&condition).into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(pointers, ["/<=/0", "/<=/2"]);
    }

    #[test]
    fn the_age_is_compared_to_numbers_only() {
        accepted("user.ageDays", &json!(7));
        accepted("user.ageDays", &json!(7.5));
        accepted("user.ageDays", &json!("7"));
        accepted("user.ageDays", &json!({"+": [3, 4]}));
        for other in [json!("a week"), json!("inf"), json!(true), json!(null), json!([7])] {
            refused("user.ageDays", &other, "is a number and cannot be compared to");
        }
    }

    #[test]
    fn strict_equality_takes_no_text_for_a_number() {
        for operator in ["===", "!=="] {
            assert_eq!(faults(&json!({ operator: [{"var": "user.ageDays"}, "7"] })).len(), 1);
            assert_eq!(faults(&json!({ operator: [{"var": "user.ageDays"}, 7] })), []);
        }
    }

    #[test]
    fn the_id_is_compared_to_ids_only() {
        accepted("user.id", &json!(ID));
        for other in [json!("me"), json!(ID.to_uppercase()), json!(ID[1..]), json!(7), json!(null)] {
            refused("user.id", &other, "24 lower-case hexadecimal digits");
        }
    }

    #[test]
    fn roles_are_looked_for_by_known_names() {
        for role in ROLES {
            assert_eq!(faults(&json!({"in": [role, {"var": "user.roles"}]})), []);
        }
        for needle in [json!("user"), json!("GUEST"), json!(1), json!(null), json!(["USER"])] {
            let faults = faults(&json!({"in": [needle, {"var": "user.roles"}]}));
            assert_eq!(faults.len(), 1, "{needle}");
            assert_eq!(faults[0].0, "/in/0");
            assert!(
                faults[0].1.ends_with("is not a role; roles: USER, OPERATOR, AUDITOR, ADMIN"),
                "{faults:?}"
            );
        }
    }

    #[test]
    fn a_computed_role_is_left_to_evaluation() {
        assert_eq!(faults(&json!({"in": [{"cat": ["US", "ER"]}, {"var": "user.roles"}]})), []);
    }

    #[test]
    fn roles_cannot_be_compared_or_counted_with() {
        for operator in
            ["==", "===", "!=", "!==", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "min", "max"]
        {
            let faults = faults(&json!({ operator: [{"var": "user.roles"}, 1] }));
            assert_eq!(faults.len(), 1, "{operator}");
            assert_eq!(faults[0].0, child(&child("", operator), "0"));
            assert!(faults[0].1.starts_with("user.roles is a list"), "{faults:?}");
        }
    }

    #[test]
    fn roles_are_searched_and_not_searched_for() {
        let faults = faults(&json!({"in": [{"var": "user.roles"}, ["USER"]]}));
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].0, "/in/0");
    }

    #[test]
    fn arguments_beside_a_broken_one_are_still_checked() {
        let pointers: Vec<_> = faults(&json!({"<": [{"nope": 1}, {"var": "now"}, 7]}))
            .into_iter()
            .map(|(pointer, _)| pointer)
            .collect();
        assert_eq!(pointers, ["/</0/nope", "/</2"]);
    }
}
