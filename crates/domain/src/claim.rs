//! Reward requests: what users claim.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{ApiKeyId, ClaimId, EventId, InvalidId, ObjectId, Timestamp, UserId};

crate::named_values::named_values! {
    /// How far a reward request has come.
    pub enum ClaimStatus {
        /// Stored, not yet decided.
        Pending = "PENDING",
        /// Decided in the user's favour.
        Approved = "APPROVED",
        /// Decided against the user.
        Rejected = "REJECTED",
        /// Approved once, taken back.
        Revoked = "REVOKED",
    }
}

crate::named_values::named_values! {
    /// What can be decided of a request.
    pub enum Ruling {
        /// In the user's favour: they get the rewards.
        Approved = "APPROVED",
        /// Against the user: they get nothing, and what was kept for them is free again.
        Rejected = "REJECTED",
    }
}

impl Ruling {
    /// How far it brings a request.
    pub const fn status(self) -> ClaimStatus {
        match self {
            Self::Approved => ClaimStatus::Approved,
            Self::Rejected => ClaimStatus::Rejected,
        }
    }
}

crate::named_values::named_values! {
    /// What a worker still has to do for a request. It is noted in the same step that makes it necessary.
    pub enum ClaimWork {
        /// To be decided: its event decides by itself.
        Decide = "DECIDE",
        /// Approved: its grants are to be made.
        Grant = "GRANT",
        /// Revoked: its grants are to be taken back.
        Reverse = "REVERSE",
    }
}

/// Who decided: somebody of the staff, a server, or Guerdon itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decider {
    /// A user, by their id.
    User(UserId),
    /// A server, by the id of its API key.
    Key(ApiKeyId),
    /// The event itself, whose approval is AUTO.
    Auto,
}

/// How [`Decider::Auto`] is written.
const AUTO: &str = "AUTO";
/// What stands before the id of an API key.
const KEY: &str = "key:";

impl fmt::Display for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "{id}"),
            Self::Key(id) => write!(f, "{KEY}{id}"),
            Self::Auto => f.write_str(AUTO),
        }
    }
}

impl FromStr for Decider {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.strip_prefix(KEY) {
            Some(id) => id.parse().map(ApiKeyId).map(Self::Key),
            None if text == AUTO => Ok(Self::Auto),
            None => text.parse().map(UserId).map(Self::User),
        }
    }
}

impl Serialize for Decider {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decider {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

crate::fault::schema_of_text!(
    Decider,
    "decider",
    "6650f1a2c3d4e5f601234567",
    pattern("^(AUTO|(key:)?[0-9a-f]{24})$"),
    description("A user's id; `key:` and the id of an API key; or `AUTO`: the event decided by itself"),
);

/// Who decided something of a request, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Who.
    pub by: Decider,
    /// When.
    pub at: Timestamp,
    /// Why, where they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a request was decided on, kept so that every decision can be explained afterwards. The condition is
/// that of the event's revision, which is stored once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionTrace {
    /// The event's revision whose condition was evaluated.
    pub event_revision: i64,
    /// The facts it was evaluated over.
    #[schema(value_type = Object)]
    pub facts: serde_json::Value,
    /// The evaluation, as the rules wrote it.
    #[schema(value_type = Object)]
    pub evaluation: serde_json::Value,
}

/// A user's claim on an event's rewards. One per user and event, ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The request's id.
    pub id: ClaimId,
    /// The event claimed.
    pub event_id: EventId,
    /// The claimant.
    pub user_id: UserId,
    /// How far it has come.
    pub status: ClaimStatus,
    /// The event's revision it was decided on.
    pub event_revision: i64,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who approved or rejected it, once that has happened.
    pub verdict: Option<Verdict>,
    /// Who revoked it, once that has happened.
    pub revocation: Option<Verdict>,
    /// What a worker still has to do for it.
    pub work: Option<ClaimWork>,
    /// The stocks in which it holds a seat, by the ids of their counters. It holds none once it is rejected.
    pub seats: Vec<ObjectId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_decided_is_read_as_it_was_written() {
        let id = ObjectId::from_bytes([7; 12]);
        for (decider, text) in [
            (Decider::User(UserId(id)), "070707070707070707070707"),
            (Decider::Key(ApiKeyId(id)), "key:070707070707070707070707"),
            (Decider::Auto, "AUTO"),
        ] {
            assert_eq!((decider.to_string().as_str(), text.parse()), (text, Ok(decider)));
            assert_eq!(serde_json::to_value(decider).unwrap(), text);
            assert_eq!(serde_json::from_value::<Decider>(text.into()).unwrap(), decider);
        }
        for nobody in ["", "auto", "key:", "key:AUTO", "07070707070707070707070"] {
            assert_eq!(nobody.parse::<Decider>(), Err(InvalidId), "{nobody:?}");
        }
    }
}
