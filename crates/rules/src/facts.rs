use std::{borrow::Cow, collections::HashMap};

use domain::{ActivityType, AttributeMap, AttributeValue, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::{
    activity_measure::ActivityMeasure,
    decimal::decimal_from_json,
    fact::{ActivityFact, Fact},
    operand::OperandValue,
};

/// What is known about a user and the moment of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The user's id.
    pub user_id: String,
    /// The names of the user's roles.
    pub roles: Vec<String>,
    /// Whole days since the user signed up.
    pub age_days: i64,
    /// The moment of the claim.
    pub now: Timestamp,
    /// What the user did in the event's period. A type that is not here was not done.
    pub activities: HashMap<ActivityType, ActivityTotals>,
    /// What the game says of the user. An attribute that is not here is null.
    pub attributes: AttributeMap,
}

/// What a user's activities of one type amount to. The default is that of no activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActivityTotals {
    /// How many there are.
    pub count: u64,
    /// Their values together.
    pub sum: Decimal,
    /// The largest of their values; None if none has a value.
    pub max: Option<Decimal>,
    /// On how many days they were done.
    pub days: u32,
    /// The consecutive days up to the latest of them.
    pub streak: u32,
}

impl ActivityTotals {
    fn measure(&self, measure: ActivityMeasure) -> OperandValue<'static> {
        match measure {
            ActivityMeasure::Count => OperandValue::Number(self.count.into()),
            ActivityMeasure::Sum => OperandValue::Number(self.sum),
            ActivityMeasure::Max => self.max.map_or(OperandValue::Null, OperandValue::Number),
            ActivityMeasure::Days => OperandValue::Number(self.days.into()),
            ActivityMeasure::Streak => OperandValue::Number(self.streak.into()),
        }
    }
}

impl Facts {
    /// Facts about somebody who did nothing and of whom the game says nothing.
    pub fn new(user_id: String, roles: Vec<String>, age_days: i64, now: Timestamp) -> Self {
        Self { user_id, roles, age_days, now, activities: HashMap::new(), attributes: AttributeMap::new() }
    }

    /// The facts as one JSON object, to be stored with a decision. Of activities and attributes it holds
    /// those that are named, which are the condition's: [`crate::Condition::facts`].
    pub fn to_json(&self, named: &[Fact]) -> Value {
        let mut json = json!({
            "user": { "id": self.user_id, "roles": self.roles, "ageDays": self.age_days },
            "now": self.now.to_string(),
        });
        for fact in named {
            let value = self.value(fact).to_json();
            match fact {
                Fact::Activity(ActivityFact { activity_type, measure }) => {
                    json["activity"][activity_type.as_str()][measure.name()] = value;
                }
                Fact::Attribute(name) => json["attributes"][name.as_str()] = value,
                Fact::UserId | Fact::UserRoles | Fact::UserAgeDays | Fact::Now => {}
            }
        }
        json
    }

    /// The value of one fact. `now` is text here: see [`crate::expression::Expression::NowAsMoment`].
    pub(crate) fn value(&self, fact: &Fact) -> OperandValue<'_> {
        match fact {
            Fact::UserId => OperandValue::Text(Cow::Borrowed(&self.user_id)),
            Fact::UserRoles => {
                OperandValue::List(self.roles.iter().map(|role| OperandValue::Text(role.into())).collect())
            }
            Fact::UserAgeDays => OperandValue::Number(self.age_days.into()),
            Fact::Now => OperandValue::Text(self.now.to_string().into()),
            Fact::Activity(ActivityFact { activity_type, measure }) => {
                self.activities.get(activity_type).copied().unwrap_or_default().measure(*measure)
            }
            Fact::Attribute(name) => self.attributes.get(name).map_or(OperandValue::Null, attribute_operand),
        }
    }
}

/// A number that 28 digits cannot hold is unknown, like one that is not there: only a store that was written
/// by others can have one.
fn attribute_operand(value: &AttributeValue) -> OperandValue<'_> {
    match value {
        AttributeValue::Null => OperandValue::Null,
        AttributeValue::Boolean(boolean) => OperandValue::Boolean(*boolean),
        AttributeValue::Number(number) => {
            decimal_from_json(number).map_or(OperandValue::Null, OperandValue::Number)
        }
        AttributeValue::Text(text) => OperandValue::Text(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<Fact> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn some_facts() -> Facts {
        let now = "2026-05-01T18:00:00+09:00".parse().unwrap();
        let mut facts = Facts::new("665f1c2e8b3e4a0012345678".into(), vec!["USER".into()], 9, now);
        let login = ActivityTotals { count: 12, days: 8, streak: 7, ..ActivityTotals::default() };
        let sale = ActivityTotals {
            count: 2,
            sum: Decimal::new(12_345, 1),
            max: Some(1_000.into()),
            ..ActivityTotals::default()
        };
        facts.activities.insert(ActivityType::login(), login);
        facts.activities.insert("flash-sale".parse().unwrap(), sale);
        facts.attributes.insert("level".parse().unwrap(), AttributeValue::Number(30.into()));
        facts.attributes.insert("vip".parse().unwrap(), AttributeValue::Boolean(true));
        facts
    }

    #[test]
    fn facts_are_written_as_the_paths_that_rules_name() {
        let all = named(&[
            "user.id",
            "user.roles",
            "user.ageDays",
            "now",
            "activity.login.streak",
            "activity.login.max",
            "activity.flash-sale.sum",
            "activity.flash-sale.max",
            "activity.never.count",
            "attributes.level",
            "attributes.region",
        ]);
        let expected = json!({
            "user": { "id": "665f1c2e8b3e4a0012345678", "roles": ["USER"], "ageDays": 9 },
            "now": "2026-05-01T09:00:00.000Z",
            "activity": {
                "login": { "streak": 7, "max": null },
                "flash-sale": { "sum": 1234.5, "max": 1000 },
                "never": { "count": 0 },
            },
            "attributes": { "level": 30, "region": null },
        });
        let facts = some_facts();
        assert_eq!(facts.to_json(&all), expected);
        for fact in all {
            assert_eq!(fact.find_in(&expected), facts.value(&fact).to_json(), "{fact}");
        }
    }

    #[test]
    fn only_the_activities_and_attributes_that_are_named_are_written() {
        let written = some_facts().to_json(&named(&["attributes.level"]));
        assert_eq!(written.get("activity"), None);
        assert_eq!(written["attributes"], json!({ "level": 30 }));
        assert_eq!(some_facts().to_json(&[]).as_object().map(serde_json::Map::len), Some(2));
    }

    #[test]
    fn without_activity_all_is_zero_but_the_largest_value_which_is_null() {
        let facts = some_facts();
        for (measure, value) in ["count", "sum", "max", "days", "streak"].into_iter().zip([
            json!(0),
            json!(0),
            Value::Null,
            json!(0),
            json!(0),
        ]) {
            let fact: Fact = format!("activity.never.{measure}").parse().unwrap();
            assert_eq!(facts.value(&fact).to_json(), value, "{measure}");
        }
    }
}
