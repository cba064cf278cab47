use std::collections::HashMap;

use domain::{ClaimId, LedgerEntry, LedgerKind, Reward, RewardId, RewardKind, RewardType};
use event_store::{RewardFilter, StoreError};
use service_kit::page::PageRequest;

use super::invariants::{Invariant, InvariantCheck};
use crate::service::EventService;

/// Coupons among which a round looks for pools.
const WINDOW: usize = 200;
/// Pools that a round counts: that takes the longer the more codes and claims there are.
const POOLS_AT_ONCE: usize = 3;

/// A code of a pool that the ledger has for a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GrantedCode {
    pool: RewardId,
    code: String,
    claim: ClaimId,
}

/// The codes that were granted of those of the rewards that are pools.
pub(super) fn granted_codes(rewards: &[Reward], entries: &[LedgerEntry]) -> Vec<GrantedCode> {
    let is_pool = |id| rewards.iter().any(|reward| reward.id == id && reward.kind.is_pool());
    let code = |entry: &LedgerEntry| match &entry.reward.kind {
        RewardKind::Coupon { coupon_code, .. }
            if entry.kind == LedgerKind::Grant && is_pool(entry.reward.id) =>
        {
            Some(GrantedCode { pool: entry.reward.id, code: coupon_code.clone(), claim: entry.claim_id })
        }
        _ => None,
    };
    entries.iter().filter_map(code).collect()
}

impl EventService {
    /// That these codes were given to these claims, and the next pools' numbers. A code is in its pool once, and has one
    /// holder: so none was given to two.
    pub(super) async fn check_codes(&self, granted: Vec<GrantedCode>) -> Result<InvariantCheck, StoreError> {
        let mut check = InvariantCheck::new(Invariant::CodesGivenOnce);
        let mut by_pool: HashMap<RewardId, Vec<GrantedCode>> = HashMap::new();
        for code in granted {
            by_pool.entry(code.pool).or_default().push(code);
        }
        for (pool, granted) in by_pool {
            let codes = granted.iter().map(|granted| granted.code.clone()).collect();
            let holders = self.stores.code_pools.find_holders(pool, codes).await?;
            for GrantedCode { code, claim, .. } in &granted {
                let is_given = holders.get(code) == Some(claim);
                // The code itself is nobody's business here.
                check.note(
                    (!is_given)
                        .then(|| format!("request {claim} has a code of pool {pool} it was not given")),
                );
            }
        }
        for pool in self.next_pools().await? {
            check.note(self.pool_fault(pool).await?);
        }
        Ok(check)
    }

    async fn next_pools(&self) -> Result<Vec<RewardId>, StoreError> {
        let before = *self.invariant_cursors.pools.lock();
        let filter = RewardFilter { reward_type: Some(RewardType::Coupon), name: None };
        let found = self.stores.rewards.list(&filter, PageRequest { limit: WINDOW, before }).await?;
        let pools = found.items.iter().filter(|reward| reward.kind.is_pool()).map(|reward| reward.id);
        let pools: Vec<_> = pools.take(POOLS_AT_ONCE).collect();
        let last_pool = pools.last().filter(|_| pools.len() == POOLS_AT_ONCE).map(|pool| pool.0);
        let next = found.next_cursor.and_then(|cursor| cursor.parse().ok());
        *self.invariant_cursors.pools.lock() = last_pool.or(next);
        Ok(pools)
    }

    /// Looked at again where something is wrong: an import or a grant may be under way.
    async fn pool_fault(&self, pool: RewardId) -> Result<Option<String>, StoreError> {
        let mut fault = None;
        for _ in 0..3 {
            fault = self.stock_fault(None, pool.0).await?;
            if fault.is_some() {
                continue;
            }
            let Some(counter) = self.stores.stock.find_many(&[pool.0]).await?.remove(&pool.0) else {
                continue;
            };
            let codes = self.stores.code_pools.count(pool).await?;
            let held = self.stores.stock.count_held(None, pool.0).await?;
            fault = if counter.total > codes.total {
                Some(format!("pool {pool} has {} seats and {} codes", counter.total, codes.total))
            } else if codes.taken > held {
                Some(format!(
                    "of pool {pool} {} codes were given out, {held} claims hold a seat",
                    codes.taken
                ))
            } else {
                return Ok(None);
            };
        }
        Ok(fault)
    }
}
