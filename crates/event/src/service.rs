use std::sync::Arc;

use domain::{IdGenerator, Timestamp};
use event_store::Stores;
use service_kit::metrics::LabelCounters;

use crate::{
    activity_figures::ActivityFigures,
    catalogue::EventCatalogue,
    claim_figures::{ClaimOutcomeLabel, claim_counters},
};

/// The event service. Its use cases are methods, in `app`. Cheap to clone, as every request does.
#[derive(Debug, Clone)]
pub struct EventService(Arc<EventParts>);

/// What the service works with.
#[derive(Debug)]
pub struct EventParts {
    pub(crate) stores: Arc<Stores>,
    pub(crate) ids: IdGenerator,
    pub(crate) catalogue: EventCatalogue,
    pub(crate) claim_figures: LabelCounters<ClaimOutcomeLabel>,
    pub(crate) activity_figures: ActivityFigures,
}

impl EventService {
    /// The service over these stores; `ids` mints ids and has the clock. Starts the tasks that read for
    /// many requests at once, so it needs a runtime; they end with the last clone.
    pub fn start(stores: Stores, ids: IdGenerator) -> Self {
        let catalogue = EventCatalogue::start(&stores);
        Self(Arc::new(EventParts {
            stores: Arc::new(stores),
            ids,
            catalogue,
            claim_figures: claim_counters(),
            activity_figures: ActivityFigures::new(),
        }))
    }

    /// The present moment. Ids never go back, so after the clock was set back a minted id's moment lies
    /// behind it.
    pub(crate) fn now(&self) -> Timestamp {
        self.ids.clock().now()
    }
}

impl std::ops::Deref for EventService {
    type Target = EventParts;

    fn deref(&self) -> &EventParts {
        &self.0
    }
}
