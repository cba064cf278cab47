use std::{borrow::Cow, fmt, str::FromStr};

use domain::{ActivityType, AttributeName};
use serde_json::Value;

use crate::{activity_measure::ActivityMeasure, condition_fault::shortened_text};

/// Something a condition may ask about. Written as the path by which a rule's `var` names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fact {
    /// `user.id`: 24 lower-case hex digits.
    UserId,
    /// `user.roles`: a list of role names.
    UserRoles,
    /// `user.ageDays`: whole days since the user signed up.
    UserAgeDays,
    /// `now`: the moment of the claim.
    Now,
    /// `activity.<type>.<measure>`: a number about what the user did in the event's period.
    Activity(ActivityFact),
    /// `attributes.<name>`: what the game says of the user; null if it says nothing.
    Attribute(AttributeName),
}

/// One number about a user's activities of one type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActivityFact {
    /// The activities that count.
    pub activity_type: ActivityType,
    /// The number asked for.
    pub measure: ActivityMeasure,
}

/// The text names no fact. Tells what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownFact(String);

impl Fact {
    /// The names of all facts, for messages.
    pub(crate) const NAMES: &str = "user.id, user.roles, user.ageDays, now, \
         activity.<type>.count|sum|max|days|streak, attributes.<name>";

    /// The facts whose names are fixed.
    const FIXED: [(&str, Fact); 4] = [
        ("user.id", Fact::UserId),
        ("user.roles", Fact::UserRoles),
        ("user.ageDays", Fact::UserAgeDays),
        ("now", Fact::Now),
    ];

    /// The path by which a rule's `var` names it.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Fact::UserId => "user.id".into(),
            Fact::UserRoles => "user.roles".into(),
            Fact::UserAgeDays => "user.ageDays".into(),
            Fact::Now => "now".into(),
            Fact::Activity(ActivityFact { activity_type, measure }) => {
                format!("activity.{activity_type}.{}", measure.name()).into()
            }
            Fact::Attribute(name) => format!("attributes.{name}").into(),
        }
    }

    /// Whether its value is always a number, or null.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Fact::UserAgeDays | Fact::Activity(_))
    }

    /// Whether there may be nothing to tell.
    pub(crate) fn can_be_null(&self) -> bool {
        match self {
            Fact::Activity(fact) => fact.measure == ActivityMeasure::Max,
            Fact::Attribute(_) => true,
            _ => false,
        }
    }

    /// The fact's value within facts that were stored as JSON. Null if they lack it.
    pub(crate) fn find_in(&self, facts: &Value) -> Value {
        let name = self.name();
        let found = name.split('.').try_fold(facts, |inside, member| inside.get(member));
        found.cloned().unwrap_or_default()
    }

    /// What a type or a name adds on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Fact::Activity(fact) => fact.activity_type.as_str().len(),
            Fact::Attribute(name) => name.as_str().len(),
            _ => 0,
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

impl FromStr for Fact {
    type Err = UnknownFact;

    fn from_str(name: &str) -> Result<Self, UnknownFact> {
        if let Some((_, fact)) = Self::FIXED.into_iter().find(|(fixed, _)| *fixed == name) {
            return Ok(fact);
        }
        let (group, rest) = name.split_once('.').unwrap_or((name, ""));
        let read = match group {
            "activity" => read_activity_fact(rest),
            "attributes" => read_attribute(rest),
            _ => Err(nearest_fact(group, rest)),
        };
        read.map_err(|hint| UnknownFact(format!("{:?} is not a known fact; {hint}", shortened_text(name))))
    }
}

/// Neither a type nor a measure has a dot in it.
fn read_activity_fact(rest: &str) -> Result<Fact, String> {
    let measures = ActivityMeasure::names();
    let Some((activity_type, measure)) = rest.split_once('.') else {
        return Err(format!(
            "name an activity type and what to ask of it, such as activity.login.streak; measures: {measures}"
        ));
    };
    let activity_type = activity_type.parse().map_err(|error| format!("an activity type {error}"))?;
    let Some(measure) = ActivityMeasure::named(measure) else {
        let shown = shortened_text(measure);
        return Err(format!("{shown:?} is not a measure of activities; measures: {measures}"));
    };
    Ok(Fact::Activity(ActivityFact { activity_type, measure }))
}

