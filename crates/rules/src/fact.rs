use jiff::Timestamp;
use serde_json::{Value, json};

/// Roles a user can have.
pub(crate) const ROLES: [&str; 4] = ["USER", "OPERATOR", "AUDITOR", "ADMIN"];

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
            "now": self.now_text(),
        })
    }

    /// RFC 3339 in UTC with milliseconds.
    pub(crate) fn now_text(&self) -> String {
        format!("{:.3}", self.now)
    }
}

/// Milliseconds since 1970 of an RFC 3339 time with any offset.
pub(crate) fn instant(text: &str) -> Option<i64> {
    if !looks_like_rfc3339(text.as_bytes()) {
        return None;
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// jiff also reads times without seconds and with zone names, which other readers of a condition would not.
fn looks_like_rfc3339(text: &[u8]) -> bool {
    let separated = text.len() >= 20
        && [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')]
            .iter()
            .all(|&(at, separator)| text[at] == separator)
        && matches!(text[10], b'T' | b't');
    let zoned = matches!(text, [.., b'Z' | b'z'] | [.., b'+' | b'-', _, _, b':', _, _]);
    separated && zoned
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
            let pointer = format!("/{}", fact.name().replace('.', "/"));
            assert!(facts.to_json().pointer(&pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn instants_are_the_same_whatever_their_offset() {
        let utc = instant("2026-05-31T15:00:00Z");
        assert!(utc.is_some());
        assert_eq!(instant("2026-06-01T00:00:00+09:00"), utc);
        assert_eq!(instant("2026-05-31T10:00:00.000-05:00"), utc);
    }

    #[test]
    fn what_is_not_rfc3339_is_no_instant() {
        for text in [
            "",
            "soon",
            "2026-06-01",
            "2026-06-01T00:00:00",
            "2026-06-01T00:00Z",
            "2026-06-01 00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-06-01T00:00:00+09:00[Asia/Seoul]",
            "2026-06-01T00:00:00+0900",
            "２０２６-06-01T00:00:00Z",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
