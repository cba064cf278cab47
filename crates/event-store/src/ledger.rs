use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use domain::{ClaimId, EventId, LedgerEntry, ObjectId, UserId};
use serde_json::Value;
use service_kit::page::{Page, PageRequest};

use super::StoreError;

/// Which entries to list: those that match everything that is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LedgerFilter {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only those of this event.
    pub event: Option<EventId>,
}

/// What a user's entries come to, up to one of them. It follows from the ledger and only saves adding up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletBalance {
    /// Whose.
    pub user: UserId,
    /// The last entry it has.
    pub through: ObjectId,
    /// What they come to, as the use case writes it.
    pub holding: Value,
}

/// Sorts entries by their claims, each claim's in order.
pub(crate) fn by_claim(mut entries: Vec<LedgerEntry>) -> HashMap<ClaimId, Vec<LedgerEntry>> {
    entries.sort_unstable_by_key(|entry| entry.id);
    let mut by_claim = HashMap::<_, Vec<_>>::new();
    for entry in entries {
        by_claim.entry(entry.claim_id).or_default().push(entry);
    }
    by_claim
}

/// The ledger (`grants` in event-db), to which entries are only added, and what it comes to (`wallets`).
#[async_trait]
pub trait LedgerStore: Send + Sync + fmt::Debug {
    /// Adds the entries that are not there yet: of any number of attempts with the same claim, reward and kind one is
    /// stored. If it fails, some may be.
    async fn add(&self, entries: Vec<LedgerEntry>) -> Result<(), StoreError>;

    /// The entries of these claims, each named with its user. Claims without any are left out; entries that cannot be read
    /// are errors.
    async fn of_claims(
        &self,
        claims: &[(UserId, ClaimId)],
    ) -> Result<HashMap<ClaimId, Vec<LedgerEntry>>, StoreError>;

    /// One page, newest first. Each combination of filters walks an index.
    async fn list(&self, filter: LedgerFilter, page: PageRequest) -> Result<Page<LedgerEntry>, StoreError>;

    /// A user's entries after this one, in order, at most `limit`. One that cannot be read is an error: a sum without it
    /// would be wrong.
    async fn of_user_after(
        &self,
        user: UserId,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, StoreError>;

    /// What was last saved of a user's wallet.
    async fn find_balance(&self, user: UserId) -> Result<Option<WalletBalance>, StoreError>;

    /// Saves what a user's entries come to, unless what is saved goes further.
    async fn save_balance(&self, balance: WalletBalance) -> Result<(), StoreError>;

    /// The next saved balances after this user's, ascending, at most `limit`.
    async fn list_balances(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<WalletBalance>, StoreError>;
}