fn read_attribute(rest: &str) -> Result<Fact, String> {
    let name = rest.parse().map_err(|error| format!("an attribute's name {error}, as in attributes.level"));
    name.map(Fact::Attribute)
}

/// What a name that is almost right was meant to be; else all there are.
fn nearest_fact(group: &str, rest: &str) -> String {
    let meant = match group.to_ascii_lowercase().as_str() {
        "activity" | "activities" => Some("activity"),
        "attribute" | "attributes" => Some("attributes"),
        "user" | "users" => Some("user"),
        "now" => Some("now"),
        _ => None,
    };
    let close = |fixed: &&str| {
        let (fixed_group, fixed_rest) = fixed.split_once('.').unwrap_or((fixed, ""));
        meant == Some(fixed_group) && fixed_rest.eq_ignore_ascii_case(rest)
    };
    let suggestion = match meant {
        Some("activity") => Some("activity.<type>.<measure>"),
        Some("attributes") => Some("attributes.<name>"),
        _ => Fact::FIXED.map(|(fixed, _)| fixed).into_iter().find(close),
    };
    suggestion.map_or_else(|| format!("known: {}", Fact::NAMES), |right| format!("write {right}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message_for(name: &str) -> String {
        name.parse::<Fact>().expect_err(name).to_string()
    }

    #[test]
    fn a_fact_is_read_by_the_name_it_is_written_with() {
        for name in [
            "user.id",
            "user.roles",
            "user.ageDays",
            "now",
            "activity.login.count",
            "activity.login.sum",
            "activity.level-up.max",
            "activity.level_up.days",
            "activity.A1.streak",
            "attributes.level",
            "attributes.guild_rank2",
        ] {
            assert_eq!(name.parse::<Fact>().map(|fact| fact.to_string()).as_deref(), Ok(name));
        }
    }

    #[test]
    fn an_unknown_measure_is_answered_with_the_five_there_are() {
        for measure in ["streaks", "COUNT", "", "count.x"] {
            let message = message_for(&format!("activity.login.{measure}"));
            let expected = format!("{measure:?} is not a measure of activities; measures: ");
            assert!(message.contains(&expected), "{message}");
            assert!(message.ends_with("count, sum, max, days, streak"), "{message}");
        }
    }

    #[test]
    fn a_name_that_is_almost_right_is_answered_with_the_right_one() {
        for (name, hint) in [
            ("activity", "such as activity.login.streak; measures: count, sum, max, days, streak"),
            ("activity.login", "such as activity.login.streak"),
            ("activity.1st.count", "an activity type must begin with a letter"),
            ("activity..count", "an activity type must begin with a letter"),
            ("activities.login.count", "write activity.<type>.<measure>"),
            ("attributes", "an attribute's name must begin with a letter"),
            ("attributes.guild-rank", "an attribute's name must begin with a letter"),
            ("attribute.level", "write attributes.<name>"),
            ("user.agedays", "write user.ageDays"),
            ("Now", "write now"),
            ("user.name", "known: user.id, user.roles, "),
            ("moon.phase", "known: user.id, user.roles, "),
        ] {
            let message = message_for(name);
            assert!(message.starts_with(&format!("{name:?} is not a known fact; ")), "{message}");
            assert!(message.contains(hint), "{message}");
        }
    }

    #[test]
    fn a_long_name_is_shown_shortened() {
        for name in ["x".repeat(16_000), format!("activity.login.{}", "x".repeat(16_000))] {
            assert!(message_for(&name).len() < 500);
        }
    }

    #[test]
    fn facts_that_were_not_stored_are_null() {
        let stored = json!({ "user": { "id": "665f1c2e8b3e4a0012345678" }, "activity": 7 });
        for name in ["user.ageDays", "activity.login.count", "attributes.level"] {
            assert_eq!(name.parse::<Fact>().unwrap().find_in(&stored), Value::Null, "{name}");
        }
    }
}
