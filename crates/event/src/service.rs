use std::{sync::Arc, time::Duration};

use domain::{IdGenerator, Timestamp};
use event_store::Stores;
use service_kit::{metrics::LabelCounters, worker::WakeUp};

use crate::{
    activity_figures::ActivityFigures,
    app::invariants::InvariantCursors,
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
    /// Called when a claim is stored that is to be decided by itself.
    pub(crate) undecided: WakeUp,
    /// Called when a claim is approved or revoked: its grants are to be made or taken back.
    pub(crate) ungranted: WakeUp,
    /// Called when something was changed whose entry may wait for its place in the audit log.
    pub(crate) unchained: WakeUp,
    /// How far the rounds of checks have come.
    pub(crate) invariant_cursors: InvariantCursors,
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
            undecided: WakeUp::new(),
            ungranted: WakeUp::new(),
            unchained: WakeUp::new(),
            invariant_cursors: InvariantCursors::default(),
        }))
    }

    /// How long something waits that has waited since then.
    pub(crate) fn waited_since(&self, since: Timestamp) -> Duration {
        let millis = self.now().as_millis().saturating_sub(since.as_millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or_default())
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
