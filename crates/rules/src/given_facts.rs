//! Facts as somebody gives them to try out a condition.

use std::fmt::Display;

use domain::{AttributeValue, MOST_ATTRIBUTES, Role, Timestamp};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::{Map, Value};

use crate::{
    activity_measure::ActivityMeasure,
    condition_fault::{ConditionFault, FaultList, is_short, shortened_text},
    condition_path::ConditionPath,
    decimal::{NUMBER_RULE, decimal_from_json, is_within_range},
    fact::Fact,
    facts::{ActivityTotals, Facts},
    judge::is_id,
};

impl Facts {
    /// Reads facts in the shape of [`Facts::to_json`]. What is left out or null is as if nothing were known:
    /// no id, no role, no activity, attributes that are not set, and `now` as given beside them.
    ///
    /// # Errors
    /// Something is unknown or of a type that the fact never has: at most 100 faults, relative to the facts.
    pub fn from_json(given: &Value, now: Timestamp) -> Result<Self, Vec<ConditionFault>> {
        let facts = Facts::new(String::new(), Vec::new(), 0, now);
        let mut reader = FactsReader { facts, faults: FaultList::default() };
        reader.all(given);
        let faults = reader.faults.into_faults();
        if faults.is_empty() { Ok(reader.facts) } else { Err(faults) }
    }
}

struct FactsReader {
    facts: Facts,
    faults: FaultList,
}

/// A path and what stands there.
type GivenMember<'a> = (ConditionPath<'a>, &'a Value);

impl FactsReader {
    fn all(&mut self, given: &Value) {
        let root = ConditionPath::Root;
        let Value::Object(members) = given else {
            let message = "must be an object such as {\"activity\": {\"login\": {\"streak\": 7}}}";
            return self.faults.push(&root, message);
        };
        for (name, value) in members {
            let member = (ConditionPath::Member(&root, name), value);
            match name.as_str() {
                "user" => self.user(&member),
                "now" => self.now(&member),
                "activity" => self.activity(&member),
                "attributes" => self.attributes(&member),
                _ => self.unknown(&root, name, "user, now, activity, attributes"),
            }
        }
    }

    fn user(&mut self, (path, value): &GivenMember<'_>) {
        for (name, value) in self.members(path, value).into_iter().flatten() {
            let member = (ConditionPath::Member(path, name), value);
            match name.as_str() {
                "id" => self.user_id(&member),
                "roles" => self.roles(&member),
                "ageDays" => {
                    let age = self.whole_number(&member, i64::MAX.unsigned_abs());
                    self.facts.age_days = age.to_i64().unwrap_or_default();
                }
                _ => self.unknown(path, name, "id, roles, ageDays"),
            }
        }
    }

    fn user_id(&mut self, (path, value): &GivenMember<'_>) {
        match value {
            Value::Null => {}
            Value::String(id) if is_id(id) => self.facts.user_id.clone_from(id),
            _ => self.faults.push(path, "must be text of 24 lower-case hexadecimal digits"),
        }
    }

    fn roles(&mut self, (path, value): &GivenMember<'_>) {
        let Value::Array(roles) = value else {
            if !value.is_null() {
                self.faults.push(path, "must be a list of roles such as [\"USER\"]");
            }
            return;
        };
        for (at, role) in roles.iter().enumerate() {
            if let Some(Ok(role)) = role.as_str().map(str::parse::<Role>) {
                self.facts.roles.push(role.name().to_owned());
            } else {
                let known = Role::ALL.map(Role::name).join(", ");
                self.faults.push(&ConditionPath::Entry(path, at), format!("must be one of {known}"));
            }
        }
    }

    fn now(&mut self, (path, value): &GivenMember<'_>) {
        match value.as_str().map(str::parse) {
            _ if value.is_null() => {}
            Some(Ok(now)) => self.facts.now = now,
            _ => {
                let message =
                    "must be an RFC 3339 time with an offset, such as \"2026-06-01T00:00:00+09:00\"";
                self.faults.push(path, message);
            }
        }
    }

    fn activity(&mut self, (path, value): &GivenMember<'_>) {
        for (name, value) in self.members(path, value).into_iter().flatten() {
            let activity_type = match name.parse() {
                Ok(activity_type) => activity_type,
                Err(error) => {
                    self.misnamed(path, name, error);
                    continue;
                }
            };
            let totals = self.totals(&ConditionPath::Member(path, name), value);
            self.facts.activities.insert(activity_type, totals);
        }
    }

    fn totals(&mut self, path: &ConditionPath<'_>, value: &Value) -> ActivityTotals {
        let mut totals = ActivityTotals::default();
        for (name, value) in self.members(path, value).into_iter().flatten() {
            let member = (ConditionPath::Member(path, name), value);
            match ActivityMeasure::named(name) {
                Some(ActivityMeasure::Count) => totals.count = self.whole_number(&member, u64::MAX),
                Some(ActivityMeasure::Sum) => totals.sum = self.number(&member).unwrap_or_default(),
                Some(ActivityMeasure::Max) => totals.max = self.number(&member),
                Some(ActivityMeasure::Days) => totals.days = self.day_count(&member),
                Some(ActivityMeasure::Streak) => totals.streak = self.day_count(&member),
                None => self.unknown(path, name, &ActivityMeasure::names()),
            }
        }
        totals
    }

