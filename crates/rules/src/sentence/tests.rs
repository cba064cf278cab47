use domain::AttributeValue;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::*;
use crate::{ActivityTotals, Condition, Facts};

fn some_facts() -> Facts {
    let now = "2026-05-01T09:00:00.000Z".parse().unwrap();
    let mut facts = Facts::new("665f1c2e8b3e4a0012345678".into(), vec!["USER".into()], 3, now);
    let login = ActivityTotals { count: 1_234, days: 5, streak: 3, ..ActivityTotals::default() };
    let purchase = ActivityTotals {
        count: 1,
        sum: Decimal::new(12_005, 1),
        max: Some(Decimal::new(12_005, 1)),
        days: 1,
        streak: 1,
    };
    facts.activities.insert("login".parse().unwrap(), login);
    facts.activities.insert("purchase".parse().unwrap(), purchase);
    for (name, value) in [("level", json!(12)), ("vip", json!(false)), ("region", json!("KR"))] {
        facts.attributes.insert(name.parse().unwrap(), AttributeValue::try_from(&value).unwrap());
    }
    facts
}

/// The only reason, in both languages.
fn sentences_for(condition: &Value) -> [String; 2] {
    let reasons = Condition::parse(condition).expect("must be accepted").reasons(&some_facts());
    let [reason] = reasons.as_slice() else { panic!("{condition}: {reasons:?}") };
    [Language::English, Language::Korean].map(|language| reason.sentence(language))
}

fn assert_sentences(cases: &[(Value, &str, &str)]) {
    for (condition, english, korean) in cases {
        assert_eq!(sentences_for(condition), [*english, *korean], "{condition}");
    }
}

fn compared(fact: &str, operator: &str, target: &Value) -> Value {
    json!({ operator: [{ "var": fact }, target] })
}

#[test]
fn logins_and_age_are_told_as_people_say_them() {
    assert_sentences(&[
        (
            compared("activity.login.streak", ">=", &json!(7)),
            "You have logged in 3 days in a row; 7 are needed.",
            "연속 3일 로그인했습니다. 7일이 필요합니다.",
        ),
        (
            compared("activity.login.days", ">", &json!(5)),
            "You have logged in on 5 days; more than 5 are needed.",
            "서로 다른 5일에 로그인했습니다. 5일보다 많아야 합니다.",
        ),
        (
            compared("activity.login.count", "<", &json!(1_000)),
            "You have logged in 1,234 times; fewer than 1,000 are allowed.",
            "1,234회 로그인했습니다. 1,000회 미만이어야 합니다.",
        ),
        (
            compared("activity.login.count", "==", &json!(1)),
            "You have logged in 1,234 times; exactly 1 is needed.",
            "1,234회 로그인했습니다. 정확히 1회여야 합니다.",
        ),
        (
            compared("user.ageDays", ">=", &json!(7)),
            "Your account is 3 days old; 7 are needed.",
            "가입한 지 3일 지났습니다. 7일이 지나야 합니다.",
        ),
        (
            compared("user.ageDays", "<=", &json!(1)),
            "Your account is 3 days old; at most 1 is allowed.",
            "가입한 지 3일 지났습니다. 1일 이하여야 합니다.",
        ),
    ]);
}

#[test]
fn other_activities_are_told_with_what_is_reached_of_what() {
    assert_sentences(&[
        (
            compared("activity.purchase.sum", ">=", &json!(10_000)),
            "purchase, total: 1,200.5 of 10,000.",
            "purchase 합계는 1,200.5입니다. 10,000 이상이어야 합니다.",
        ),
        (
            compared("activity.purchase.count", "==", &json!(0)),
            "purchase, number: 1; 0 is needed.",
            "purchase 횟수는 1입니다. 필요한 값: 0.",
        ),
        (
            compared("activity.score.max", ">=", &json!(1_000)),
            "score, best: none; at least 1,000 is needed.",
            "score 최고 기록이 없습니다. 1,000 이상이어야 합니다.",
        ),
        (
            json!({"!": {"var": "activity.purchase.days"}}),
            "purchase, days: 1; 0 is needed.",
            "purchase 참여 일수는 1입니다. 0이어야 합니다.",
        ),
    ]);
}

