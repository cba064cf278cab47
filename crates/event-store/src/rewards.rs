use std::fmt;

use async_trait::async_trait;
use domain::{EventId, ObjectId, Reward, RewardId, Timestamp};
use serde::Serialize;

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

/// What became of attaching a reward that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachOutcome {
    /// It is one of the event's rewards now.
    Attached(Reward),
    /// It was before; nothing was changed.
    Already,
    /// There is no such reward.
    UnknownReward,
}

/// The rewards and which events have them (`rewards` and `event_rewards` in event-db).
#[async_trait]
pub trait RewardStore: Send + Sync + fmt::Debug {
    /// Stores a new reward and attaches it to an event that exists.
    ///
    /// An adapter without transactions stores the reward first: a crash between leaves one that no event has, so that
    /// nobody gets it.
    async fn create_attached(&self, reward: Reward, attachment: Attachment) -> Result<(), StoreError>;

    /// Attaches a reward to an event that exists; of many racers with one reward and event one attaches it.
    async fn attach(&self, attachment: Attachment) -> Result<AttachOutcome, StoreError>;

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
