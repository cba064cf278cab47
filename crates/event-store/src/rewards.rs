use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use domain::{EventId, ObjectId, Reward, RewardId, RewardType, Timestamp};
use serde::Serialize;
use service_kit::page::{Page, PageRequest};

use super::{FoundByEvent, StoreError};

/// A reward's place in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// A fresh id; an event's rewards are listed in the order of these.
    pub id: ObjectId,
    /// The event.
    pub event: EventId,
    /// The reward.
    pub reward: RewardId,
    /// When it was attached.
    pub at: Timestamp,
}

/// Which rewards to list: those that match everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RewardFilter {
    /// Only rewards of this type.
    pub reward_type: Option<RewardType>,
    /// Only rewards whose name contains this, whatever the case (see [`domain::fold_text`]).
    pub name: Option<String>,
}

/// What was found of each reward: a record that cannot be read is nobody else's failure.
pub type FoundByReward = HashMap<RewardId, Result<Reward, StoreError>>;

/// The rewards and which events have them (`rewards` and `event_rewards` in event-db). They are stored by
/// [`super::EventStore`] together with the event that gets them, and never change.
#[async_trait]
pub trait RewardStore: Send + Sync + fmt::Debug {
    /// The rewards with these ids, as far as there are any, in one round trip.
    async fn find_many(&self, ids: &[RewardId]) -> Result<FoundByReward, StoreError>;

    /// One page, newest first. Walks an index from the cursor on; the name is looked at on the way, as with events.
    async fn list(&self, filter: &RewardFilter, page: PageRequest) -> Result<Page<Reward>, StoreError>;

    /// The rewards of these events in the order they were attached. Events without any are left out.
    async fn of_events(&self, events: &[EventId]) -> Result<FoundByEvent<Vec<Reward>>, StoreError>;
}

/// Adds a reward to an event's; one that cannot be read makes all of that event's unreadable.
pub(super) fn add_reward(
    rewards: &mut FoundByEvent<Vec<Reward>>,
    event: EventId,
    reward: Result<Reward, StoreError>,
) {
    let list = rewards.entry(event).or_insert_with(|| Ok(Vec::new()));
    match (list, reward) {
        (Ok(list), Ok(reward)) => list.push(reward),
        (list, Err(error)) => *list = Err(error),
        (Err(_), Ok(_)) => {}
    }
}
