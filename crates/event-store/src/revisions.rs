use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use domain::EventId;
use serde::Serialize;

use super::StoreError;

/// Which revision of which event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RevisionKey {
    /// The event.
    pub event: EventId,
    /// Counts its changes, from 1.
    pub revision: i64,
}

/// What an event said at one of its revisions. Never changes once it is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRevision {
    /// The event.
    pub event_id: EventId,
    /// Counts its changes, from 1.
    pub revision: i64,
    /// The condition as it stood.
    pub condition: serde_json::Value,
}

impl EventRevision {
    /// The event as it is now.
    pub fn from_event(event: &domain::Event) -> Self {
        Self { event_id: event.id, revision: event.revision, condition: event.condition.clone() }
    }

    /// By which it is found.
    pub fn key(&self) -> RevisionKey {
        RevisionKey { event: self.event_id, revision: self.revision }
    }
}

/// The events' revisions (`event_revisions` in event-db). They are stored by [`super::EventStore`] together with the change
/// that makes them.
#[async_trait]
pub trait RevisionStore: Send + Sync + fmt::Debug {
    /// These revisions, as far as there are any, in one round trip; each readable or not by itself.
    async fn find_many(
        &self,
        keys: &[RevisionKey],
    ) -> Result<HashMap<RevisionKey, Result<EventRevision, StoreError>>, StoreError>;

    /// One of them.
    async fn find(&self, key: RevisionKey) -> Result<Option<EventRevision>, StoreError> {
        self.find_many(&[key]).await?.remove(&key).transpose()
    }
}
