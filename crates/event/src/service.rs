use std::{ops::Deref, sync::Arc};

use domain::{IdGenerator, Timestamp};
use event_store::{ClaimStore, EventStore, RewardStore};

use crate::catalogue::Catalogue;

/// What the service works with.
#[derive(Debug)]
pub struct EventParts {
    /// The events.
    pub events: Arc<dyn EventStore>,
    /// The rewards, and which events have them.
    pub rewards: Arc<dyn RewardStore>,
    /// The claims.
    pub claims: Arc<dyn ClaimStore>,
    /// Mints ids, and has the clock.
    pub ids: IdGenerator,
}

/// The service. Its use cases are methods, in `app`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventService {
    parts: Arc<EventParts>,
    pub(crate) catalogue: Catalogue,
}

impl EventService {
    /// Starts the tasks that read for many requests at once, so it needs a runtime. They end with the last clone.
    pub fn start(parts: EventParts) -> Self {
        let catalogue = Catalogue::start(Arc::clone(&parts.events), Arc::clone(&parts.rewards));
        Self { parts: Arc::new(parts), catalogue }
    }

    /// The present moment. Ids never go back, so after the clock was set back a minted id's moment lies behind it.
    pub(crate) fn now(&self) -> Timestamp {
        self.ids.clock().now()
    }
}

impl Deref for EventService {
    type Target = EventParts;

    fn deref(&self) -> &EventParts {
        &self.parts
    }
}
