use domain::{Event, EventId, IdGenerator, Reward, RewardId, RewardKind};

use super::{any_reward, full_event, new_ids, parse_time};
use crate::{AttachOutcome, Attachment, Stores};

fn new_place(ids: &IdGenerator, event: &Event, reward: RewardId) -> Attachment {
    let minted = ids.mint();
    Attachment { id: minted.id, event: event.id, reward, at: minted.at }
}

async fn store_event(db: &Stores, ids: &IdGenerator) -> Event {
    let event = full_event(ids);
    db.events.create(event.clone()).await.unwrap();
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
    for reward in rewards.iter().rev() {
        db.rewards.create_attached(reward.clone(), new_place(&ids, &spring, reward.id)).await.unwrap();
    }
    let expected: Vec<_> = rewards.into_iter().rev().collect();
    let unknown = EventId(ids.mint().id);
    let found = db.rewards.of_events(&[spring.id, bare.id, unknown, spring.id]).await.unwrap();
    assert_eq!(found[&spring.id].as_ref().unwrap(), &expected);
    assert!(!found.contains_key(&bare.id) && !found.contains_key(&unknown));
    assert!(db.rewards.of_events(&[]).await.unwrap().is_empty());
}

pub(crate) async fn an_existing_reward_is_attached_to_each_event_once(db: Stores) {
    let ids = new_ids();
    let (one, other) = (store_event(&db, &ids).await, store_event(&db, &ids).await);
    let points = any_reward(&ids, RewardKind::Point { points: 5 });
    db.rewards.create_attached(points.clone(), new_place(&ids, &one, points.id)).await.unwrap();
    assert_eq!(db.rewards.attach(new_place(&ids, &one, points.id)).await.unwrap(), AttachOutcome::Already);
    assert_eq!(
        db.rewards.attach(new_place(&ids, &other, points.id)).await.unwrap(),
        AttachOutcome::Attached(points.clone())
    );
    let unknown = RewardId(ids.mint().id);
    assert_eq!(
        db.rewards.attach(new_place(&ids, &other, unknown)).await.unwrap(),
        AttachOutcome::UnknownReward
    );
    for event in [&one, &other] {
        assert_eq!(rewards_of(&db, event).await, std::slice::from_ref(&points));
    }
}

pub(crate) async fn of_many_who_attach_one_reward_one_succeeds(db: Stores) {
    let ids = new_ids();
    let (one, other) = (store_event(&db, &ids).await, store_event(&db, &ids).await);
    let points = any_reward(&ids, RewardKind::Point { points: 5 });
    db.rewards.create_attached(points.clone(), new_place(&ids, &one, points.id)).await.unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (db, place) = (db.clone(), new_place(&ids, &other, points.id));
            tokio::spawn(async move { db.rewards.attach(place).await.unwrap() })
        })
        .collect();
    let mut attached = 0;
    for task in tasks {
        attached += usize::from(task.await.unwrap() != AttachOutcome::Already);
    }
    assert_eq!(attached, 1);
    assert_eq!(rewards_of(&db, &other).await, [points]);
}