    fn attributes(&mut self, (path, value): &GivenMember<'_>) {
        let Some(members) = self.members(path, value) else { return };
        if members.len() > MOST_ATTRIBUTES {
            return self.faults.push(path, format!("must have at most {MOST_ATTRIBUTES} attributes"));
        }
        for (name, value) in members {
            let place = ConditionPath::Member(path, name);
            match (name.parse(), AttributeValue::try_from(value)) {
                (Err(error), _) => self.misnamed(path, name, error),
                (Ok(_), Err(error)) => self.faults.push(&place, error.to_string()),
                (Ok(name), Ok(attribute)) => {
                    // Also refuses numbers that conditions could not count with.
                    if value.is_number() {
                        self.number(&(place, value));
                    }
                    self.facts.attributes.insert(name, attribute);
                }
            }
        }
    }

    /// What is inside an object; nothing for null.
    fn members<'a>(&mut self, path: &ConditionPath<'_>, value: &'a Value) -> Option<&'a Map<String, Value>> {
        if !matches!(value, Value::Object(_) | Value::Null) {
            self.faults.push(path, "must be an object");
        }
        value.as_object()
    }

    fn number(&mut self, (path, value): &GivenMember<'_>) -> Option<Decimal> {
        let number = value.as_number().and_then(decimal_from_json).filter(|number| is_within_range(*number));
        if number.is_none() && !value.is_null() {
            self.faults.push(path, NUMBER_RULE);
        }
        number
    }

    fn day_count(&mut self, member: &GivenMember<'_>) -> u32 {
        self.whole_number(member, u32::MAX.into()).to_u32().unwrap_or_default()
    }

    fn whole_number(&mut self, (path, value): &GivenMember<'_>, largest: u64) -> u64 {
        let number = value.as_number().and_then(decimal_from_json).filter(|number| is_within_range(*number));
        let whole = number.filter(Decimal::is_integer).and_then(|number| number.to_u64());
        let fitting = whole.filter(|whole| *whole <= largest);
        if fitting.is_none() && !value.is_null() {
            self.faults.push(path, "must be a whole number of 0 or more");
        }
        fitting.unwrap_or_default()
    }

    fn misnamed(&mut self, parent: &ConditionPath<'_>, name: &str, error: impl Display) {
        let message = format!("{:?} is no name here; a name {error}", shortened_text(name));
        self.refuse_member(parent, name, message);
    }

    fn unknown(&mut self, parent: &ConditionPath<'_>, name: &str, known: &str) {
        let shown = shortened_text(name);
        let message = if name.contains('.') && name.parse::<Fact>().is_ok() {
            let nested =
                name.split('.').rev().fold("…".to_owned(), |inner, part| format!("{{{part:?}: {inner}}}"));
            format!("facts are given nested: write {nested}")
        } else {
            format!("{shown:?} is not known here; known: {known}")
        };
        self.refuse_member(parent, name, message);
    }

