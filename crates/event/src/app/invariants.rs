use std::collections::HashMap;

use audit::AuditHead;
use domain::{
    Claim, ClaimStatus, ClaimWork, EventId, LedgerEntry, LedgerKind, ObjectId, Reward, Timestamp, UserId,
};
use event_store::{ClaimFilter, EventFilter, StoreError, WalletBalance};
use parking_lot::Mutex;
use serde::Serialize;
use service_kit::page::PageRequest;
use store_kit::audit::{AuditFault, verify_onward};

use crate::{
    app::{
        code_checks::{GrantedCode, granted_codes},
        grants::{read_holding, revision_of},
    },
    service::EventService,
    wallet::Wallet,
};

/// Claims, balances and events that one round looks at beyond the newest.
const WINDOW: usize = 2000;
/// The newest claims, which each round looks at.
const NEWEST: usize = 200;
/// Faults that are named; the others are counted.
const NAMED: usize = 20;
/// A user's entries that are added up at a time.
const ENTRIES_AT_ONCE: usize = 1000;

/// What must always be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Invariant {
    /// Each approved claim has each reward of its revision once, and each revoked one has had it taken back once.
    DecisionsMatchLedger,
    /// As many seats are taken of each stock as claims hold one.
    StockMatchesClaims,
    /// Each code that the ledger has of a pool was given to that claim alone, and each pool's seats are held by claims.
    CodesGivenOnce,
    /// What is saved of a wallet is what the ledger comes to.
    WalletsMatchLedger,
    /// Every entry of the audit log is as it was written, and follows the one before.
    AuditChainIntact,
}

/// What a look at one of them came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvariantCheck {
    pub(crate) invariant: Invariant,
    /// How many claims, stocks, wallets or entries were looked at.
    pub(crate) checked: u64,
    pub(crate) violations: u64,
    /// Some of the violations, in words.
    pub(crate) examples: Vec<String>,
    /// Since when the oldest claim waits whose grants are still to be made or taken back.
    pub(crate) in_flight_since: Option<Timestamp>,
}

impl InvariantCheck {
    pub(super) fn new(invariant: Invariant) -> Self {
        Self { invariant, checked: 0, violations: 0, examples: Vec::new(), in_flight_since: None }
    }

    pub(super) fn note(&mut self, violation: Option<String>) {
        self.checked += 1;
        let Some(violation) = violation else { return };
        self.violations += 1;
        if self.examples.len() < NAMED {
            self.examples.push(violation);
        }
    }
}

/// How far the rounds have come: each goes on where the one before ended, and begins anew at the end.
#[derive(Debug)]
pub(crate) struct InvariantCursors {
    claims: Mutex<HashMap<ClaimStatus, ObjectId>>,
    balances: Mutex<Option<UserId>>,
    events: Mutex<Option<ObjectId>>,
    pub(super) pools: Mutex<Option<ObjectId>>,
    /// The entry of the audit log up to which it was found to be right.
    audit: Mutex<AuditHead>,
}

impl Default for InvariantCursors {
    fn default() -> Self {
        Self {
            claims: Mutex::default(),
            balances: Mutex::default(),
            events: Mutex::default(),
            pools: Mutex::default(),
            audit: Mutex::new(AuditHead::EMPTY),
        }
    }
}

impl EventService {
    /// Looks at the newest claims and at the next part of everything else, so that a round costs the same however much is
    /// stored, and every claim, stock and wallet is looked at in turn. Of the audit log, what is new is looked at.
    pub(crate) async fn check_invariants(&self) -> Result<Vec<InvariantCheck>, StoreError> {
        let mut granted = Vec::new();
        Ok(vec![
            self.check_decisions(&mut granted).await?,
            self.check_stock().await?,
            self.check_codes(granted).await?,
            self.check_wallets().await?,
            self.check_audit().await?,
        ])
    }

    /// `granted` gets the codes that the claims it looks at have in the ledger.
    async fn check_decisions(&self, granted: &mut Vec<GrantedCode>) -> Result<InvariantCheck, StoreError> {
        let mut check = InvariantCheck::new(Invariant::DecisionsMatchLedger);
        for status in [ClaimStatus::Approved, ClaimStatus::Revoked] {
            let newest = PageRequest { limit: NEWEST, before: None };
            self.check_claims(status, newest, &mut check, granted).await?;
            let before = self.invariant_cursors.claims.lock().get(&status).copied();
            let page = PageRequest { limit: WINDOW, before };
            let next = self.check_claims(status, page, &mut check, granted).await?;
            let mut cursors = self.invariant_cursors.claims.lock();
            match next {
                Some(next) => cursors.insert(status, next),
                None => cursors.remove(&status),
            };
        }
        for work in [ClaimWork::Grant, ClaimWork::Reverse] {
            let oldest = self.stores.claims.list_work(work, 1).await?;
            let since = oldest.first().map(|claim| claim.updated_at);
            check.in_flight_since = check.in_flight_since.into_iter().chain(since).min();
        }
        Ok(check)
    }

