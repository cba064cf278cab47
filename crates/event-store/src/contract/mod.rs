//! What every adapter must do, races included: one suite per port. An adapter's tests run each of these on it.

pub(crate) mod claims;
pub(crate) mod events;
pub(crate) mod rewards;
pub(crate) mod transfer;

use std::sync::Arc;

use domain::{
    Approval, Event, EventId, EventStatus, IdGenerator, ObjectId, Reward, RewardId, RewardKind, SystemClock,
    Timestamp, UserId,
};
use serde_json::json;

fn ids() -> IdGenerator {
    IdGenerator::new(Arc::new(SystemClock))
}

fn user(number: u32) -> UserId {
    let mut id = [0; 12];
    id[8..].copy_from_slice(&number.to_be_bytes());
    UserId(ObjectId::from_bytes(id))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An event with every field set.
fn event(ids: &IdGenerator) -> Event {
    let minted = ids.mint();
    Event {
        id: EventId(minted.id),
        name: "Spring Ärger 100%".into(),
        description: Some("Line one\nline two".into()),
        condition: json!({"and": [{">=": [{"var": "user.ageDays"}, 7]}, {"in": ["USER", {"var": "user.roles"}]}]}),
        period_start: at("2026-05-01T00:00:00.001Z"),
        period_end: Some(at("2026-06-01T00:00:00Z")),
        timezone: "Asia/Seoul".into(),
        status: EventStatus::Active,
        approval: Approval::Manual,
        revision: 1,
        created_by: user(9),
        created_at: minted.at,
        updated_at: minted.at,
    }
}

fn reward(ids: &IdGenerator, kind: RewardKind) -> Reward {
    let minted = ids.mint();
    Reward {
        id: RewardId(minted.id),
        name: "A reward".into(),
        kind,
        created_at: minted.at,
        updated_at: minted.at,
    }
}

/// Stores an event, a coupon attached to it and a claim on it; returns their ids.
pub(crate) async fn one_of_each<T>(db: &T) -> (EventId, RewardId, domain::ClaimId)
where
    T: crate::EventStore + crate::RewardStore + crate::ClaimStore,
{
    let ids = ids();
    let event = event(&ids);
    crate::EventStore::create(db, event.clone()).await.unwrap();
    let kind = RewardKind::Coupon { coupon_code: "SPRING10".into(), expiry: at("2027-01-01T00:00:00Z") };
    let reward = reward(&ids, kind);
    let minted = ids.mint();
    let place = crate::Attachment { id: minted.id, event: event.id, reward: reward.id, at: minted.at };
    db.create_attached(reward.clone(), place).await.unwrap();
    let claim = claims::new_claim(ids.mint(), user(1), event.id);
    let id = claim.request.id;
    db.claim_once(claim).await.unwrap();
    (event.id, reward.id, id)
}
