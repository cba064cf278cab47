use std::borrow::Cow;

use domain::Timestamp;
use serde_json::{Value, json};

use crate::operand::OperandValue;

/// Something a condition may ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fact {
    /// `user.id`: 24 lower-case hex digits.
    UserId,
    /// `user.roles`: a list of role names.
    UserRoles,
    /// `user.ageDays`: whole days since the user signed up.
    UserAgeDays,
    /// `now`: the moment of the claim.
    Now,
}

impl Fact {
    /// All facts.
    pub const ALL: [Fact; 4] = [Fact::UserId, Fact::UserRoles, Fact::UserAgeDays, Fact::Now];

    /// The path by which a rule's `var` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Fact::UserId => "user.id",
            Fact::UserRoles => "user.roles",
            Fact::UserAgeDays => "user.ageDays",
            Fact::Now => "now",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| fact.name() == name)
    }

    /// The fact's value within facts that were stored as JSON.
    pub(crate) fn find_in(self, facts: &Value) -> Value {
        let found = self.name().split('.').try_fold(facts, |inside, name| inside.get(name));
        found.cloned().unwrap_or_default()
    }

    /// All names, for messages.
    pub(crate) fn names() -> String {
        Self::ALL.map(Fact::name).join(", ")
    }
}

/// What is known about a user and the moment of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The user's id.
    pub user_id: String,
    /// The names of the user's roles.
    pub roles: Vec<String>,
    /// Whole days since the user signed up.
    pub age_days: i64,
    /// The moment of the claim.
    pub now: Timestamp,
}

impl Facts {
    /// The facts as one JSON object, to be stored with a decision.
    pub fn to_json(&self) -> Value {
        json!({
            "user": { "id": self.user_id, "roles": self.roles, "ageDays": self.age_days },
            "now": self.now.to_string(),
        })
    }

    /// The value of one fact. `now` is text here: see [`crate::expression::Expression::NowAsMoment`].
    pub(crate) fn value(&self, fact: Fact) -> OperandValue<'_> {
        match fact {
            Fact::UserId => OperandValue::Text(Cow::Borrowed(&self.user_id)),
            Fact::UserRoles => {
                OperandValue::List(self.roles.iter().map(|role| OperandValue::Text(role.into())).collect())
            }
            Fact::UserAgeDays => OperandValue::Number(self.age_days.into()),
            Fact::Now => OperandValue::Text(self.now.to_string().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_written_as_the_paths_that_rules_name() {
        let facts = Facts {
            user_id: "665f1c2e8b3e4a0012345678".into(),
            roles: vec!["USER".into()],
            age_days: 9,
            now: "2026-05-01T18:00:00+09:00".parse().unwrap(),
        };
        let expected = json!({
            "user": { "id": "665f1c2e8b3e4a0012345678", "roles": ["USER"], "ageDays": 9 },
            "now": "2026-05-01T09:00:00.000Z",
        });
        assert_eq!(facts.to_json(), expected);
        for fact in Fact::ALL {
            assert_eq!(fact.find_in(&facts.to_json()), facts.value(fact).to_json(), "{fact:?}");
        }
    }
}