    /// A long name is not repeated in the pointer.
    fn refuse_member(&mut self, parent: &ConditionPath<'_>, name: &str, message: String) {
        let place = ConditionPath::Member(parent, name);
        self.faults.push(if is_short(name) { &place } else { parent }, message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Condition;

    fn this_moment() -> Timestamp {
        "2026-05-01T09:00:00.000Z".parse().unwrap()
    }

    fn faults_of(given: &Value) -> Vec<(String, String)> {
        let faults = Facts::from_json(given, this_moment()).expect_err("must be refused");
        for fault in &faults {
            assert!(given.pointer(&fault.pointer).is_some(), "{fault}");
        }
        faults.into_iter().map(|fault| (fault.pointer, fault.message)).collect()
    }

    #[test]
    fn facts_are_read_as_they_are_written() {
        let condition = Condition::parse(&json!({"and": [
            {">": [{"var": "activity.flash-sale.sum"}, 1]},
            {">": [{"var": "activity.flash-sale.max"}, 1]},
            {">": [{"var": "activity.login.streak"}, 1]},
            {">": [{"var": "activity.login.days"}, 1]},
            {">": [{"var": "activity.login.count"}, 1]},
            {"==": [{"var": "attributes.level"}, 30]},
            {"==": [{"var": "attributes.region"}, "KR"]},
            {"==": [{"var": "attributes.vip"}, true]},
        ]}))
        .unwrap();
        let given = json!({
            "user": { "id": "665f1c2e8b3e4a0012345678", "roles": ["USER"], "ageDays": 9 },
            "now": "2026-05-02T09:00:00.000Z",
            "activity": {
                "flash-sale": { "sum": 1234.5, "max": 1000 },
                "login": { "streak": 7, "days": 8, "count": 12 },
            },
            "attributes": { "level": 30, "region": "KR", "vip": true },
        });
        let facts = Facts::from_json(&given, this_moment()).unwrap();
        assert_eq!(facts.to_json(condition.facts()), given);
        assert!(condition.evaluate(&facts).eligible);
    }

    #[test]
    fn what_is_left_out_or_null_is_as_if_nothing_were_known() {
        let nothing = Facts::new(String::new(), Vec::new(), 0, this_moment());
        for given in [
            json!({}),
            json!({"user": null, "now": null, "activity": null, "attributes": null}),
            json!({"user": {"id": null, "roles": null, "ageDays": null}, "activity": {}, "attributes": {}}),
        ] {
            assert_eq!(Facts::from_json(&given, this_moment()), Ok(nothing.clone()), "{given}");
        }
        let given = json!({"activity": {"login": {"count": null, "sum": null, "max": null, "days": null}}});
        let facts = Facts::from_json(&given, this_moment()).unwrap();
        assert_eq!(facts.activities.values().collect::<Vec<_>>(), [&ActivityTotals::default()]);
    }

    #[test]
    fn values_of_types_that_a_fact_never_has_are_refused_where_they_stand() {
        for (given, pointer) in [
            (json!(null), ""),
            (json!([]), ""),
            (json!({"user": 1}), "/user"),
            (json!({"user": {"id": "me"}}), "/user/id"),
            (json!({"user": {"roles": "USER"}}), "/user/roles"),
            (json!({"user": {"roles": ["USER", "GUEST"]}}), "/user/roles/1"),
            (json!({"user": {"ageDays": 1.5}}), "/user/ageDays"),
            (json!({"user": {"ageDays": -1}}), "/user/ageDays"),
            (json!({"now": "today"}), "/now"),
            (json!({"now": 1_780_000_000}), "/now"),
            (json!({"activity": []}), "/activity"),
            (json!({"activity": {"login": 7}}), "/activity/login"),
            (json!({"activity": {"login": {"streak": "7"}}}), "/activity/login/streak"),
            (json!({"activity": {"login": {"streak": 4_294_967_296_i64}}}), "/activity/login/streak"),
            (json!({"activity": {"login": {"count": 1_u64 << 53}}}), "/activity/login/count"),
            (json!({"activity": {"login": {"sum": true}}}), "/activity/login/sum"),
            (json!({"activity": {"login": {"max": 1e300}}}), "/activity/login/max"),
            (json!({"attributes": {"level": [30]}}), "/attributes/level"),
            (json!({"attributes": {"level": 1_u64 << 53}}), "/attributes/level"),
        ] {
            let faults = faults_of(&given);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert_eq!(faults[0].0, pointer, "{given}");
        }
    }

    #[test]
    fn unknown_names_are_refused_with_what_would_be_right() {
        for (given, pointer, right) in [
            (json!({"users": {}}), "/users", "known: user, now, activity, attributes"),
            (json!({"user": {"name": 1}}), "/user/name", "known: id, roles, ageDays"),
            (json!({"activity": {"1st": {}}}), "/activity/1st", "must begin with a letter"),
            (
                json!({"activity": {"login": {"streaks": 7}}}),
                "/activity/login/streaks",
                "known: count, sum, max, days, streak",
            ),
            (json!({"attributes": {"guild-rank": 7}}), "/attributes/guild-rank", "must begin with a letter"),
            (
                json!({"activity.login.streak": 7}),
                "/activity.login.streak",
                r#"write {"activity": {"login": {"streak": …}}}"#,
            ),
        ] {
            let faults = faults_of(&given);
            assert_eq!((faults.len(), faults[0].0.as_str()), (1, pointer), "{faults:?}");
            assert!(faults[0].1.contains(right), "{faults:?}");
        }
    }

    #[test]
    fn every_fault_is_reported_and_no_answer_is_long() {
        let given =
            json!({"user": {"id": 1, "ageDays": "a"}, "activity": {"login": {"x": 1, "sum": []}}, "y": 1});
        assert_eq!(faults_of(&given).len(), 5);
        let names = (0..2_000).map(|at| (format!("{at}{}", "x".repeat(500)), json!(1)));
        let many = json!({ "activity": names.collect::<Map<_, _>>() });
        let faults = faults_of(&many);
        assert_eq!(faults.len(), 100);
        assert!(faults.iter().all(|(pointer, message)| pointer.len() + message.len() < 300));
        let attributes = (0..101).map(|at| (format!("a{at}"), json!(1)));
        let many = json!({ "attributes": attributes.collect::<Map<_, _>>() });
        assert_eq!(faults_of(&many), [("/attributes".into(), "must have at most 100 attributes".into())]);
    }
}
