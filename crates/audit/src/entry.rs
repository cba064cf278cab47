use std::ops::Range;

use domain::{ObjectId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{AuditDraft, AuditHash, AuditHead};

/// An entry of the chain. What it says in this form, but for `hash`, is what its hash is taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its place in the chain, from 1 on without a gap.
    #[schema(minimum = 1)]
    pub sequence: i64,
    /// What was done.
    #[serde(flatten)]
    pub draft: AuditDraft,
    /// The hash of the entry before; 64 zeros in the first.
    pub previous_hash: AuditHash,
    /// The hash of everything else here, in the canonical form of RFC 8785.
    pub hash: AuditHash,
}

/// What the hash is taken over.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HashedContent<'a> {
    sequence: i64,
    #[serde(flatten)]
    draft: &'a AuditDraft,
    previous_hash: AuditHash,
}

impl AuditEntry {
    /// The entry that puts this draft behind the head of a chain.
    ///
    /// # Errors
    /// The draft has no canonical form: a number that is not finite, which JSON values cannot hold.
    pub fn following(head: AuditHead, draft: AuditDraft) -> Result<Self, serde_json::Error> {
        let (sequence, previous_hash) = (head.sequence + 1, head.hash);
        let hash = hash_content(&HashedContent { sequence, draft: &draft, previous_hash })?;
        Ok(Self { sequence, draft, previous_hash, hash })
    }

    /// The head of the chain that ends with this entry.
    pub fn head(&self) -> AuditHead {
        AuditHead { sequence: self.sequence, hash: self.hash }
    }

    /// The hash that this entry should have.
    pub(crate) fn content_hash(&self) -> Option<AuditHash> {
        let Self { sequence, draft, previous_hash, .. } = self;
        hash_content(&HashedContent { sequence: *sequence, draft, previous_hash: *previous_hash }).ok()
    }

    /// By which lists are ordered: the time in six bytes, then the sequence in six, so that one index serves
    /// a filter, its order and a range of times.
    pub fn place(&self) -> ObjectId {
        place_of(self.draft.at, self.sequence)
    }

    /// By which the chain is walked as rows with an id are: the sequence in the last eight bytes.
    pub fn key(&self) -> ObjectId {
        Self::key_of(self.sequence)
    }

    /// The key of the entry with this sequence.
    pub fn key_of(sequence: i64) -> ObjectId {
        let mut bytes = [0; 12];
        bytes[4..].copy_from_slice(&sequence.to_be_bytes());
        ObjectId::from_bytes(bytes)
    }

    /// The sequence of the entry with this key; of what is no key, one that no entry has.
    pub fn sequence_of(key: ObjectId) -> i64 {
        match key.bytes() {
            [0, 0, 0, 0, rest @ ..] => i64::from_be_bytes(rest),
            _ => i64::MAX,
        }
    }

    /// The places of entries from one moment on and before another; open where one is not given.
    pub fn places_between(from: Option<Timestamp>, to: Option<Timestamp>) -> Range<ObjectId> {
        let start = place_of(from.unwrap_or(Timestamp::MIN), 0);
        to.map_or(start..ObjectId::from_bytes([0xff; 12]), |to| start..place_of(to, 0))
    }
}

fn place_of(at: Timestamp, sequence: i64) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[..6].copy_from_slice(&at.as_millis().to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&sequence.to_be_bytes()[2..]);
    ObjectId::from_bytes(bytes)
}

fn hash_content(content: &HashedContent) -> Result<AuditHash, serde_json::Error> {
    let canonical = serde_json_canonicalizer::to_vec(content)?;
    Ok(AuditHash::from_bytes(Sha256::digest(canonical).into()))
}
