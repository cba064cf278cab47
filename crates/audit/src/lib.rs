//! The audit log: who changed what, when, from what to what, in a chain of hashes.
//!
//! Each entry holds the hash of the one before it, and its own hash over everything it says, written in the
//! canonical form of RFC 8785. So whoever changes, removes or reorders entries has to make every later hash
//! anew, and a head that was kept elsewhere tells that they did.
//!
//! Numbers: the canonical form writes a number as the double it is, so whole numbers beyond ±(2^53-1) would
//! lose digits. None occur: bodies refuse them (`domain::normalise_numbers`), and the program makes none.
//!
//! Pure: no I/O, no clock. Stores keep entries, services make drafts.

mod chain;
mod draft;
mod entry;
mod hash;

pub use self::{
    chain::{ChainFault, ChainVerifier},
    draft::{AuditDraft, ChangeStamp, canonical_text, read_canonical},
    entry::AuditEntry,
    hash::{AuditHash, AuditHead, InvalidHash, InvalidHead},
};
