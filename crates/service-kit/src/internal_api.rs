//! What the services ask of each other over HTTP. Not public: only signed calls are answered.

use std::fmt;

use deserr::Deserr;
use domain::{Faults, ObjectId, RoleSet, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::{api_key::ApiKeyHash, identity::KeyCaller};

/// Where auth answers a [`SessionsQuestion`] with a [`SessionsAnswer`]; the method is POST.
pub const CHECK_SESSIONS_PATH: &str = "/internal/sessions/check";

/// The most sessions, and the most keys, in one question.
pub const MAX_SESSIONS: usize = 1024;

/// Where auth answers a [`UserRolesQuestion`] with a [`UserRolesAnswer`]; the method is POST.
pub const USER_ROLES_PATH: &str = "/internal/users/roles";

/// The most users in one question.
pub const MAX_USERS: usize = 1024;

/// Where event is told of [`LoginsReport`]; the method is POST, the answer 204.
pub const RECORD_LOGINS_PATH: &str = "/internal/activities/logins";

/// The most logins in one report.
pub const MAX_LOGINS: usize = 500;

/// The gateway reports: these users have logged in. At most [`MAX_LOGINS`]. A report that is repeated changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserr)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct LoginsReport {
    /// The logins.
    pub logins: Vec<ReportedLogin>,
}

/// A login that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserr)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct ReportedLogin {
    /// Its own id, by which a repetition is known.
    pub id: ObjectId,
    /// Who.
    pub user_id: UserId,
    /// When.
    pub at: Timestamp,
}

/// A user and the access token they showed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserr)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct ShownSession {
    /// Whom the token names.
    pub user_id: UserId,
    /// The compact JWT. A secret.
    pub token: String,
}

impl fmt::Debug for ShownSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShownSession").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// The gateway asks: are these tokens the ones that count for their users, and what of these API keys? At
/// most [`MAX_SESSIONS`] of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserr)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct SessionsQuestion {
    /// The sessions asked about.
    pub sessions: Vec<ShownSession>,
    /// The keys asked about. Left out where there are none: an auth of an earlier version knows no keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[deserr(default)]
    pub keys: Vec<ApiKeyHash>,
}

/// Auth answers: one entry for each session and each key, in the order they were asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsAnswer {
    /// Whether the session is current.
    pub current: Vec<bool>,
    /// Whose the key is, if it counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyStanding>,
}

/// What became of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "lowercase")]
pub enum KeyStanding {
    /// It counts.
    Valid(KeyCaller),
    /// Its time is over.
    Expired,
    /// There never was such a key, or it has been deleted.
    Unknown,
}

/// The gateway asks: which roles do these users have? At most [`MAX_USERS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserr)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct UserRolesQuestion {
    /// The users asked about.
    pub users: Vec<UserId>,
}

/// Auth answers: one entry for each user, in the order they were asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRolesAnswer {
    /// The user's roles; null where there is no such user.
    pub roles: Vec<Option<RoleSet>>,
}

#[cfg(test)]
mod tests {
    use domain::{ApiKeyId, ApiKeyScope, ApiKeyScopeSet, ObjectId};
    use serde_json::json;

    use super::*;
    use crate::api_key::ApiKeyToken;

    fn question() -> SessionsQuestion {
        let user_id = UserId(ObjectId::from_bytes([7; 12]));
        let key = "gdn_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse::<ApiKeyToken>().unwrap();
        SessionsQuestion {
            sessions: vec![ShownSession { user_id, token: "secret-token".into() }],
            keys: vec![key.hash()],
        }
    }

    #[test]
    fn a_question_is_read_as_it_was_written() {
        let written = serde_json::to_value(question()).unwrap();
        assert_eq!(deserr::deserialize::<SessionsQuestion, _, Faults>(written), Ok(question()));
    }

    #[test]
    fn a_token_never_shows_in_debug_output() {
        assert!(!format!("{:?}", question()).contains("secret-token"));
    }

    #[test]
    fn who_asks_for_no_keys_writes_and_reads_what_earlier_versions_do() {
        let question = SessionsQuestion { keys: Vec::new(), ..question() };
        let written = serde_json::to_value(&question).unwrap();
        assert_eq!(written.as_object().unwrap().keys().collect::<Vec<_>>(), ["sessions"]);
        assert_eq!(deserr::deserialize::<SessionsQuestion, _, Faults>(written), Ok(question));
        let answer: SessionsAnswer = serde_json::from_value(json!({ "current": [true] })).unwrap();
        assert_eq!(answer, SessionsAnswer { current: vec![true], keys: Vec::new() });
    }

    #[test]
    fn what_became_of_a_key_is_read_as_it_was_written() {
        let id = ApiKeyId(ObjectId::from_bytes([1; 12]));
        let scopes = ApiKeyScopeSet::from_scopes(&[ApiKeyScope::EventsRead]);
        for (standing, written) in [
            (
                KeyStanding::Valid(KeyCaller { id, scopes }),
                json!({ "standing": "valid", "key": id, "scopes": ["events:read"] }),
            ),
            (KeyStanding::Expired, json!({ "standing": "expired" })),
            (KeyStanding::Unknown, json!({ "standing": "unknown" })),
        ] {
            assert_eq!(serde_json::to_value(standing).unwrap(), written);
            assert_eq!(serde_json::from_value::<KeyStanding>(written).unwrap(), standing);
        }
    }
}
