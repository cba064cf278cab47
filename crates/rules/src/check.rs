use serde_json::{Map, Number, Value};

use crate::{
    fact::Fact,
    fault::{Fault, child},
    kinds,
    operator::{Family, Operator},
};

/// Objects and arrays within each other. An operation counts as an object and the list of its arguments even where the
/// list's brackets are left out, so that a trace is never nested deeper than JSON readers go.
const MAX_LEVELS: usize = 64;
const MAX_BYTES: usize = 16 * 1024;

/// A part of a condition that obeys the rules, and where it stands.
pub(crate) struct Expression {
    pub(crate) pointer: String,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    /// Anything without an operation in it.
    Literal(Value),
    /// An array with an operation somewhere in it.
    List(Vec<Expression>),
    Fact(Fact),
    Operation(&'static Operator, Vec<Expression>),
}

/// Checks a condition; none is the empty one.
pub(crate) fn read(condition: &Value) -> Result<Option<Expression>, Vec<Fault>> {
    let Value::Object(members) = condition else {
        let message = "must be an object: a JsonLogic rule such as {\"in\": [\"USER\", {\"var\": \"user.roles\"}]}, or {} \
                       to admit everybody";
        return Err(vec![Fault::new("", message)]);
    };
    if members.is_empty() {
        return Ok(None);
    }
    // Writing a value recurses, so only one known to be shallow may be measured.
    if is_shallow(condition) {
        let length = condition.to_string().len();
        if length > MAX_BYTES {
            let message = format!("is {length} bytes of JSON; at most {MAX_BYTES} are allowed");
            return Err(vec![Fault::new("", message)]);
        }
    }
    let mut reader = Reader { faults: Vec::new() };
    let expression = reader.object(members, String::new(), 1);
    if reader.faults.is_empty() { Ok(expression) } else { Err(reader.faults) }
}

/// Whether every store and the engine take the number as it is: a 64-bit signed integer or a finite float.
fn is_storable(number: &Number) -> bool {
    number.is_i64() || (number.is_f64() && number.as_f64().is_some_and(f64::is_finite))
}

/// Iterates instead of recursing: the value may be deeper than the stack.
fn is_shallow(value: &Value) -> bool {
    let mut open = vec![(value, 1)];
    while let Some((value, level)) = open.pop() {
        if level > MAX_LEVELS {
            return false;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, level + 1))),
            Value::Object(members) => open.extend(members.values().map(|member| (member, level + 1))),
            _ => {}
        }
    }
    true
}

/// Collects faults; whatever has one reads as none, and reading goes on beside it.
struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    fn fault(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.faults.push(Fault::new(pointer, message));
    }

    fn value(&mut self, value: &Value, pointer: String, level: usize) -> Option<Expression> {
        match value {
            Value::Object(members) => self.object(members, pointer, level),
            Value::Array(items) => self.list(items, pointer, level),
            Value::Number(number) if !is_storable(number) => {
                self.fault(pointer, "must be a finite number, and below 2^63 if it is whole");
                None
            }
            scalar => Some(Expression { pointer, kind: Kind::Literal(scalar.clone()) }),
        }
    }

    fn list(&mut self, items: &[Value], pointer: String, level: usize) -> Option<Expression> {
        if level > MAX_LEVELS {
            self.too_deep(pointer);
            return None;
        }
        let read: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.value(item, child(&pointer, &index.to_string()), level + 1))
            .collect();
        let items: Vec<_> = read.into_iter().collect::<Option<_>>()?;
        let kind = match all_literals(&items) {
            Some(values) => Kind::Literal(Value::Array(values)),
            None => Kind::List(items),
        };
        Some(Expression { pointer, kind })
    }

    fn object(&mut self, members: &Map<String, Value>, pointer: String, level: usize) -> Option<Expression> {
        if level + 1 > MAX_LEVELS {
            self.too_deep(pointer);
            return None;
        }
        if members.len() != 1 {
            let found: Vec<_> = members.keys().map(String::as_str).collect();
            let message = if found.is_empty() {
                "must be an operation such as {\"var\": \"now\"}; {} is only allowed as the whole condition"
                    .to_owned()
            } else {
                format!("must have exactly one operator, found {}: {}", found.len(), found.join(", "))
            };
            self.fault(&pointer, message);
        }
        let read: Vec<_> =
            members.iter().map(|(name, value)| self.operation(name, value, &pointer, level)).collect();
        match <[_; 1]>::try_from(read) {
            Ok([Some(kind)]) => Some(Expression { pointer, kind }),
            _ => None,
        }
    }

    fn operation(&mut self, name: &str, value: &Value, pointer: &str, level: usize) -> Option<Kind> {
        let place = child(pointer, name);
        let Some(operator) = Operator::named(name) else {
            self.fault(place, format!("{name:?} is not a known operator; known: {}", Operator::names()));
            return None;
        };
        let arguments: Vec<(&Value, String)> = match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| (item, child(&place, &index.to_string())))
                .collect(),
            // JsonLogic's shorthand: a single argument needs no brackets.
            single => vec![(single, place.clone())],
        };
        let fits = operator.takes(arguments.len());
        if !fits {
            self.fault(place, format!("{name:?} takes {}, found {}", operator.arity(), arguments.len()));
        }
        if operator.family == Family::Variable {
            return self.variable(arguments, level).filter(|_| fits);
        }
        let read: Vec<_> =
            arguments.into_iter().map(|(value, place)| self.value(value, place, level + 2)).collect();
        kinds::check(operator, &read, &mut self.faults);
        let arguments = read.into_iter().collect::<Option<Vec<_>>>()?;
        fits.then_some(Kind::Operation(operator, arguments))
    }

    /// The default is checked and then dropped: known facts always have a value.
    fn variable(&mut self, arguments: Vec<(&Value, String)>, level: usize) -> Option<Kind> {
        let mut arguments = arguments.into_iter();
        let (path, place) = arguments.next()?;
        for (default, place) in arguments {
            self.value(default, place, level + 2);
        }
        let Value::String(path) = path else {
            self.fault(
                place,
                format!("must be the name of a fact as literal text; known: {}", Fact::names()),
            );
            return None;
        };
        if let Some(fact) = Fact::named(path) {
            return Some(Kind::Fact(fact));
        }
        let problem = match path.split('.').next() {
            Some("activity" | "attributes") => "is not available yet; available",
            _ => "is not a known fact; known",
        };
        self.fault(place, format!("{path:?} {problem}: {}", Fact::names()));
        None
    }

    fn too_deep(&mut self, pointer: String) {
        let message = format!(
            "is nested deeper than {MAX_LEVELS} levels; each object and each list of arguments is a level"
        );
        self.fault(pointer, message);
    }
}

