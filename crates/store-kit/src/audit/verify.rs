use audit::{AuditEntry, AuditHead, ChainFault, ChainVerifier};
use domain::ObjectId;

use super::AuditStore;
use crate::{error::StoreError, row::StoredRow};

/// Entries read in one step.
const STEP: usize = 1000;

/// Why a log is not proved to be whole.
#[derive(Debug, thiserror::Error)]
pub enum AuditFault {
    /// An entry is wrong.
    #[error(transparent)]
    Chain(#[from] ChainFault),
    /// An entry is not what this program writes.
    #[error("entry {sequence} cannot be read: it was changed, or damaged: {source}")]
    Unreadable {
        /// Which.
        sequence: i64,
        /// What is wrong with it.
        source: StoreError,
    },
    /// The store did not do its work: nothing is known.
    #[error(transparent)]
    Store(StoreError),
}

/// Reads a whole log, in bounded memory, and finds the first entry that is wrong. `known` is a head that was
/// kept elsewhere.
pub async fn verify_log(audit: &dyn AuditStore, known: Option<AuditHead>) -> Result<AuditHead, AuditFault> {
    let (mut verifier, mut after) = (ChainVerifier::new(known), None);
    loop {
        let rows = audit.export_entries(after, STEP).await.map_err(AuditFault::Store)?;
        let is_last = rows.len() < STEP;
        for row in rows {
            after = Some(check_row(&mut verifier, row)?);
        }
        if is_last {
            return Ok(verifier.finish()?);
        }
    }
}

/// Goes on behind a head that was found to be right before, over at most `limit` entries, and finds the first
/// that is wrong: the one with that head may have been replaced since, too.
pub async fn verify_onward(
    audit: &dyn AuditStore,
    from: AuditHead,
    limit: usize,
) -> Result<AuditHead, AuditFault> {
    let (mut verifier, after) = match from {
        AuditHead::EMPTY => (ChainVerifier::new(None), None),
        from => (begin_behind(audit, from).await?, Some(AuditEntry::key_of(from.sequence))),
    };
    for row in audit.export_entries(after, limit).await.map_err(AuditFault::Store)? {
        check_row(&mut verifier, row)?;
    }
    Ok(verifier.head())
}

async fn begin_behind(audit: &dyn AuditStore, head: AuditHead) -> Result<ChainVerifier, AuditFault> {
    let sequence = head.sequence;
    let before = AuditEntry::key_of(sequence - 1);
    let rows = audit.export_entries(Some(before), 1).await.map_err(AuditFault::Store)?;
    let row = rows.into_iter().next().ok_or(ChainFault::Missing { sequence })?;
    let entry = row.value.map_err(|source| AuditFault::Unreadable { sequence, source })?;
    Ok(ChainVerifier::behind(head, &entry)?)
}

/// The row's key, if nothing is wrong with it.
fn check_row(verifier: &mut ChainVerifier, row: StoredRow<AuditEntry>) -> Result<ObjectId, AuditFault> {
    let expected = verifier.head().sequence + 1;
    let entry = row.value.map_err(|source| match row.id.map(AuditEntry::sequence_of) {
        Ok(sequence) if sequence > expected => ChainFault::Missing { sequence: expected }.into(),
        _ => AuditFault::Unreadable { sequence: expected, source },
    })?;
    verifier.check(&entry)?;
    Ok(entry.key())
}
