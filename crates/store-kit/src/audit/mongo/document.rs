use audit::{AuditDraft, AuditEntry, canonical_text};
use domain::{AuditActor, AuditObject};
use mongodb::bson::{self, DateTime, Document, oid};
use serde::{Deserialize, Serialize};

use crate::{
    audit::{
        UnreadablePart,
        sql::{read_part, read_value},
    },
    error::StoreError,
    mongo::{from_date, from_oid, to_date, to_oid},
};

/// A draft as it waits in a document.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DraftDocument {
    id: oid::ObjectId,
    at: DateTime,
    actor_kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor_id: Option<oid::ObjectId>,
    action: String,
    object_kind: String,
    object_id: oid::ObjectId,
    /// In canonical form, so that what was hashed is what is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl TryFrom<&AuditDraft> for DraftDocument {
    type Error = serde_json::Error;

    fn try_from(draft: &AuditDraft) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: to_oid(draft.id),
            at: to_date(draft.at),
            actor_kind: draft.actor.kind().name().to_owned(),
            actor_id: draft.actor.id().map(to_oid),
            action: draft.action.name().to_owned(),
            object_kind: draft.object.kind.name().to_owned(),
            object_id: to_oid(draft.object.id),
            before: draft.before.as_ref().map(canonical_text).transpose()?,
            after: draft.after.as_ref().map(canonical_text).transpose()?,
            request_id: draft.request_id.clone(),
        })
    }
}

impl TryFrom<DraftDocument> for AuditDraft {
    type Error = UnreadablePart;

    fn try_from(document: DraftDocument) -> Result<Self, UnreadablePart> {
        let kind = read_part("actor", &document.actor_kind)?;
        let actor = AuditActor::from_parts(kind, document.actor_id.map(from_oid));
        Ok(Self {
            id: from_oid(document.id),
            at: from_date(document.at),
            actor: actor.ok_or(UnreadablePart("actor"))?,
            action: read_part("action", &document.action)?,
            object: AuditObject {
                kind: read_part("object", &document.object_kind)?,
                id: from_oid(document.object_id),
            },
            before: read_value(document.before)?,
            after: read_value(document.after)?,
            request_id: document.request_id,
        })
    }
}

/// An entry as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntryDocument {
    #[serde(rename = "_id")]
    sequence: i64,
    place: oid::ObjectId,
    #[serde(flatten)]
    draft: DraftDocument,
    previous_hash: String,
    hash: String,
}

impl TryFrom<&AuditEntry> for EntryDocument {
    type Error = serde_json::Error;

    fn try_from(entry: &AuditEntry) -> Result<Self, serde_json::Error> {
        Ok(Self {
            sequence: entry.sequence,
            place: to_oid(entry.place()),
            draft: DraftDocument::try_from(&entry.draft)?,
            previous_hash: entry.previous_hash.to_string(),
            hash: entry.hash.to_string(),
        })
    }
}

impl TryFrom<EntryDocument> for AuditEntry {
    type Error = UnreadablePart;

    fn try_from(document: EntryDocument) -> Result<Self, UnreadablePart> {
        let entry = AuditEntry {
            sequence: document.sequence,
            draft: document.draft.try_into()?,
            previous_hash: read_part("hash", &document.previous_hash)?,
            hash: read_part("hash", &document.hash)?,
        };
        // Otherwise lists would show it where it does not belong, or not at all.
        if from_oid(document.place) == entry.place() { Ok(entry) } else { Err(UnreadablePart("place")) }
    }
}

/// The end of the chain, as much of it as must be readable.
#[derive(Debug, Deserialize)]
pub(super) struct HeadDocument {
    #[serde(rename = "_id")]
    pub(super) sequence: i64,
    pub(super) hash: String,
}

/// A draft as a value of [`DRAFTS`](super::DRAFTS).
pub fn draft_document(store: &'static str, draft: &AuditDraft) -> Result<Document, StoreError> {
    let document = DraftDocument::try_from(draft).map_err(|error| StoreError::corrupt(store, error))?;
    bson::serialize_to_document(&document).map_err(|error| StoreError::corrupt(store, error))
}
