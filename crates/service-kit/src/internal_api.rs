//! What the services ask of each other over HTTP. Not public: only signed calls are answered.

use std::fmt;

use deserr::Deserr;
use domain::{Faults, UserId};
use serde::{Deserialize, Serialize};

/// Where auth answers a [`SessionsQuestion`] with a [`SessionsAnswer`]; the method is POST.
pub const CHECK_SESSIONS_PATH: &str = "/internal/sessions/check";

/// The most sessions in one question.
pub const MAX_SESSIONS: usize = 1024;

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

/// The gateway asks: are these tokens the ones that count for their users? At most [`MAX_SESSIONS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserr)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct SessionsQuestion {
    /// The sessions asked about.
    pub sessions: Vec<ShownSession>,
}

/// Auth answers: one entry for each session, in the order they were asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsAnswer {
    /// Whether the session is current.
    pub current: Vec<bool>,
}

#[cfg(test)]
mod tests {
    use domain::ObjectId;

    use super::*;

    fn question() -> SessionsQuestion {
        let user_id = UserId(ObjectId::from_bytes([7; 12]));
        SessionsQuestion { sessions: vec![ShownSession { user_id, token: "secret-token".into() }] }
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
}