#[test]
fn attributes_are_told_by_their_names() {
    assert_sentences(&[
        (
            compared("attributes.level", ">=", &json!(30)),
            "level: 12 of 30.",
            "level 값은 12입니다. 30 이상이어야 합니다.",
        ),
        (
            compared("attributes.guild", "!=", &Value::Null),
            "guild: not set; it must be set.",
            "guild 값이 없습니다. 값이 있어야 합니다.",
        ),
        (
            compared("attributes.region", "in", &json!(["JP", "US"])),
            "region: \"KR\"; one of \"JP\", \"US\" is needed.",
            "region 값은 \"KR\"입니다. 다음 중 하나여야 합니다: \"JP\", \"US\".",
        ),
        (
            json!({"!": compared("attributes.region", "==", &json!("KR"))}),
            "region: \"KR\"; anything but \"KR\" is allowed.",
            "region 값은 \"KR\"입니다. 허용되지 않는 값: \"KR\".",
        ),
        (
            json!({"var": "attributes.vip"}),
            "vip: no; yes is needed.",
            "vip 값은 '아니요'입니다. 필요한 값: '예'.",
        ),
        (
            json!({"in": ["J", {"var": "attributes.region"}]}),
            "region: \"KR\"; \"J\" must be in it.",
            "region 값은 \"KR\"입니다. 다음이 포함되어야 합니다: \"J\".",
        ),
    ]);
}

#[test]
fn roles_accounts_and_times_are_told_without_jargon() {
    assert_sentences(&[
        (
            json!({"in": ["ADMIN", {"var": "user.roles"}]}),
            "The role ADMIN is needed.",
            "ADMIN 역할이 필요합니다.",
        ),
        (
            json!({"!": {"in": ["USER", {"var": "user.roles"}]}}),
            "Users with the role USER are excluded.",
            "USER 역할이 있는 사용자는 제외됩니다.",
        ),
        (
            compared("user.id", "in", &json!([])),
            "Your account is not one of those that this is for.",
            "대상 계정이 아닙니다.",
        ),
        (
            compared("now", ">=", &json!("2026-06-01T00:00:00+09:00")),
            "This is possible from 2026-06-01T00:00:00+09:00 on.",
            "2026-06-01T00:00:00+09:00부터 가능합니다.",
        ),
        (
            compared("now", "<", &json!("2026-04-01T00:00:00+09:00")),
            "This was possible before 2026-04-01T00:00:00+09:00.",
            "2026-04-01T00:00:00+09:00 전까지만 가능했습니다.",
        ),
    ]);
}

#[test]
fn what_is_computed_is_told_by_its_value_as_target_and_by_its_formula_as_fact() {
    let per_level = json!({"*": [{"var": "attributes.level"}, 1_000]});
    let together = json!({"+": [{"var": "activity.purchase.sum"}, {"var": "activity.gift.sum"}]});
    assert_sentences(&[
        (
            compared("activity.purchase.sum", ">=", &per_level),
            "purchase, total: 1,200.5 of 12,000.",
            "purchase 합계는 1,200.5입니다. 12,000 이상이어야 합니다.",
        ),
        (
            json!({"<=": [5_000, together]}),
            "activity.purchase.sum + activity.gift.sum: 1,200.5 of 5,000.",
            "activity.purchase.sum + activity.gift.sum 값은 1,200.5입니다. 5,000 이상이어야 합니다.",
        ),
    ]);
}

#[test]
fn what_no_user_can_change_is_told_as_such() {
    assert_sentences(&[
        (
            json!({"<": [2, 1]}),
            "This part of the condition cannot be met.",
            "조건 중 이 부분은 누구도 충족할 수 없습니다.",
        ),
        (
            json!({">": [{"/": [{"var": "attributes.level"}, {"var": "activity.gift.count"}]}, 1]}),
            "A part of the condition could not be evaluated: the divisor is zero.",
            "조건의 일부를 확인할 수 없습니다: 0으로 나눌 수 없습니다.",
        ),
    ]);
}

#[test]
fn digits_are_grouped_by_thousands() {
    for (number, shown) in
        [("0", "0"), ("999", "999"), ("1000", "1,000"), ("-1234567.25", "-1,234,567.25"), ("1e-7", "1e-7")]
    {
        assert_eq!(grouped_digits(number), shown);
    }
}

#[test]
fn long_values_are_shortened() {
    let long = json!({"in": [{"var": "attributes.region"}, vec!["x".repeat(1_000); 10]]});
    for sentence in sentences_for(&long) {
        assert!(sentence.chars().count() < 400 && sentence.contains('…'), "{sentence}");
    }
}
