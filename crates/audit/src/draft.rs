use domain::{AuditAction, AuditActor, AuditObject, ChangeAuthor, MintedId, ObjectId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was done, before it has a place in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditDraft {
    /// Its own id: by it, a draft is chained once, however often that is tried.
    pub id: ObjectId,
    /// When it was done.
    pub at: Timestamp,
    /// By whom.
    pub actor: AuditActor,
    /// What.
    pub action: AuditAction,
    /// To what.
    pub object: AuditObject,
    /// What of it was changed, as it was before; nothing if it was not there. Never a secret or its hash.
    #[schema(value_type = Option<Object>, required)]
    pub before: Option<Value>,
    /// The same as it was afterwards; nothing if it is gone.
    #[schema(value_type = Option<Object>, required)]
    pub after: Option<Value>,
    /// The id of the request that did it, as in the access log; nothing if it was no request.
    #[schema(required)]
    pub request_id: Option<String>,
}

/// What a store is told of a change: who makes it, and when. What it was before, only the store knows for
/// certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeStamp {
    /// The id of the draft to be.
    pub id: ObjectId,
    /// The present moment.
    pub at: Timestamp,
    /// Who makes the change.
    pub author: ChangeAuthor,
}

impl ChangeStamp {
    /// A change by this author at the moment that the id was minted.
    pub fn new(MintedId { id, at }: MintedId, author: ChangeAuthor) -> Self {
        Self { id, at, author }
    }

    /// What was done by this author at that time.
    pub fn into_draft(
        self,
        action: AuditAction,
        object: impl Into<AuditObject>,
        before: Option<Value>,
        after: Option<Value>,
    ) -> AuditDraft {
        let Self { id, at, author: ChangeAuthor { actor, request_id } } = self;
        AuditDraft { id, at, actor, action, object: object.into(), before, after, request_id }
    }
}

/// A value as it is kept beside an entry: in the canonical form of RFC 8785, which is also what is hashed.
///
/// # Errors
/// The value has no such form: a number that is not finite, which JSON values cannot hold.
pub fn canonical_text(value: &Value) -> Result<String, serde_json::Error> {
    serde_json_canonicalizer::to_string(value)
}

/// Reads a value that was kept so. `None` if the text is another than [`canonical_text`] gives: then somebody
/// else wrote it.
pub fn read_canonical(text: &str) -> Option<Value> {
    let value = serde_json::from_str(text).ok()?;
    canonical_text(&value).is_ok_and(|canonical| canonical == text).then_some(value)
}
