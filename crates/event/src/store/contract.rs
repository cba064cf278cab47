//! What every adapter must do, races included: one suite per port. An adapter's tests run each of these on it.

pub(crate) mod events;
pub(crate) mod requests;
pub(crate) mod rewards;

use std::sync::Arc;

use domain::{
    Approval, Event, EventId, EventStatus, Ids, ObjectId, Reward, RewardId, RewardKind, SystemClock,
    Timestamp, UserId,
};
use serde_json::json;

fn ids() -> Ids {
    Ids::new(Arc::new(SystemClock))
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
fn event(ids: &Ids) -> Event {
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

fn reward(ids: &Ids, kind: RewardKind) -> Reward {
    let minted = ids.mint();
    Reward {
        id: RewardId(minted.id),
        name: "A reward".into(),
        kind,
        created_at: minted.at,
        updated_at: minted.at,
    }
}
