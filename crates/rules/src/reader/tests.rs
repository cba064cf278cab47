use serde_json::json;

use super::*;

fn faults_of(condition: &Value) -> Vec<ConditionFault> {
    read_condition(condition).faults
}

/// The only fault, as pointer and message.
fn only_fault(condition: &Value) -> (String, String) {
    let [fault] = <[_; 1]>::try_from(faults_of(condition)).expect("one fault");
    (fault.pointer, fault.message)
}

fn is_accepted(condition: &Value) -> bool {
    faults_of(condition).is_empty()
}

fn nested_operations(levels: usize) -> Value {
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
    assert!(read_condition(&json!({})).expression.is_none() && is_accepted(&json!({})));
}

#[test]
fn a_condition_must_be_an_object() {
    for odd in [json!(null), json!(true), json!(1), json!("x"), json!([]), json!([{"var": "now"}])] {
        let (pointer, message) = only_fault(&odd);
        assert_eq!(pointer, "");
        assert!(message.starts_with("must be an object"), "{message}");
    }
}

#[test]
fn whole_numbers_beyond_53_bits_are_refused_however_they_are_written() {
    for (number, accepted) in [
        ("9007199254740991", true),
        ("-9007199254740991", true),
        ("9007199254740991.0", true),
        ("9007199254740992", false),
        ("-9007199254740992", false),
        ("9007199254740992.0", false),
        ("9223372036854775807", false),
        ("18446744073709551615", false),
        ("1e300", false),
        ("1e-30", false),
    ] {
        for condition in [
            format!(r#"{{"<":[{{"var":"user.ageDays"}},{number}]}}"#),
            format!(r#"{{"in":[1,[[{number}]]]}}"#),
            format!(r#"{{"!":{{"var":["user.ageDays",{number}]}}}}"#),
        ] {
            let faults = faults_of(&serde_json::from_str(&condition).unwrap());
            assert_eq!(faults.is_empty(), accepted, "{condition}");
            assert!(faults.iter().all(|fault| fault.message == NUMBER_RULE), "{faults:?}");
        }
    }
    assert_eq!(only_fault(&json!({"<": [1, 1_u64 << 53]})).0, "/</1");
}

#[test]
fn an_empty_object_inside_is_no_operation() {
    let (pointer, message) = only_fault(&json!({"and": [{}]}));
    assert_eq!(pointer, "/and/0");
    assert!(message.contains("only allowed as the whole condition"), "{message}");
}

#[test]
fn an_operation_has_exactly_one_operator() {
    let (pointer, message) = only_fault(&json!({"and": [true], "or": [true]}));
    assert_eq!(pointer, "");
    assert_eq!(message, "must have exactly one operator, found 2: and, or");
}

#[test]
fn an_unknown_operator_is_refused_and_the_known_ones_are_listed() {
    for name in ["map", "argument", "val", "AND", ""] {
        let (pointer, message) = only_fault(&json!({ name: [1, 2] }));
        assert_eq!(pointer, format!("/{name}"));
        assert!(message.contains("is not a known operator; known: var, ==, ===, "), "{message}");
    }
}

#[test]
fn pointers_escape_operators_with_slashes() {
    assert_eq!(only_fault(&json!({"/": [1, {"nope": 1}]})).0, "/~1/1/nope");
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
        let (_, message) = only_fault(&odd);
        assert!(message.contains(" takes ") && message.contains(", found "), "{odd}: {message}");
    }
    assert_eq!(only_fault(&json!({"<": 1})), ("/<".into(), "\"<\" takes 2 or 3 arguments, found 1".into()));
}

#[test]
fn a_single_argument_needs_no_brackets() {
    for short in [json!({"!": true}), json!({"var": "now"}), json!({"and": {"!!": 1}}), json!({"max": 1})] {
        assert!(is_accepted(&short), "{short}");
    }
}

#[test]
fn a_variable_must_name_a_known_fact() {
    for name in ["user.id", "user.roles", "user.ageDays", "now"] {
        assert!(is_accepted(&json!({"var": name})), "{name}");
    }
    let expected = "\"user.name\" is not a known fact; known: user.id, user.roles, user.ageDays, now, \
                    activity.<type>.count|sum|max|days|streak, attributes.<name>";
    assert_eq!(only_fault(&json!({"!": {"var": ["user.name"]}})), ("/!/var/0".into(), expected.into()));
    for name in ["", "user", "now.year", "user.roles.0", "0"] {
        assert!(only_fault(&json!({"var": name})).1.contains("is not a known fact"), "{name}");
    }
}

#[test]
fn what_is_almost_a_fact_is_refused_with_what_would_be_right() {
    for (name, right) in [
        ("activity.login.streaks", "measures: count, sum, max, days, streak"),
        ("attributes.guild-rank", "letters, digits and _"),
        ("activity", "such as activity.login.streak"),
    ] {
        let (pointer, message) = only_fault(&json!({"var": name}));
        assert_eq!(pointer, "/var");
        assert!(message.contains(right), "{message}");
    }
}

#[test]
fn a_variable_path_must_be_literal_text() {
    for path in [json!(0), json!(null), json!({"cat": ["n", "ow"]}), json!([["now"]])] {
        assert!(only_fault(&json!({"var": path})).1.contains("as literal text"), "{path}");
    }
}

#[test]
fn the_default_of_a_variable_is_checked_too() {
    assert!(is_accepted(&json!({"var": ["user.ageDays", 0]})));
    assert_eq!(only_fault(&json!({"var": ["user.ageDays", {"nope": 1}]})).0, "/var/1/nope");
}

#[test]
fn the_default_of_a_fact_that_can_be_null_is_a_value_it_could_have() {
    for default in [json!(0), json!("none"), json!(false), json!(null)] {
        assert!(is_accepted(&json!({"var": ["attributes.level", default]})), "{default}");
    }
    for default in [json!([]), json!({"var": "user.ageDays"}), json!({"+": 1})] {
        let (pointer, message) = only_fault(&json!({"!": {"var": ["attributes.level", default]}}));
        assert_eq!(
            (pointer.as_str(), message.starts_with("a default must be")),
            ("/!/var/1", true),
            "{default}"
        );
    }
    assert!(is_accepted(&json!({"var": ["activity.score.max", 0]})));
    let (_, message) = only_fault(&json!({"var": ["activity.score.max", "0"]}));
    assert_eq!(message, "activity.score.max is a number, and so must its default be");
}

#[test]
fn every_fault_is_reported() {
    let condition = json!({"and": [
        {"nope": 1},
        {"<": [{"var": "user.name"}]},
        [{"!": []}, {"a": 1, "b": 2}],
        {"==": [{"var": "user.id"}, {"var": "now"}, "me"]},
    ]});
    let pointers: Vec<_> = faults_of(&condition).into_iter().map(|fault| fault.pointer).collect();
    let expected = [
        "/and/0/nope",
        "/and/1/<",
        "/and/1/</0/var",
        "/and/2/0/!",
        "/and/2/1",
        "/and/2/1/a",
        "/and/2/1/b",
        "/and/3/==",
        "/and/3/==/0",
        "/and/3/==/2",
    ];
    assert_eq!(pointers, expected);
}

#[test]
fn sixty_four_levels_are_allowed_and_no_more() {
    assert!(is_accepted(&nested_operations(64)));
    let (pointer, message) = only_fault(&nested_operations(66));
    assert_eq!(pointer, "/!/0".repeat(32));
    assert!(message.contains("deeper than 64 levels"), "{message}");
}

#[test]
fn lists_count_as_levels_too() {
    let lists = |levels: usize| {
        let list = (0..levels).fold(json!(1), |inner, _| Value::Array(vec![inner]));
        json!({"!!": [list]})
    };
    assert!(is_accepted(&lists(62)));
    assert!(only_fault(&lists(63)).1.contains("deeper than 64 levels"));
}

#[test]
fn brackets_left_out_do_not_allow_deeper_nesting() {
    let short = (0..33).fold(json!(true), |inner, _| json!({ "!": inner }));
    assert!(only_fault(&short).1.contains("deeper than 64 levels"));
}

#[test]
fn nesting_without_end_does_not_exhaust_the_stack() {
    for levels in [2_000, 100_000] {
        let deep = nested_operations(levels);
        let (_, message) = only_fault(&deep);
        assert!(message.contains("deeper than 64 levels") || message.contains("at most 16384 bytes"));
        // Dropping a value recurses.
        std::mem::forget(deep);
    }
}

#[test]
fn sixteen_kibibytes_are_allowed_and_no_more() {
    let texts = |bytes: usize| json!({"!!": "x".repeat(bytes - r#"{"!!":""}"#.len())});
    let escaped = |bytes: usize| json!({"!!": ["\n".repeat((bytes - r#"{"!!":["",1]}"#.len()) / 2), 1]});
    let lists = |bytes: usize| json!({"!!": [vec![json!([]); (bytes - r#"{"!!":[[]]}"#.len()) / 3]]});
    let names = |bytes: usize| json!({ "x".repeat(bytes - r#"{"":1}"#.len()): 1 });
    let is_length = |fault: &ConditionFault| fault.message == "must be at most 16384 bytes of JSON";
    for sized in [&texts as &dyn Fn(usize) -> Value, &escaped, &lists, &names] {
        assert!(!faults_of(&sized(16 * 1024)).iter().any(is_length));
        assert!(faults_of(&sized(16 * 1024 + 6)).iter().all(is_length));
        assert_eq!(faults_of(&sized(16 * 1024 + 6))[0].pointer, "");
    }
    assert!(is_accepted(&texts(16 * 1024)));
    assert!(!is_accepted(&texts(16 * 1024 + 1)));
}

#[test]
fn a_deep_branch_does_not_lift_the_limit_of_length() {
    let long = json!({"and": [nested_operations(100), "x".repeat(20_000)]});
    let (pointer, message) = only_fault(&long);
    assert_eq!((pointer.as_str(), message.as_str()), ("", "must be at most 16384 bytes of JSON"));
}

#[test]
fn the_length_is_measured_as_json_writes_it() {
    let odd = json!({"and": [[], {}, [1, -2.5, null, true], {"a\"": "\u{1}가", "b": {"c": []}}, ""]});
    let padded = |pad: usize| json!({"and": [odd, "x".repeat(pad)]});
    let fitting = MAX_BYTES - padded(0).to_string().len();
    assert!(!is_too_long(&padded(fitting)));
    assert!(is_too_long(&padded(fitting + 1)));
}

#[test]
fn hostile_conditions_cannot_make_long_answers() {
    let answer = |condition: &Value| serde_json::to_string(&faults_of(condition)).unwrap().len();
    let wide = json!({"and": vec![json!({"nope": 1}); 1_200]});
    assert_eq!(faults_of(&wide).len(), 100);
    let long_names: Vec<_> = (0..7).map(|_| json!({ "~".repeat(2_000): {"/".repeat(10): 1} })).collect();
    let members: Map<String, Value> = (0..1_500).map(|name| (name.to_string(), json!(1))).collect();
    let deep =
        (0..31).fold(json!({"substr": vec![json!({"nope": 1}); 1_000]}), |inner, _| json!({"!": [inner]}));
    let compared =
        json!({"==": [{"var": "user.ageDays"}, {"var": "user.id"}, {"var": "now"}, "x".repeat(15_000)]});
    for condition in [wide, json!({ "or": long_names }), Value::Object(members), deep, compared] {
        assert!(!is_accepted(&condition));
        assert!(answer(&condition) < 64 * 1024, "{}", answer(&condition));
    }
}

#[test]
fn an_unknown_operator_with_a_long_name_is_shown_shortened_at_the_object_around_it() {
    let (pointer, message) = only_fault(&json!({"and": [{ "x".repeat(1_000): 1 }]}));
    assert_eq!(pointer, "/and/0");
    assert!(message.starts_with(&format!("\"{}…\" is not a known operator", "x".repeat(64))), "{message}");
}
