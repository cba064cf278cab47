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
    /// Only events whose name contains this, whatever the case.
    pub name: Option<String>,
}

/// What was found, each by itself: a record that cannot be read is nobody else's failure.
pub type Readable<T> = HashMap<EventId, Result<T, StoreError>>;

/// The events (`events` in event-db).
#[async_trait]
pub trait EventStore: Send + Sync + fmt::Debug {
    /// Stores a new event.
    async fn create(&self, event: Event) -> Result<(), StoreError>;

    /// The events with these ids, as far as there are any, in one round trip.
    async fn find_many(&self, ids: &[EventId]) -> Result<Readable<Event>, StoreError>;

    /// One page, newest first. Walks an index from the cursor on; phase and name are looked at on the way.
    async fn list(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>, StoreError>;
}
