//! What reached users: the ledger of grants and of what took them back.

use serde::Serialize;

use crate::{ClaimId, EventId, ObjectId, Reward, Timestamp, UserId};

crate::named_values::named_values! {
    /// What an entry of the ledger does.
    pub enum LedgerKind {
        /// The user gets a reward.
        Grant = "GRANT",
        /// What a grant gave is taken back.
        Reversal = "REVERSAL",
    }
}

/// An entry of the ledger. It never changes; there is one for each claim, reward and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// The entry's id. They ascend with time.
    pub id: ObjectId,
    /// What it does.
    pub kind: LedgerKind,
    /// The claim it follows from.
    pub claim_id: ClaimId,
    /// The event claimed.
    pub event_id: EventId,
    /// Who gets it, or had it.
    pub user_id: UserId,
    /// The reward as it was granted.
    pub reward: Reward,
    /// When.
    pub at: Timestamp,
}
