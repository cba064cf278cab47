//! What a user has, by adding up the ledger. Pure.

use std::collections::BTreeMap;

use domain::{ClaimId, LedgerEntry, LedgerKind, ObjectId, RewardId, RewardKind, Timestamp};
use serde::{Deserialize, Serialize};

/// What a user's entries come to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Wallet {
    /// Below zero where points were taken back that are spent by now.
    pub(crate) points: i64,
    /// How many pieces of each item.
    pub(crate) items: BTreeMap<String, i64>,
    /// How many times each badge.
    pub(crate) badges: BTreeMap<String, i64>,
    /// The coupons, in the order they were granted.
    pub(crate) coupons: Vec<WalletCoupon>,
}

/// A coupon that a user has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WalletCoupon {
    pub(crate) claim: ClaimId,
    pub(crate) reward: RewardId,
    pub(crate) name: String,
    pub(crate) code: String,
    pub(crate) expiry: Timestamp,
    pub(crate) granted_at: Timestamp,
}

impl Wallet {
    /// Adds an entry. The order of entries makes no difference but to the order of coupons.
    pub(crate) fn add(&mut self, entry: &LedgerEntry) {
        let sign = match entry.kind {
            LedgerKind::Grant => 1,
            LedgerKind::Reversal => -1,
        };
        match &entry.reward.kind {
            RewardKind::Point { points } => self.points = self.points.saturating_add(sign * points),
            RewardKind::Item { item_id, quantity } => add_to(&mut self.items, item_id, sign * quantity),
            RewardKind::Badge { badge_id } => add_to(&mut self.badges, badge_id, sign),
            // What is granted of a pool is a coupon.
            RewardKind::CouponPool { .. } => {}
            RewardKind::Coupon { coupon_code, expiry } => match entry.kind {
                LedgerKind::Grant => self.coupons.push(WalletCoupon {
                    claim: entry.claim_id,
                    reward: entry.reward.id,
                    name: entry.reward.name.clone(),
                    code: coupon_code.clone(),
                    expiry: *expiry,
                    granted_at: entry.at,
                }),
                LedgerKind::Reversal => self
                    .coupons
                    .retain(|coupon| (coupon.claim, coupon.reward) != (entry.claim_id, entry.reward.id)),
            },
        }
    }

    /// What these entries come to on top of this, and the last of them.
    pub(crate) fn add_all(&mut self, entries: &[LedgerEntry]) -> Option<ObjectId> {
        for entry in entries {
            self.add(entry);
        }
        entries.last().map(|entry| entry.id)
    }
}

/// What comes to nothing is not kept.
fn add_to(amounts: &mut BTreeMap<String, i64>, key: &str, amount: i64) {
    let sum = amounts.get(key).copied().unwrap_or_default().saturating_add(amount);
    if sum == 0 {
        amounts.remove(key);
    } else {
        amounts.insert(key.to_owned(), sum);
    }
}

#[cfg(test)]
mod tests {
    use domain::{EventId, Reward, UserId};
    use proptest::prelude::*;

    use super::*;
    use crate::test_app::parse_time;

    fn some_entry(number: u8, kind: LedgerKind, gives: RewardKind) -> LedgerEntry {
        let at = parse_time("2026-05-01T09:00:00Z");
        let id = ObjectId::from_bytes([number; 12]);
        LedgerEntry {
            id,
            kind,
            claim_id: ClaimId(id),
            event_id: EventId(id),
            user_id: UserId(id),
            reward: Reward {
                id: RewardId(id),
                name: "A reward".into(),
                kind: gives,
                created_at: at,
                updated_at: at,
            },
            at,
        }
    }

    fn some_kind() -> impl Strategy<Value = RewardKind> {
        let id = "[ab]";
        prop_oneof![
            (1..100_i64).prop_map(|points| RewardKind::Point { points }),
            (id, 1..100_i64).prop_map(|(item_id, quantity)| RewardKind::Item { item_id, quantity }),
            id.prop_map(|badge_id| RewardKind::Badge { badge_id }),
            id.prop_map(|coupon_code| RewardKind::Coupon {
                coupon_code,
                expiry: parse_time("2027-01-01T00:00:00Z"),
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_taken_back_leaves_the_wallet_as_if_it_had_never_been_granted(
            kinds in prop::collection::vec((some_kind(), any::<bool>()), 0..40),
        ) {
            let entries = |only_kept: bool, kind| {
                let numbered = (0_u8..).zip(&kinds).filter(move |(_, (_, kept))| *kept || !only_kept);
                numbered.map(move |(number, (gives, _))| some_entry(number, kind, gives.clone()))
            };
            let mut wallet = Wallet::default();
            for entry in entries(false, LedgerKind::Grant) {
                wallet.add(&entry);
            }
            let taken_back = entries(false, LedgerKind::Reversal).zip(&kinds).filter(|(_, (_, kept))| !kept);
            for (entry, _) in taken_back {
                wallet.add(&entry);
            }
            let mut expected = Wallet::default();
            for entry in entries(true, LedgerKind::Grant) {
                expected.add(&entry);
            }
            prop_assert_eq!(&wallet, &expected);
            let stored = serde_json::to_value(&wallet).unwrap();
            prop_assert_eq!(serde_json::from_value::<Wallet>(stored).unwrap(), wallet);
        }
    }

    #[test]
    fn points_taken_back_after_they_were_spent_make_the_balance_negative() {
        let mut wallet = Wallet::default();
        wallet.add(&some_entry(1, LedgerKind::Reversal, RewardKind::Point { points: 5 }));
        assert_eq!(wallet.points, -5);
    }
}
