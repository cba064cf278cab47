use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use domain::{Approval, Event, EventId, EventStatus, RewardPlace, Timestamp, UserId};
use serde::{Deserialize, Serialize};

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
    /// The rest of what it said. None where a version that could not change events kept the condition alone.
    pub details: Option<RevisionDetails>,
}

/// What an event said at one of its revisions besides its condition, and who said it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionDetails {
    /// What people call it.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// First moment of the period.
    pub period_start: Timestamp,
    /// First moment after the period.
    pub period_end: Option<Timestamp>,
    /// IANA name of the zone whose midnights count.
    pub timezone: String,
    /// Switched on or off.
    pub status: EventStatus,
    /// Who decides claims.
    pub approval: Approval,
    /// What claimants get.
    pub rewards: Vec<RewardPlace>,
    /// Who made this revision.
    pub changed_by: UserId,
    /// When.
    pub changed_at: Timestamp,
}

impl EventRevision {
    /// The event as it is now, as this user has made it.
    pub fn from_event(event: &Event, changed_by: UserId) -> Self {
        let details = RevisionDetails {
            name: event.name.clone(),
            description: event.description.clone(),
            period_start: event.period_start,
            period_end: event.period_end,
            timezone: event.timezone.clone(),
            status: event.status,
            approval: event.approval,
            rewards: event.rewards.clone(),
            changed_by,
            changed_at: event.updated_at,
        };
        Self {
            event_id: event.id,
            revision: event.revision,
            condition: event.condition.clone(),
            details: Some(details),
        }
    }

    /// The event as it is once this revision is in force, given the event before. None where only the condition was kept.
    pub(crate) fn apply_to(&self, before: &Event) -> Option<Event> {
        let details = self.details.clone()?;
        Some(Event {
            id: before.id,
            name: details.name,
            description: details.description,
            condition: self.condition.clone(),
            period_start: details.period_start,
            period_end: details.period_end,
            timezone: details.timezone,
            status: details.status,
            approval: details.approval,
            rewards: details.rewards,
            revision: self.revision,
            created_by: before.created_by,
            created_at: before.created_at,
            updated_at: details.changed_at,
        })
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

    /// The revisions of an event below this one, newest first, at most `limit` of them.
    async fn list(&self, event: EventId, below: i64, limit: usize) -> Result<Vec<EventRevision>, StoreError>;

    /// One of them.
    async fn find(&self, key: RevisionKey) -> Result<Option<EventRevision>, StoreError> {
        self.find_many(&[key]).await?.remove(&key).transpose()
    }
}
