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
