//! What a decision on a claim enters into the ledger. Pure.

use domain::{Claim, LedgerEntry, LedgerKind, MintedId, Reward, RewardKind};

/// The entries that a claim's rewards make, one for each.
pub(crate) fn plan_entries(
    claim: &Claim,
    rewards: &[Reward],
    kind: LedgerKind,
    mut mint: impl FnMut() -> MintedId,
) -> Vec<LedgerEntry> {
    let entry = |reward: &Reward| {
        let minted = mint();
        LedgerEntry {
            id: minted.id,
            kind,
            claim_id: claim.id,
            event_id: claim.event_id,
            user_id: claim.user_id,
            reward: reward.clone(),
            at: minted.at,
        }
    };
    rewards.iter().map(entry).collect()
}

/// Why taking a reward back does not undo it; `None` where it does.
pub(crate) fn what_remains(reward: &Reward) -> Option<&'static str> {
    match reward.kind {
        RewardKind::Coupon { .. } | RewardKind::CouponPool { .. } => {
            Some("the user has seen the code and may have used it")
        }
        RewardKind::Point { .. } | RewardKind::Item { .. } | RewardKind::Badge { .. } => None,
    }
}