fn all_literals(items: &[Expression]) -> Option<Vec<Value>> {
    items
        .iter()
        .map(|item| match &item.kind {
            Kind::Literal(value) => Some(value.clone()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(condition: &Value) -> Vec<Fault> {
        read(condition).map(|_| ()).expect_err("must be refused")
    }

    /// The only fault, as pointer and message.
    fn fault(condition: &Value) -> (String, String) {
        let [fault] = <[_; 1]>::try_from(faults(condition)).expect("one fault");
        (fault.pointer, fault.message)
    }

    fn accepts(condition: &Value) -> bool {
        read(condition).is_ok()
    }

    fn nested(levels: usize) -> Value {
        let mut value = json!(true);
        for _ in 0..levels / 2 {
            let mut members = Map::new();
            members.insert("!".to_owned(), Value::Array(vec![value]));
            value = Value::Object(members);
        }
        value
    }

    #[test]
    fn the_empty_object_is_everybody() {
        assert!(matches!(read(&json!({})), Ok(None)));
    }

    #[test]
    fn a_condition_must_be_an_object() {
        for odd in [json!(null), json!(true), json!(1), json!("x"), json!([]), json!([{"var": "now"}])] {
            let (pointer, message) = fault(&odd);
            assert_eq!(pointer, "");
            assert!(message.starts_with("must be an object"), "{message}");
        }
    }

    #[test]
    fn whole_numbers_beyond_64_bits_are_refused() {
        assert!(accepts(&json!({"<": [{"var": "user.ageDays"}, i64::MAX]})));
        let (pointer, message) = fault(&json!({"<": [{"var": "user.ageDays"}, 1_u64 << 63]}));
        assert_eq!(pointer, "/</1");
        assert!(message.contains("below 2^63"), "{message}");
    }

    #[test]
    fn an_empty_object_inside_is_no_operation() {
        let (pointer, message) = fault(&json!({"and": [{}]}));
        assert_eq!(pointer, "/and/0");
        assert!(message.contains("only allowed as the whole condition"), "{message}");
    }

    #[test]
    fn an_operation_has_exactly_one_operator() {
        let (pointer, message) = fault(&json!({"and": [true], "or": [true]}));
        assert_eq!(pointer, "");
        assert_eq!(message, "must have exactly one operator, found 2: and, or");
    }

    #[test]
    fn an_unknown_operator_is_refused_and_the_known_ones_are_listed() {
        for name in ["map", "argument", "val", "AND", ""] {
            let (pointer, message) = fault(&json!({ name: [1, 2] }));
            assert_eq!(pointer, format!("/{name}"));
            assert!(message.contains("is not a known operator; known: var, ==, ===, "), "{message}");
        }
    }

    #[test]
    fn pointers_escape_operators_with_slashes() {
        assert_eq!(fault(&json!({"/": [1, {"nope": 1}]})).0, "/~1/1/nope");
    }

    #[test]
    fn the_number_of_arguments_is_checked() {
        for odd in [
            json!({"<": [1]}),
            json!({"<": [1, 2, 3, 4]}),
            json!({"==": [1, 2, 3]}),
            json!({"!": []}),
            json!({"!!": [1, 2]}),
            json!({"in": ["a"]}),
            json!({"if": [true]}),
            json!({"and": []}),
            json!({"or": []}),
            json!({"-": [1, 2, 3]}),
            json!({"/": [1]}),
            json!({"%": [1]}),
            json!({"min": []}),
            json!({"cat": []}),
            json!({"substr": ["a"]}),
            json!({"var": []}),
            json!({"var": ["now", 1, 2]}),
        ] {
            let (_, message) = fault(&odd);
            assert!(message.contains(" takes ") && message.contains(", found "), "{odd}: {message}");
        }
        assert_eq!(fault(&json!({"<": 1})), ("/<".into(), "\"<\" takes 2 or 3 arguments, found 1".into()));
    }

    #[test]
    fn a_single_argument_needs_no_brackets() {
        for short in [json!({"!": true}), json!({"var": "now"}), json!({"and": {"!!": 1}}), json!({"max": 1})]
        {
            assert!(accepts(&short), "{short}");
        }
    }

    #[test]
    fn a_variable_must_name_a_known_fact() {
        for name in ["user.id", "user.roles", "user.ageDays", "now"] {
            assert!(accepts(&json!({"var": name})), "{name}");
        }
        let expected = "\"user.name\" is not a known fact; known: user.id, user.roles, user.ageDays, now";
        assert_eq!(fault(&json!({"!": {"var": ["user.name"]}})), ("/!/var/0".into(), expected.into()));
        for name in ["", "user", "now.year", "user.roles.0", "0"] {
            assert!(fault(&json!({"var": name})).1.contains("is not a known fact"), "{name}");
        }
    }

    #[test]
    fn facts_to_come_are_refused_by_name() {
        for name in ["activity.loginDays", "attributes.tier", "activity"] {
            let (pointer, message) = fault(&json!({"var": name}));
            assert_eq!(pointer, "/var");
            assert!(message.starts_with(&format!("{name:?} is not available yet")), "{message}");
        }
    }

    #[test]
    fn a_variable_path_must_be_literal_text() {
        for path in [json!(0), json!(null), json!({"cat": ["n", "ow"]}), json!([["now"]])] {
            assert!(fault(&json!({"var": path})).1.contains("as literal text"), "{path}");
        }
    }

    #[test]
    fn the_default_of_a_variable_is_checked_too() {
        assert!(accepts(&json!({"var": ["user.ageDays", 0]})));
        assert_eq!(fault(&json!({"var": ["user.ageDays", {"nope": 1}]})).0, "/var/1/nope");
    }

    #[test]
    fn every_fault_is_reported() {
        let condition = json!({"and": [
            {"nope": 1},
            {"<": [{"var": "user.name"}]},
            [{"!": []}, {"a": 1, "b": 2}],
            {"==": [{"var": "user.id"}, {"var": "now"}, "me"]},
        ]});
        let pointers: Vec<_> = faults(&condition).into_iter().map(|fault| fault.pointer).collect();
        let expected = [
            "/and/0/nope",
            "/and/1/<",
            "/and/1/</0/var",
            "/and/2/0/!",
            "/and/2/1",
            "/and/2/1/a",
            "/and/2/1/b",
            "/and/3/==",
            "/and/3/==/2",
            "/and/3/==/0",
            "/and/3/==/2",
        ];
        assert_eq!(pointers, expected);
    }

    #[test]
    fn sixty_four_levels_are_allowed_and_no_more() {
        assert!(accepts(&nested(64)));
        let (pointer, message) = fault(&nested(66));
        assert_eq!(pointer, "/!/0".repeat(32));
        assert!(message.contains("deeper than 64 levels"), "{message}");
    }

    #[test]
    fn lists_count_as_levels_too() {
        let lists = |levels: usize| {
            let list = (0..levels).fold(json!(1), |inner, _| Value::Array(vec![inner]));
            json!({"!!": [list]})
        };
        assert!(accepts(&lists(62)));
        assert!(fault(&lists(63)).1.contains("deeper than 64 levels"));
    }

    #[test]
    fn brackets_left_out_do_not_allow_deeper_nesting() {
        let short = (0..33).fold(json!(true), |inner, _| json!({ "!": inner }));
        assert!(fault(&short).1.contains("deeper than 64 levels"));
    }

    #[test]
    fn nesting_without_end_does_not_exhaust_the_stack() {
        for levels in [2_000, 100_000] {
            let deep = nested(levels);
            assert!(fault(&deep).1.contains("deeper than 64 levels"));
            // Dropping a value recurses.
            std::mem::forget(deep);
        }
    }

    #[test]
    fn sixteen_kibibytes_are_allowed_and_no_more() {
        let sized = |bytes: usize| json!({"!!": "x".repeat(bytes - r#"{"!!":""}"#.len())});
        assert!(accepts(&sized(16 * 1024)));
        let (pointer, message) = fault(&sized(16 * 1024 + 1));
        assert_eq!(pointer, "");
        assert!(message.contains("is 16385 bytes of JSON; at most 16384"), "{message}");
    }
}
