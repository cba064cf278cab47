use domain::{Event, EventId, IdGenerator, Reward, RewardId, RewardKind, RewardPlace, RewardType, fold_text};
use service_kit::page::PageRequest;

use super::{
    any_reward, attach_change, attach_new, full_event, new_event, new_ids, nth_user, parse_time, stamp_now,
};
use crate::{ChangeOutcome, EventChange, RewardChange, RewardFilter, Stores};

async fn store_event(db: &Stores, ids: &IdGenerator) -> Event {
    let event = full_event(ids);
    db.events.create(new_event(event.clone())).await.unwrap();
    event
}

async fn rewards_of(db: &Stores, event: &Event) -> Vec<Reward> {
    db.rewards
        .of_events(&[event.id])
        .await
        .unwrap()
        .remove(&event.id)
        .transpose()
        .unwrap()
        .unwrap_or_default()
}

pub(crate) async fn rewards_of_every_kind_come_back_in_the_order_they_were_attached(db: Stores) {
    let ids = new_ids();
    let (spring, bare) = (store_event(&db, &ids).await, store_event(&db, &ids).await);
    let kinds = [
        RewardKind::Coupon {
            coupon_code: "SPRING 10%".into(),
            expiry: parse_time("2027-01-01T00:00:00.999Z"),
        },
        RewardKind::Point { points: 1_000_000_000_000 },
        RewardKind::Badge { badge_id: "early".into() },
        RewardKind::Item { item_id: "sword".into(), quantity: 3 },
    ];
    let rewards: Vec<_> = kinds.into_iter().map(|kind| any_reward(&ids, kind)).collect();
    // Attached in the reverse order of their making.
    let mut grown = spring.clone();
    for reward in rewards.iter().rev() {
        grown = attach_new(&db, &ids, &grown, reward).await;
    }
    let expected: Vec<_> = rewards.into_iter().rev().collect();
    let unknown = EventId(ids.mint().id);
    let found = db.rewards.of_events(&[spring.id, bare.id, unknown, spring.id]).await.unwrap();
    assert_eq!(found[&spring.id].as_ref().unwrap(), &expected);
    assert!(!found.contains_key(&bare.id) && !found.contains_key(&unknown));
    assert!(db.rewards.of_events(&[]).await.unwrap().is_empty());
}

pub(crate) async fn a_reward_is_attached_to_many_events_and_taken_from_one(db: Stores) {
    let ids = new_ids();
    let (one, other) = (store_event(&db, &ids).await, store_event(&db, &ids).await);
    let points = any_reward(&ids, RewardKind::Point { points: 5 });
    let one = attach_new(&db, &ids, &one, &points).await;
    let change = attach_change(&ids, &other, &points, false);
    assert_eq!(db.events.change(change.clone()).await.unwrap(), ChangeOutcome::Changed);
    for event in [&one, &other] {
        assert_eq!(rewards_of(&db, event).await, std::slice::from_ref(&points));
    }
    let other = change.event;
    let place = other.rewards[0];
    let without = Event { revision: other.revision + 1, rewards: Vec::new(), ..other };
    let detach = RewardChange::Detach(place.attachment);
    let change =
        EventChange { event: without.clone(), changed_by: nth_user(9), stamp: stamp_now(), rewards: detach };
    assert_eq!(db.events.change(change).await.unwrap(), ChangeOutcome::Changed);
    assert!(rewards_of(&db, &without).await.is_empty());
    assert_eq!(rewards_of(&db, &one).await, std::slice::from_ref(&points));
    // Once more: a new place.
    let again = attach_change(&ids, &without, &points, false);
    assert_eq!(db.events.change(again).await.unwrap(), ChangeOutcome::Changed);
    assert_eq!(rewards_of(&db, &without).await, std::slice::from_ref(&points));
    let unknown = RewardId(ids.mint().id);
    let found = db.rewards.find_many(&[points.id, unknown]).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[&points.id].as_ref().unwrap(), &points);
}

pub(crate) async fn a_new_event_can_have_rewards_at_once(db: Stores) {
    let ids = new_ids();
    let points = any_reward(&ids, RewardKind::Point { points: 5 });
    let event = store_event(&db, &ids).await;
    let event = attach_new(&db, &ids, &event, &points).await;
    let place = RewardPlace { attachment: ids.mint().id, ..event.rewards[0] };
    let copy = Event { id: EventId(ids.mint().id), revision: 1, rewards: vec![place], ..event };
    db.events.create(new_event(copy.clone())).await.unwrap();
    assert_eq!(rewards_of(&db, &copy).await, [points]);
}

pub(crate) async fn reward_filters_combine(db: Stores) {
    let ids = new_ids();
    let mut event = store_event(&db, &ids).await;
    let mut all = Vec::new();
    for name in ["Spring SALE 100%", "봄맞이 Ärger", "ΟΔΥΣΣΕΥΣ"] {
        for kind in [RewardKind::Point { points: 5 }, RewardKind::Badge { badge_id: "b".into() }] {
            let reward = Reward { name: name.into(), ..any_reward(&ids, kind) };
            event = attach_new(&db, &ids, &event, &reward).await;
            all.insert(0, reward);
        }
    }
    for reward_type in [None, Some(RewardType::Point), Some(RewardType::Badge), Some(RewardType::Item)] {
        for name in [None, Some("sale 100%"), Some("ÄRGER"), Some("%"), Some(".*"), Some("οδυς")] {
            let filter = RewardFilter { reward_type, name: name.map(str::to_owned) };
            let expected: Vec<_> = all
                .iter()
                .filter(|reward| reward_type.is_none_or(|wanted| reward.kind.reward_type() == wanted))
                .filter(|reward| name.is_none_or(|name| fold_text(&reward.name).contains(&fold_text(name))))
                .cloned()
                .collect();
            let (mut seen, mut before) = (Vec::new(), None);
            loop {
                let page = db.rewards.list(&filter, PageRequest { limit: 2, before }).await.unwrap();
                seen.extend(page.items);
                let Some(next) = page.next_cursor else { break };
                before = Some(next.parse().unwrap());
            }
            assert_eq!(seen, expected, "{filter:?}");
        }
    }
}