    /// Where to go on.
    async fn check_claims(
        &self,
        status: ClaimStatus,
        page: PageRequest,
        check: &mut InvariantCheck,
        granted: &mut Vec<GrantedCode>,
    ) -> Result<Option<ObjectId>, StoreError> {
        let filter = ClaimFilter { status: Some(status), ..ClaimFilter::default() };
        let found = self.stores.claims.list(&filter, page).await?;
        // A claim that a worker is still to settle is in flight.
        let settled: Vec<_> = found.items.iter().filter(|claim| claim.work.is_none()).cloned().collect();
        let pairs: Vec<_> = settled.iter().map(|claim| (claim.user_id, claim.id)).collect();
        let (rewards, entries) =
            tokio::try_join!(self.rewards_of_claims(&settled), self.stores.ledger.of_claims(&pairs))?;
        for claim in &settled {
            let Some(Ok(rewards)) = rewards.get(&claim.id) else { continue };
            let entries = entries.get(&claim.id).map(Vec::as_slice).unwrap_or_default();
            granted.extend(granted_codes(rewards, entries));
            let mut fault = ledger_fault(claim, rewards, entries);
            if fault.is_some() && self.has_changed(claim).await? {
                // Taken back between the two looks; the next round sees it again.
                fault = None;
            }
            check.note(fault);
        }
        Ok(found.next_cursor.and_then(|cursor| cursor.parse().ok()))
    }

    async fn has_changed(&self, claim: &Claim) -> Result<bool, StoreError> {
        let now = self.stores.claims.find(claim.id).await?;
        Ok(now.is_none_or(|(now, _)| now != *claim))
    }

    async fn check_stock(&self) -> Result<InvariantCheck, StoreError> {
        let mut check = InvariantCheck::new(Invariant::StockMatchesClaims);
        let before = *self.invariant_cursors.events.lock();
        let page = PageRequest { limit: WINDOW, before };
        let found = self.stores.events.list(&EventFilter::default(), page).await?;
        *self.invariant_cursors.events.lock() = found.next_cursor.and_then(|cursor| cursor.parse().ok());
        for event in found.items {
            for place in event.rewards.iter().filter(|place| place.has_stock) {
                check.note(self.stock_fault(Some(event.id), place.attachment).await?);
            }
        }
        Ok(check)
    }

    /// Counted again where they differ: a claim may have come in between.
    pub(super) async fn stock_fault(
        &self,
        event: Option<EventId>,
        counter: ObjectId,
    ) -> Result<Option<String>, StoreError> {
        let mut fault = None;
        for _ in 0..3 {
            let held = self.stores.stock.count_held(event, counter).await?;
            let Some(stock) = self.stores.stock.find_many(&[counter]).await?.remove(&counter) else {
                return Ok(Some(format!("the stock {counter} has no counter")));
            };
            let taken = stock.total - stock.remaining;
            if taken == held {
                return Ok(None);
            }
            fault = Some(format!("{taken} seats of stock {counter} are taken, {held} are held"));
        }
        Ok(fault)
    }

    async fn check_wallets(&self) -> Result<InvariantCheck, StoreError> {
        let mut check = InvariantCheck::new(Invariant::WalletsMatchLedger);
        let after = *self.invariant_cursors.balances.lock();
        let found = self.stores.ledger.list_balances(after, NEWEST).await?;
        *self.invariant_cursors.balances.lock() =
            found.last().filter(|_| found.len() == NEWEST).map(|balance| balance.user);
        for balance in found {
            check.note(self.wallet_fault(balance).await?);
        }
        Ok(check)
    }

    async fn wallet_fault(&self, balance: WalletBalance) -> Result<Option<String>, StoreError> {
        let (mut wallet, mut after) = (Wallet::default(), None);
        loop {
            let entries = self.stores.ledger.of_user_after(balance.user, after, ENTRIES_AT_ONCE).await?;
            let covered = entries.partition_point(|entry| entry.id <= balance.through);
            after = wallet.add_all(&entries[..covered]);
            if covered < ENTRIES_AT_ONCE {
                break;
            }
        }
        let saved = read_holding(balance.holding)?;
        Ok((saved != wallet)
            .then(|| format!("the balance of user {} is not what the ledger comes to", balance.user)))
    }
}

impl EventService {
    /// Goes on where the look before ended, and there as long as something is wrong.
    async fn check_audit(&self) -> Result<InvariantCheck, StoreError> {
        let mut check = InvariantCheck::new(Invariant::AuditChainIntact);
        let before = *self.invariant_cursors.audit.lock();
        match verify_onward(&*self.stores.audit, before, WINDOW).await {
            Ok(head) => {
                check.checked = u64::try_from(head.sequence - before.sequence).unwrap_or_default();
                let mut verified = self.invariant_cursors.audit.lock();
                if head.sequence > verified.sequence {
                    *verified = head;
                }
            }
            Err(AuditFault::Store(error)) => return Err(error),
            Err(fault) => check.note(Some(fault.to_string())),
        }
        Ok(check)
    }
}

/// What is wrong with a claim's entries, in words.
fn ledger_fault(claim: &Claim, rewards: &[Reward], entries: &[LedgerEntry]) -> Option<String> {
    let count = |kind, reward: &Reward| {
        entries.iter().filter(|entry| entry.kind == kind && entry.reward.id == reward.id).count()
    };
    let reversals = usize::from(claim.status == ClaimStatus::Revoked);
    let is_right = |reward: &Reward| {
        count(LedgerKind::Grant, reward) == 1 && count(LedgerKind::Reversal, reward) == reversals
    };
    let expected = rewards.len() * (1 + reversals);
    let is_sound = rewards.iter().all(is_right) && entries.len() == expected;
    (!is_sound).then(|| {
        let status = claim.status.name();
        format!(
            "request {} is {status} at revision {} and has {} entries in the ledger instead of {expected}",
            claim.id,
            revision_of(claim).revision,
            entries.len()
        )
    })
}
