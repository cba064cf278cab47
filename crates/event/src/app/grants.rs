use std::collections::HashMap;

use domain::{
    ChangeAuthor, Claim, ClaimId, ClaimStatus, ClaimWork, LedgerEntry, LedgerKind, ObjectId, Reward,
    RewardId, Timestamp, UserId, Verdict,
};
use event_store::{
    EventRevision, LedgerFilter, RevisionKey, Revocation, RevokeOutcome, StoreError, WalletBalance,
};
use service_kit::{
    identity::UserOrKey,
    page::{Page, PageRequest},
};

use crate::{
    app::decisions::decider_of,
    grant_plan::{plan_entries, what_remains},
    service::EventService,
    wallet::Wallet,
};

/// Claims whose grants are made in one step.
const AT_ONCE: usize = 200;
/// A user's entries that are added up at a time.
const ENTRIES_AT_ONCE: usize = 1000;
/// What a wallet adds to what is saved before it saves more.
const UNSAVED_ENTRIES: usize = 50;
/// How old an entry is, in seconds, before it is saved in a balance: until then one with a smaller id can still come, from
/// another process or one whose clock is behind.
const SETTLED_AFTER: i64 = 3600;

/// What a round of grants came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GrantRound {
    /// For how many claims this round has done all there is to do.
    pub(crate) finished: u64,
    /// When the oldest claim that is left was last changed.
    pub(crate) waiting_since: Option<Timestamp>,
}

/// A claim that was taken back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RevokedClaim {
    pub(crate) claim: Claim,
    /// What it gave and cannot be undone, with the reason.
    pub(crate) remains: Vec<(Reward, &'static str)>,
}

