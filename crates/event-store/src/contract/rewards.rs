use std::sync::Arc;

use domain::{Event, EventId, IdGenerator, Reward, RewardId, RewardKind};

use super::{at, event, ids, reward};
use crate::{Attached, Attachment, EventStore, RewardStore};

/// Rewards belong to events, so the suite needs both ports of one store.
pub(crate) trait Both: EventStore + RewardStore {}
impl<T: EventStore + RewardStore> Both for T {}

fn place(ids: &IdGenerator, event: &Event, reward: RewardId) -> Attachment {
    let minted = ids.mint();
    Attachment { id: minted.id, event: event.id, reward, at: minted.at }
}

async fn stored_event(db: &impl Both, ids: &IdGenerator) -> Event {
    let event = event(ids);
    EventStore::create(db, event.clone()).await.unwrap();
    event
}

async fn of(db: &impl Both, event: &Event) -> Vec<Reward> {
    db.of_events(&[event.id]).await.unwrap().remove(&event.id).transpose().unwrap().unwrap_or_default()
}

pub(crate) async fn rewards_of_every_kind_come_back_in_the_order_they_were_attached(db: Arc<impl Both>) {
    let ids = ids();
    let (spring, bare) = (stored_event(&*db, &ids).await, stored_event(&*db, &ids).await);
    let kinds = [
        RewardKind::Coupon { coupon_code: "SPRING 10%".into(), expiry: at("2027-01-01T00:00:00.999Z") },
        RewardKind::Point { points: 1_000_000_000_000 },
        RewardKind::Badge { badge_id: "early".into() },
        RewardKind::Item { item_id: "sword".into(), quantity: 3 },
    ];
    let rewards: Vec<_> = kinds.into_iter().map(|kind| reward(&ids, kind)).collect();
    // Attached in the reverse order of their making.
    for reward in rewards.iter().rev() {
        db.create_attached(reward.clone(), place(&ids, &spring, reward.id)).await.unwrap();
    }
    let expected: Vec<_> = rewards.into_iter().rev().collect();
    let unknown = EventId(ids.mint().id);
    let found = db.of_events(&[spring.id, bare.id, unknown, spring.id]).await.unwrap();
    assert_eq!(found[&spring.id].as_ref().unwrap(), &expected);
    assert!(!found.contains_key(&bare.id) && !found.contains_key(&unknown));
    assert!(db.of_events(&[]).await.unwrap().is_empty());
}

pub(crate) async fn an_existing_reward_is_attached_to_each_event_once(db: Arc<impl Both>) {
    let ids = ids();
    let (one, other) = (stored_event(&*db, &ids).await, stored_event(&*db, &ids).await);
    let points = reward(&ids, RewardKind::Point { points: 5 });
    db.create_attached(points.clone(), place(&ids, &one, points.id)).await.unwrap();
    assert_eq!(db.attach(place(&ids, &one, points.id)).await.unwrap(), Attached::Already);
    assert_eq!(db.attach(place(&ids, &other, points.id)).await.unwrap(), Attached::Attached(points.clone()));
    let unknown = RewardId(ids.mint().id);
    assert_eq!(db.attach(place(&ids, &other, unknown)).await.unwrap(), Attached::UnknownReward);
    for event in [&one, &other] {
        assert_eq!(of(&*db, event).await, std::slice::from_ref(&points));
    }
}

pub(crate) async fn of_many_who_attach_one_reward_one_succeeds(db: Arc<impl Both + 'static>) {
    let ids = ids();
    let (one, other) = (stored_event(&*db, &ids).await, stored_event(&*db, &ids).await);
    let points = reward(&ids, RewardKind::Point { points: 5 });
    db.create_attached(points.clone(), place(&ids, &one, points.id)).await.unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (db, place) = (Arc::clone(&db), place(&ids, &other, points.id));
            tokio::spawn(async move { db.attach(place).await.unwrap() })
        })
        .collect();
    let mut attached = 0;
    for task in tasks {
        attached += usize::from(task.await.unwrap() != Attached::Already);
    }
    assert_eq!(attached, 1);
    assert_eq!(of(&*db, &other).await, [points]);
}
