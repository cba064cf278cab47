use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use domain::{Event, EventId, EventStatus, Phase, Timestamp};
use service_kit::page::{Page, PageRequest};

use super::StoreError;

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

/// The events (`events` in event-db).
#[async_trait]
pub trait EventStore: Send + Sync + fmt::Debug {
    /// Stores a new event together with its first revision.
    ///
    /// An adapter without transactions stores the revision first: a crash between leaves one of an event that there is not.
    async fn create(&self, event: Event) -> Result<(), StoreError>;

    /// The events with these ids, as far as there are any, in one round trip.
    async fn find_many(&self, ids: &[EventId]) -> Result<FoundByEvent<Event>, StoreError>;

    /// One page, newest first. Walks an index from the cursor on; phase and name are looked at on the way. A walk by these
    /// may be long: few of them run at once, and one that does not end in time is unavailable.
    async fn list(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>, StoreError>;
}
