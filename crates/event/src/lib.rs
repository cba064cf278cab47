//! The event service: events, rewards, claims.
//!
//! `router` answers the public routes; `claim` decides claims and is pure; `catalogue` reads events and rewards for many
//! requests at once; `store` has the ports and their adapters.

mod catalogue;
mod claim;
mod handlers;
mod router;
#[cfg(test)]
mod test_app;

use std::sync::Arc;

use domain::IdGenerator;

pub use router::{document, router};

use catalogue::Catalogue;
use event_store::{ClaimStore, EventStore, RevisionStore, RewardStore};

/// What the service works with.
#[derive(Debug)]
pub struct EventParts {
    /// The events.
    pub events: Arc<dyn EventStore>,
    /// What events said at each of their revisions.
    pub revisions: Arc<dyn RevisionStore>,
    /// The rewards, and which events have them.
    pub rewards: Arc<dyn RewardStore>,
    /// The claims.
    pub requests: Arc<dyn ClaimStore>,
    /// Mints ids, and has the clock.
    pub ids: IdGenerator,
}

/// The service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventService {
    parts: Arc<EventParts>,
    catalogue: Catalogue,
}

impl EventService {
    /// The service over these parts. Starts tasks, so it needs a runtime.
    pub fn new(parts: EventParts) -> Self {
        let catalogue = Catalogue::over(Arc::clone(&parts.events), Arc::clone(&parts.rewards));
        Self { parts: Arc::new(parts), catalogue }
    }
}

impl std::ops::Deref for EventService {
    type Target = EventParts;

    fn deref(&self) -> &EventParts {
        &self.parts
    }
}
