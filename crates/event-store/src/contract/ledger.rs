use domain::{ClaimId, EventId, IdGenerator, LedgerEntry, LedgerKind, ObjectId, Reward, RewardKind, UserId};
use serde_json::json;
use service_kit::page::PageRequest;

use super::{any_reward, new_ids, nth_user, parse_time};
use crate::{LedgerFilter, Stores, WalletBalance};

/// The claim of a user has the user's number as its id.
fn claim_of(user: UserId) -> ClaimId {
    ClaimId(user.0)
}

pub(super) fn new_entry(
    ids: &IdGenerator,
    user: u32,
    event: EventId,
    reward: &Reward,
    kind: LedgerKind,
) -> LedgerEntry {
    let minted = ids.mint();
    let user_id = nth_user(user);
    LedgerEntry {
        id: minted.id,
        kind,
        claim_id: claim_of(user_id),
        event_id: event,
        user_id,
        reward: reward.clone(),
        at: minted.at,
    }
}

pub(crate) async fn each_claim_reward_and_kind_is_entered_once(db: Stores) {
    let ids = new_ids();
    let event = EventId(ids.mint().id);
    let rewards = [
        any_reward(&ids, RewardKind::Item { item_id: "sword".into(), quantity: 3 }),
        any_reward(
            &ids,
            RewardKind::Coupon { coupon_code: "C".into(), expiry: parse_time("2027-01-01T00:00:00.123Z") },
        ),
    ];
    let attempts = (0..20).map(|_| {
        let entries: Vec<_> = (1..=3)
            .flat_map(|user| rewards.iter().map(move |reward| (user, reward)))
            .map(|(user, reward)| new_entry(&ids, user, event, reward, LedgerKind::Grant))
            .collect();
        let db = db.clone();
        tokio::spawn(async move { db.ledger.add(entries).await })
    });
    for attempt in attempts.collect::<Vec<_>>() {
        attempt.await.unwrap().unwrap();
    }
    let reversal = new_entry(&ids, 2, event, &rewards[0], LedgerKind::Reversal);
    db.ledger.add(vec![reversal.clone()]).await.unwrap();
    for user in [1, 2, 3] {
        let user = nth_user(user);
        let of_claims =
            db.ledger.of_claims(&[(user, claim_of(user)), (nth_user(9), claim_of(user))]).await.unwrap();
        assert_eq!(of_claims.len(), 1);
        let entries = of_claims[&claim_of(user)].clone();
        let grants: Vec<_> = entries.iter().filter(|entry| entry.kind == LedgerKind::Grant).collect();
        assert_eq!(grants.len(), 2);
        for reward in &rewards {
            assert!(grants.iter().any(|entry| entry.reward == *reward && entry.user_id == user));
        }
        assert_eq!(db.ledger.of_user_after(user, None, 100).await.unwrap(), entries);
    }
    let entries = db.ledger.of_user_after(nth_user(2), None, 100).await.unwrap();
    assert_eq!(entries.last(), Some(&reversal));
    assert_eq!(db.ledger.of_user_after(nth_user(2), Some(entries[0].id), 1).await.unwrap(), entries[1..2]);
    db.ledger.add(Vec::new()).await.unwrap();
}

pub(crate) async fn ledger_filters_combine(db: Stores) {
    let ids = new_ids();
    let events = [(); 2].map(|()| EventId(ids.mint().id));
    let reward = any_reward(&ids, RewardKind::Point { points: 5 });
    let mut all = Vec::new();
    for number in 0..12_u32 {
        let event = events[usize::from(number % 4 == 0)];
        let mut entry = new_entry(&ids, number % 3, event, &reward, LedgerKind::Grant);
        entry.claim_id = ClaimId(ids.mint().id);
        db.ledger.add(vec![entry.clone()]).await.unwrap();
        all.insert(0, entry);
    }
    for user in [None, Some(nth_user(1)), Some(nth_user(7))] {
        for event in [None, Some(events[0]), Some(events[1])] {
            let expected: Vec<_> = all
                .iter()
                .filter(|entry| user.is_none_or(|user| entry.user_id == user))
                .filter(|entry| event.is_none_or(|event| entry.event_id == event))
                .cloned()
                .collect();
            let (mut seen, mut before) = (Vec::new(), None);
            loop {
                let page = PageRequest { limit: 2, before };
                let found = db.ledger.list(LedgerFilter { user, event }, page).await.unwrap();
                seen.extend(found.items);
                let Some(next) = found.next_cursor else { break };
                before = Some(next.parse().unwrap());
            }
            assert_eq!(seen, expected, "{user:?} {event:?}");
        }
    }
}

pub(crate) async fn a_saved_balance_never_goes_back(db: Stores) {
    let user = nth_user(1);
    assert_eq!(db.ledger.find_balance(user).await.unwrap(), None);
    let balance = move |number: u8| WalletBalance {
        user,
        through: ObjectId::from_bytes([number; 12]),
        holding: json!({"points": number}),
    };
    let saves = (0..20).map(|number| {
        let db = db.clone();
        tokio::spawn(async move { db.ledger.save_balance(balance((number * 7) % 20)).await })
    });
    for save in saves.collect::<Vec<_>>() {
        save.await.unwrap().unwrap();
    }
    assert_eq!(db.ledger.find_balance(user).await.unwrap(), Some(balance(19)));
    db.ledger.save_balance(balance(3)).await.unwrap();
    assert_eq!(db.ledger.find_balance(user).await.unwrap(), Some(balance(19)));
    assert_eq!(db.ledger.find_balance(nth_user(2)).await.unwrap(), None);
    let other = WalletBalance { user: nth_user(2), ..balance(1) };
    db.ledger.save_balance(other.clone()).await.unwrap();
    assert_eq!(db.ledger.list_balances(None, 10).await.unwrap(), [balance(19), other.clone()]);
    assert_eq!(db.ledger.list_balances(Some(user), 10).await.unwrap(), [other]);
    assert_eq!(db.ledger.list_balances(None, 1).await.unwrap(), [balance(19)]);
}
