use std::fmt;

use async_trait::async_trait;
use domain::{Event, ObjectId, Reward};
use futures::stream::BoxStream;
use serde::Serialize;

use super::{Attachment, NewClaim, StoreError};

/// The kinds of record, in the order they are to be moved: what others refer to comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// `events`.
    Event,
    /// `rewards`.
    Reward,
    /// `event_rewards`.
    Attachment,
    /// `reward_requests`.
    Request,
}

impl RecordKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Event, Self::Reward, Self::Attachment, Self::Request];

    /// The collection or table that holds them.
    pub const fn collection(self) -> &'static str {
        match self {
            RecordKind::Event => "events",
            RecordKind::Reward => "rewards",
            RecordKind::Attachment => "event_rewards",
            RecordKind::Request => "reward_requests",
        }
    }
}

/// Anything an event-db holds, whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Record {
    /// See [`RecordKind::Event`].
    Event(Event),
    /// See [`RecordKind::Reward`].
    Reward(Reward),
    /// See [`RecordKind::Attachment`].
    Attachment(Attachment),
    /// See [`RecordKind::Request`], in any state.
    Request(NewClaim),
}

impl Record {
    /// The record's own id, by which its kind is ordered.
    pub fn id(&self) -> ObjectId {
        match self {
            Record::Event(event) => event.id.0,
            Record::Reward(reward) => reward.id.0,
            Record::Attachment(attachment) => attachment.id,
            Record::Request(new) => new.request.id.0,
        }
    }
}

/// Moves an event-db from one store to another.
#[async_trait]
pub trait EventTransfer: Send + Sync + fmt::Debug {
    /// All records of a kind with greater ids than `after`, ascending.
    fn export(&self, kind: RecordKind, after: Option<ObjectId>) -> BoxStream<'_, Result<Record, StoreError>>;

    /// Stores records of one kind, leaving those alone that are there, and leaving out those whose unique key another has.
    /// If it is cut off, some of them are stored.
    async fn import(&self, records: Vec<Record>) -> Result<(), StoreError>;
}
