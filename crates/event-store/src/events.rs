use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{Event, EventId, EventStatus, ObjectId, Phase, Reward, RewardId, Timestamp, UserId};
use service_kit::page::{Page, PageRequest};

use super::{Attachment, StoreError};

/// Which events to list: those that match everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only events with this status.
    pub status: Option<EventStatus>,
    /// Only events that are in this phase at this moment.
    pub phase: Option<(Phase, Timestamp)>,
    /// Only events whose name contains this, whatever the case (see [`domain::fold_text`]).
    pub name: Option<String>,
}

/// What was found of each event: a record that cannot be read is nobody else's failure.
pub type FoundByEvent<T> = HashMap<EventId, Result<T, StoreError>>;

/// An event that is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The event, at its first revision.
    pub event: Event,
    /// Who creates it.
    pub stamp: ChangeStamp,
    /// The event that it is a copy of, if it is one.
    pub copy_of: Option<EventId>,
}

/// A change of an event, which makes its next revision.
#[derive(Debug, Clone, PartialEq)]
pub struct EventChange {
    /// The event as it is to be. It replaces the revision before its own.
    pub event: Event,
    /// Who changes it.
    pub changed_by: UserId,
    /// The same for the audit log.
    pub stamp: ChangeStamp,
    /// What becomes of its rewards; [`Event::rewards`] says the same.
    pub rewards: RewardChange,
}

/// What a change of an event does to its rewards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RewardChange {
    /// Nothing.
    #[default]
    Same,
    /// One more.
    Attach {
        /// The reward, if it is new.
        new: Option<Reward>,
        /// Its place.
        attachment: Attachment,
        /// How many there are of it, if that is limited.
        stock: Option<i64>,
    },
    /// One less: the one of this attachment.
    Detach(ObjectId),
    /// Nothing but whether one of them is limited.
    Limit {
        /// The reward.
        reward: RewardId,
        /// Whether it is from now on.
        is_limited: bool,
    },
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// The event is now as it was to be.
    Changed,
    /// The event is no longer at the revision the change was made from. Nothing was changed.
    Outdated,
    /// There is no such event (any more).
    UnknownEvent,
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// The event is gone, with its revisions. Its rewards remain, attached to it no more.
    Deleted,
    /// Somebody has claimed it; nothing was changed.
    HasClaims,
    /// The event is no longer at the revision that was to be deleted. Nothing was changed.
    Outdated,
    /// There is no such event.
    UnknownEvent,
}

/// The events (`events` in event-db). What is done to them has its entry in the audit log.
#[async_trait]
pub trait EventStore: Send + Sync + fmt::Debug {
    /// Stores a new event together with its first revision, and attaches its rewards, which exist.
    ///
    /// An adapter without transactions stores the revision first: a crash between leaves one of an event that there is not.
    async fn create(&self, new: NewEvent) -> Result<(), StoreError>;

    /// Replaces an event that is still at the revision before; of many who change the same revision one does. The new
    /// revision is stored with it.
    ///
    /// An adapter without transactions stores the revision first, and that decides who changes: a crash between leaves a
    /// revision that the next change puts into force before it looks at the event.
    async fn change(&self, change: EventChange) -> Result<ChangeOutcome, StoreError>;

    /// Deletes an event that nobody has claimed, and that still is at this revision where one is given. No claim is stored on an event that is gone.
    async fn delete(
        &self,
        id: EventId,
        at_revision: Option<i64>,
        stamp: ChangeStamp,
    ) -> Result<DeleteOutcome, StoreError>;

    /// The events with these ids, as far as there are any, in one round trip.
    async fn find_many(&self, ids: &[EventId]) -> Result<FoundByEvent<Event>, StoreError>;

    /// One page, newest first. Walks an index from the cursor on; phase and name are looked at on the way. A walk by these
    /// may be long: few of them run at once, and one that does not end in time is unavailable.
    async fn list(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>, StoreError>;
}
