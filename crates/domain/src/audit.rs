//! The words of the audit log: who changed something, what kind of change it was, and of what.

use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, ClaimId, EventId, ObjectId, UserId};

crate::named_values::named_values! {
    /// What was done. A name, once written into a log, keeps its meaning for good.
    pub enum AuditAction {
        /// A user was created from the command line or by the program; who registers by themselves is not
        /// recorded.
        UserCreated = "user.created",
        /// The roles of a user were replaced.
        UserRolesReplaced = "user.roles.replaced",
        /// An API key was made.
        ApiKeyCreated = "api_key.created",
        /// An API key was deleted.
        ApiKeyDeleted = "api_key.deleted",
        /// An event was created.
        EventCreated = "event.created",
        /// An event was created as a copy of another.
        EventCloned = "event.cloned",
        /// Fields of an event were changed.
        EventChanged = "event.changed",
        /// An event was deleted.
        EventDeleted = "event.deleted",
        /// An event got a reward, new or not.
        RewardAttached = "event.reward.attached",
        /// A reward was taken from an event.
        RewardDetached = "event.reward.detached",
        /// How many there are of an event's reward was set, or whether that is limited.
        StockChanged = "event.stock.changed",
        /// A server made a request for a user; those that users make themselves are not recorded.
        ClaimCreated = "request.created",
        /// A request was approved; those that events approve by themselves are not recorded.
        ClaimApproved = "request.approved",
        /// A request was rejected.
        ClaimRejected = "request.rejected",
        /// An approved request was taken back.
        ClaimRevoked = "request.revoked",
        /// A user's attributes were replaced.
        AttributesReplaced = "attributes.replaced",
    }
}

crate::named_values::named_values! {
    /// What kind of thing was changed.
    pub enum AuditObjectKind {
        /// A user.
        User = "user",
        /// An API key.
        ApiKey = "api_key",
        /// An event, with its rewards and their stock.
        Event = "event",
        /// A reward request.
        Claim = "request",
    }
}

crate::named_values::named_values! {
    /// What kind of actor it was.
    pub enum AuditActorKind {
        /// Somebody who is logged in.
        User = "user",
        /// A server with an API key.
        ApiKey = "api_key",
        /// The command line, on which nobody is logged in.
        Command = "command",
        /// The program by itself.
        Worker = "worker",
    }
}

/// Who changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum AuditActor {
    /// Somebody who is logged in.
    User(UserId),
    /// A server with an API key.
    #[serde(rename = "api_key")]
    Key(ApiKeyId),
    /// The command line, on which nobody is logged in.
    Command,
    /// The program by itself.
    Worker,
}

impl AuditActor {
    /// An actor of this kind, unless a user or a key lacks its id, or another has one.
    pub fn from_parts(kind: AuditActorKind, id: Option<ObjectId>) -> Option<Self> {
        match (kind, id) {
            (AuditActorKind::User, Some(id)) => Some(Self::User(UserId(id))),
            (AuditActorKind::ApiKey, Some(id)) => Some(Self::Key(ApiKeyId(id))),
            (AuditActorKind::Command, None) => Some(Self::Command),
            (AuditActorKind::Worker, None) => Some(Self::Worker),
            _ => None,
        }
    }

    /// Which kind it is.
    pub const fn kind(self) -> AuditActorKind {
        match self {
            Self::User(_) => AuditActorKind::User,
            Self::Key(_) => AuditActorKind::ApiKey,
            Self::Command => AuditActorKind::Command,
            Self::Worker => AuditActorKind::Worker,
        }
    }

    /// The user's or the key's id.
    pub const fn id(self) -> Option<ObjectId> {
        match self {
            Self::User(UserId(id)) | Self::Key(ApiKeyId(id)) => Some(id),
            Self::Command | Self::Worker => None,
        }
    }
}

impl utoipa::PartialSchema for AuditActor {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .description(Some("Who changed something. A user and an API key have an id."))
            .property("kind", utoipa::openapi::Ref::from_schema_name("AuditActorKind"))
            .required("kind")
            .property("id", utoipa::openapi::Ref::from_schema_name("ObjectId"))
            .into()
    }
}

impl utoipa::ToSchema for AuditActor {
    fn name() -> std::borrow::Cow<'static, str> {
        "AuditActor".into()
    }

    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
        use utoipa::PartialSchema;
        schemas.push(("AuditActorKind".to_owned(), AuditActorKind::schema()));
        schemas.push(("ObjectId".to_owned(), ObjectId::schema()));
    }
}

/// What was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditObject {
    /// Its kind.
    pub kind: AuditObjectKind,
    /// Its id.
    pub id: ObjectId,
}

impl From<UserId> for AuditObject {
    fn from(id: UserId) -> Self {
        Self { kind: AuditObjectKind::User, id: id.0 }
    }
}

impl From<ApiKeyId> for AuditObject {
    fn from(id: ApiKeyId) -> Self {
        Self { kind: AuditObjectKind::ApiKey, id: id.0 }
    }
}

impl From<EventId> for AuditObject {
    fn from(id: EventId) -> Self {
        Self { kind: AuditObjectKind::Event, id: id.0 }
    }
}

impl From<ClaimId> for AuditObject {
    fn from(id: ClaimId) -> Self {
        Self { kind: AuditObjectKind::Claim, id: id.0 }
    }
}

/// On whose account a change is made, and by which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeAuthor {
    /// Who makes it.
    pub actor: AuditActor,
    /// The id of the request, where there is one.
    pub request_id: Option<String>,
}

impl ChangeAuthor {
    /// The command line.
    pub const COMMAND: Self = Self { actor: AuditActor::Command, request_id: None };
    /// The program by itself.
    pub const WORKER: Self = Self { actor: AuditActor::Worker, request_id: None };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_actor_is_written_with_its_id_if_it_has_one_and_comes_apart_and_together() {
        let id = ObjectId::from_bytes([7; 12]);
        for (actor, text) in [
            (AuditActor::User(UserId(id)), json!({ "kind": "user", "id": id })),
            (AuditActor::Key(ApiKeyId(id)), json!({ "kind": "api_key", "id": id })),
            (AuditActor::Command, json!({ "kind": "command" })),
            (AuditActor::Worker, json!({ "kind": "worker" })),
        ] {
            assert_eq!(serde_json::to_value(actor).unwrap(), text);
            assert_eq!(serde_json::from_value::<AuditActor>(text.clone()).unwrap(), actor);
            assert_eq!(text["kind"], actor.kind().name());
            assert_eq!(AuditActor::from_parts(actor.kind(), actor.id()), Some(actor));
        }
        assert_eq!(AuditActor::from_parts(AuditActorKind::User, None), None);
        assert_eq!(AuditActor::from_parts(AuditActorKind::Command, Some(id)), None);
    }
}