/// Why a claim is not taken back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevokeClaimError {
    #[error("there is no such claim")]
    Unknown,
    /// With what it is.
    #[error("the claim is not approved: it is {0}")]
    NotApproved(ClaimStatus),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a ledger or a wallet is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShowLedgerError {
    #[error("only staff sees what others have")]
    Others,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventService {
    /// Makes the grants of approved claims, or takes back those of revoked ones, the oldest first. Each step can be repeated:
    /// any number of replicas may do so at the same time, and a crash between costs nothing.
    pub(crate) async fn settle_claims(&self, work: ClaimWork) -> Result<GrantRound, StoreError> {
        let waiting = self.stores.claims.list_work(work, AT_ONCE).await?;
        if waiting.is_empty() {
            return Ok(GrantRound { finished: 0, waiting_since: None });
        }
        let rewards = self.rewards_of_claims(&waiting).await?;
        let rewards = self.give_codes(&waiting, rewards).await;
        let mut entries = Vec::new();
        let mut settled = Vec::new();
        let mut left = Vec::new();
        for claim in &waiting {
            match rewards.get(&claim.id) {
                Some(Ok(rewards)) => {
                    entries.extend(self.entries_of(claim, rewards, work));
                    settled.push(claim.id);
                }
                Some(Err(error)) => {
                    tracing::error!(claim = %claim.id, %error, "the rewards of a request cannot be granted");
                    left.push(claim.updated_at);
                }
                None => left.push(claim.updated_at),
            }
        }
        self.stores.ledger.add(entries).await?;
        let finished = u64::try_from(settled.len()).unwrap_or(u64::MAX);
        self.stores.claims.finish_work(settled, work).await?;
        let has_more = waiting.len() == AT_ONCE;
        let behind = waiting.last().filter(|_| has_more).map(|claim| claim.updated_at);
        Ok(GrantRound { finished, waiting_since: left.into_iter().chain(behind).min() })
    }

    /// A revoked claim's grants are made first if they are not there: what is taken back was given.
    fn entries_of(&self, claim: &Claim, rewards: &[Reward], work: ClaimWork) -> Vec<LedgerEntry> {
        let mut entries = plan_entries(claim, rewards, LedgerKind::Grant, || self.ids.mint());
        if work == ClaimWork::Reverse {
            entries.extend(plan_entries(claim, rewards, LedgerKind::Reversal, || self.ids.mint()));
        }
        entries
    }

    /// The rewards of the revision that each claim was made under.
    pub(crate) async fn rewards_of_claims(
        &self,
        claims: &[Claim],
    ) -> Result<HashMap<ClaimId, Result<Vec<Reward>, StoreError>>, StoreError> {
        let mut keys: Vec<_> = claims.iter().map(revision_of).collect();
        keys.sort_unstable();
        keys.dedup();
        let revisions = self.stores.revisions.find_many(&keys).await?;
        let ids = revisions.values().filter_map(|found| found.as_ref().ok()).flat_map(reward_ids);
        let ids: Vec<_> = ids.collect();
        let found = self.stores.rewards.find_many(&ids).await?;
        let rewards_of = |revision: &EventRevision| -> Result<Vec<Reward>, StoreError> {
            let missing = || StoreError::corrupt("event-db", "a reward of the event's revision is gone");
            reward_ids(revision).map(|id| found.get(&id).cloned().ok_or_else(missing)?).collect()
        };
        let by_claim = claims.iter().filter_map(|claim| {
            let revision = revisions.get(&revision_of(claim))?;
            Some((claim.id, revision.as_ref().map_err(Clone::clone).and_then(&rewards_of)))
        });
        Ok(by_claim.collect())
    }

    /// Takes back a claim that was approved, with all it gave. Of several who do so at the same time one does.
    pub(crate) async fn revoke_claim(
        &self,
        admin: &UserOrKey,
        id: ClaimId,
        reason: String,
        author: ChangeAuthor,
    ) -> Result<RevokedClaim, RevokeClaimError> {
        let (claim, _) = self.stores.claims.find(id).await?.ok_or(RevokeClaimError::Unknown)?;
        let mut rewards = self.rewards_of_claims(std::slice::from_ref(&claim)).await?;
        let rewards = rewards.remove(&id).unwrap_or_else(|| Ok(Vec::new()))?;
        let verdict = Verdict { by: decider_of(admin), at: self.now(), reason: Some(reason) };
        let (mark, stamp) = (self.ids.mint().id, self.stamp(author));
        let returned = returned_seats(&claim, &rewards);
        let revocation = Revocation { claim: id, mark, verdict, stamp, returned };
        let claim = match self.stores.claims.revoke(revocation).await? {
            RevokeOutcome::Revoked(claim) => claim,
            RevokeOutcome::NotApproved(claim) => return Err(RevokeClaimError::NotApproved(claim.status)),
            RevokeOutcome::Unknown => return Err(RevokeClaimError::Unknown),
        };
        self.ungranted.call();
        self.unchained.call();
        let remains = rewards.into_iter().filter_map(|reward| what_remains(&reward).map(|why| (reward, why)));
        Ok(RevokedClaim { claim, remains: remains.collect() })
    }

    /// One page of the ledger, newest first. A user who is no staff sees their own entries, and need not say so.
    pub(crate) async fn list_ledger(
        &self,
        viewer: &UserOrKey,
        mut filter: LedgerFilter,
        page: PageRequest,
    ) -> Result<Page<LedgerEntry>, ShowLedgerError> {
        if let UserOrKey::User(user) = viewer
            && !user.roles.is_staff()
            && *filter.user.get_or_insert(user.id) != user.id
        {
            return Err(ShowLedgerError::Others);
        }
        Ok(self.stores.ledger.list(filter, page).await?)
    }

    /// What a user has.
    pub(crate) async fn find_wallet(
        &self,
        viewer: &UserOrKey,
        user: UserId,
    ) -> Result<Wallet, ShowLedgerError> {
        if !viewer.sees_as_staff() && !viewer.is_user(user) {
            return Err(ShowLedgerError::Others);
        }
        Ok(self.add_up(user).await?)
    }

    /// Adds up a user's entries from what was saved on, and saves what is old enough, so that the next wallet costs no more
    /// however long the ledger is.
    async fn add_up(&self, user: UserId) -> Result<Wallet, StoreError> {
        let saved = self.stores.ledger.find_balance(user).await?;
        let mut after = saved.as_ref().map(|saved| saved.through);
        let mut wallet = saved.map(|saved| read_holding(saved.holding)).transpose()?.unwrap_or_default();
        let settled_until = ObjectId::floor(self.now().plus_seconds(-SETTLED_AFTER));
        let mut unsaved = 0;
        loop {
            let entries = self.stores.ledger.of_user_after(user, after, ENTRIES_AT_ONCE).await?;
            let is_last = entries.len() < ENTRIES_AT_ONCE;
            let settled = entries.partition_point(|entry| entry.id < settled_until);
            let (old, young) = entries.split_at(settled);
            unsaved += old.len();
            if let Some(through) = wallet.add_all(old)
                && (unsaved >= UNSAVED_ENTRIES)
            {
                self.save_balance(user, through, &wallet).await;
                unsaved = 0;
            }
            wallet.add_all(young);
            if is_last {
                return Ok(wallet);
            }
            after = entries.last().map(|entry| entry.id);
        }
    }

    /// Where it cannot be saved, the next wallet has more to add up.
    async fn save_balance(&self, user: UserId, through: ObjectId, wallet: &Wallet) {
        let Ok(holding) = serde_json::to_value(wallet) else { return };
        if let Err(error) = self.stores.ledger.save_balance(WalletBalance { user, through, holding }).await {
            tracing::warn!(%error, "a wallet's balance is not saved");
        }
    }
}

pub(super) fn read_holding(holding: serde_json::Value) -> Result<Wallet, StoreError> {
    serde_json::from_value(holding).map_err(|error| StoreError::corrupt("event-db", error))
}

/// All but those in pools of coupons, whose codes are used up. What a claim holds was settled when it was stored.
fn returned_seats(claim: &Claim, rewards: &[Reward]) -> Vec<ObjectId> {
    let is_pool =
        |seat: &ObjectId| rewards.iter().any(|reward| reward.kind.is_pool() && reward.id.0 == *seat);
    claim.seats.iter().filter(|seat| !is_pool(seat)).copied().collect()
}

pub(super) fn revision_of(claim: &Claim) -> RevisionKey {
    RevisionKey { event: claim.event_id, revision: claim.event_revision }
}

fn reward_ids(revision: &EventRevision) -> impl Iterator<Item = RewardId> {
    revision.details.iter().flat_map(|details| details.rewards.iter().map(|place| place.reward))
}
