//! What every adapter must do, races included: one suite per port. An adapter's tests run each of these on it.

pub(crate) mod activities;
pub(crate) mod attributes;
pub(crate) mod audit;
pub(crate) mod claims;
pub(crate) mod code_pools;
pub(crate) mod decisions;
pub(crate) mod events;
pub(crate) mod ledger;
pub(crate) mod revisions;
pub(crate) mod rewards;
pub(crate) mod stock;
pub(crate) mod transfer;

use std::sync::Arc;

use ::audit::ChangeStamp;
use domain::{
    Approval, ChangeAuthor, ClaimId, Event, EventId, EventStatus, IdGenerator, ObjectId, Reward, RewardId,
    RewardKind, RewardPlace, SystemClock, Timestamp, UserId,
};
use serde_json::json;

use crate::{Attachment, ChangeOutcome, EventChange, NewEvent, RewardChange, Stores};

/// What follows from other tables: it is made anew as those are moved.
pub(crate) const DERIVED_TABLES: [&str; 5] =
    ["activity_sheets", "activity_types", "activity_users", "attribute_names", "wallets"];

pub(crate) fn new_ids() -> IdGenerator {
    IdGenerator::new(Arc::new(SystemClock))
}

/// A change by the command line now.
pub(crate) fn stamp_now() -> ChangeStamp {
    ChangeStamp::new(new_ids().mint(), ChangeAuthor::COMMAND)
}

/// An event to be created by the command line.
pub(crate) fn new_event(event: Event) -> NewEvent {
    NewEvent { event, stamp: stamp_now(), copy_of: None }
}

pub(crate) fn nth_user(number: u32) -> UserId {
    let mut id = [0; 12];
    id[8..].copy_from_slice(&number.to_be_bytes());
    UserId(ObjectId::from_bytes(id))
}

fn parse_time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An event with every field set.
pub(crate) fn full_event(ids: &IdGenerator) -> Event {
    let minted = ids.mint();
    Event {
        id: EventId(minted.id),
        name: "Spring Ärger 100%".into(),
        description: Some("Line one\nline two".into()),
        condition: json!({"and": [{">=": [{"var": "user.ageDays"}, 7]}, {"in": ["USER", {"var": "user.roles"}]}]}),
        period_start: parse_time("2026-05-01T00:00:00.001Z"),
        period_end: Some(parse_time("2026-06-01T00:00:00Z")),
        timezone: "Asia/Seoul".into(),
        status: EventStatus::Active,
        approval: Approval::Manual,
        rewards: Vec::new(),
        revision: 1,
        created_by: nth_user(9),
        created_at: minted.at,
        updated_at: minted.at,
    }
}

pub(crate) fn any_reward(ids: &IdGenerator, kind: RewardKind) -> Reward {
    let minted = ids.mint();
    Reward {
        id: RewardId(minted.id),
        name: "A reward".into(),
        kind,
        created_at: minted.at,
        updated_at: minted.at,
    }
}

/// The event as it is with one more reward, and the change that makes it so.
pub(crate) fn attach_change(ids: &IdGenerator, event: &Event, reward: &Reward, is_new: bool) -> EventChange {
    let minted = ids.mint();
    let attachment = Attachment { id: minted.id, event: event.id, reward: reward.id, at: minted.at };
    let mut event = Event { revision: event.revision + 1, updated_at: minted.at, ..event.clone() };
    event.rewards.push(RewardPlace {
        attachment: minted.id,
        reward: reward.id,
        has_stock: false,
        is_pool: reward.kind.is_pool(),
    });
    let rewards = RewardChange::Attach { new: is_new.then(|| reward.clone()), attachment, stock: None };
    EventChange { event, changed_by: nth_user(9), stamp: stamp_now(), rewards }
}

/// The event with one more reward.
async fn attach_new(db: &Stores, ids: &IdGenerator, event: &Event, reward: &Reward) -> Event {
    let change = attach_change(ids, event, reward, true);
    assert_eq!(db.events.change(change.clone()).await.unwrap(), ChangeOutcome::Changed);
    change.event
}

/// Stores an event, a coupon attached to it and a claim on it; returns their ids.
pub(crate) async fn store_one_of_each(stores: &Stores) -> (EventId, RewardId, ClaimId) {
    let ids = new_ids();
    let event = full_event(&ids);
    stores.events.create(new_event(event.clone())).await.unwrap();
    let kind =
        RewardKind::Coupon { coupon_code: "SPRING10".into(), expiry: parse_time("2027-01-01T00:00:00Z") };
    let reward = any_reward(&ids, kind);
    attach_new(stores, &ids, &event, &reward).await;
    let claim = claims::new_claim(ids.mint(), nth_user(1), event.id);
    let id = claim.request.id;
    stores.claims.claim_once(claim).await.unwrap();
    let activity = activities::new_activity("a", 1, "login", "2026-05-02T10:00:00Z", None);
    stores.activities.record(vec![activity], parse_time("2026-05-02T10:00:00Z")).await.unwrap();
    stores.attributes.put(attributes::new_attributes(1, &json!({"level": 1})), stamp_now()).await.unwrap();
    (event.id, reward.id, id)
}
