use domain::{ObjectId, Timestamp};

use crate::{AuditEntry, AuditHead};

/// The first thing that is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// An entry is not there.
    #[error("entry {sequence} is missing")]
    Missing {
        /// The first that is not there.
        sequence: i64,
    },
    /// An entry stands where one with another sequence was to come.
    #[error("entry {sequence} stands in the place of entry {expected}: entries were repeated or reordered")]
    Misplaced {
        /// Whose place it is.
        expected: i64,
        /// What it says of its own place.
        sequence: i64,
    },
    /// An entry says something else than what it was hashed with.
    #[error("entry {sequence} ({id}, {at}) was changed: its hash is another one")]
    Changed {
        /// Which.
        sequence: i64,
        /// Its id, as it is now.
        id: ObjectId,
        /// Its time, as it is now.
        at: Timestamp,
    },
    /// An entry does not follow the one before: that one was changed and hashed anew, or this one belongs
    /// elsewhere.
    #[error("entry {sequence} does not follow entry {}: one of the two was replaced", .sequence - 1)]
    Unlinked {
        /// The later one.
        sequence: i64,
    },
    /// The chain hangs together, but it is not the one whose head was kept.
    #[error(
        "entry {sequence} has another hash than the head that was kept: it, or entries before it, were replaced"
    )]
    Replaced {
        /// The entry whose hash was kept.
        sequence: i64,
    },
    /// The chain ends before the head that was kept.
    #[error("entries {} to {known} are missing at the end", .last + 1)]
    Truncated {
        /// The last that is there; 0 if none is.
        last: i64,
        /// How many there were when the head was kept.
        known: i64,
    },
}

/// Checks a chain entry by entry, in the order of their sequences, in memory that does not grow.
#[derive(Debug, Clone)]
pub struct ChainVerifier {
    head: AuditHead,
    known: Option<AuditHead>,
}

impl ChainVerifier {
    /// Begins with the first entry. `known` is a head that was kept elsewhere.
    pub fn new(known: Option<AuditHead>) -> Self {
        Self { head: AuditHead::EMPTY, known }
    }

    /// Goes on behind the entry with this head, up to which the chain was found to be right before.
    ///
    /// # Errors
    /// It is another entry now.
    pub fn behind(head: AuditHead, entry: &AuditEntry) -> Result<Self, ChainFault> {
        let sequence = head.sequence;
        if entry.sequence != sequence {
            return Err(ChainFault::Missing { sequence });
        }
        if entry.content_hash() != Some(entry.hash) {
            return Err(ChainFault::Changed { sequence, id: entry.draft.id, at: entry.draft.at });
        }
        if entry.hash != head.hash {
            return Err(ChainFault::Replaced { sequence });
        }
        Ok(Self { head, known: None })
    }

    /// How far it has come.
    pub fn head(&self) -> AuditHead {
        self.head
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// What is wrong with it. Nothing after that can be trusted.
    pub fn check(&mut self, entry: &AuditEntry) -> Result<(), ChainFault> {
        let (expected, sequence) = (self.head.sequence + 1, entry.sequence);
        if sequence > expected {
            return Err(ChainFault::Missing { sequence: expected });
        }
        if sequence < expected {
            return Err(ChainFault::Misplaced { expected, sequence });
        }
        if entry.content_hash() != Some(entry.hash) {
            return Err(ChainFault::Changed { sequence, id: entry.draft.id, at: entry.draft.at });
        }
        if entry.previous_hash != self.head.hash {
            return Err(ChainFault::Unlinked { sequence });
        }
        self.head = entry.head();
        match self.known {
            Some(known) if known.sequence == sequence && known.hash != entry.hash => {
                Err(ChainFault::Replaced { sequence })
            }
            _ => Ok(()),
        }
    }

    /// Ends after the last entry, with the head of the whole chain.
    ///
    /// # Errors
    /// Entries are missing at the end, by the head that was kept.
    pub fn finish(self) -> Result<AuditHead, ChainFault> {
        match self.known {
            Some(known) if known.sequence > self.head.sequence => {
                Err(ChainFault::Truncated { last: self.head.sequence, known: known.sequence })
            }
            _ => Ok(self.head),
        }
    }
}

#[cfg(test)]
mod tests;
