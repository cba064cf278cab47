use std::{sync::Arc, time::Duration};

use domain::Clock;
use event_store::{ActivityStore, StoreError};
use service_kit::worker::{StepReport, Worker};

use crate::service::EventService;

/// Finishes the counting of activities that a process left half done, where the store has no transactions.
#[derive(Debug, Clone)]
pub struct ActivityTidier {
    activities: Arc<dyn ActivityStore>,
    clock: Arc<dyn Clock>,
}

impl EventService {
    /// The worker that tidies this service's activities.
    pub fn activity_tidier(&self) -> ActivityTidier {
        ActivityTidier {
            activities: Arc::clone(&self.stores.activities),
            clock: Arc::clone(self.ids.clock()),
        }
    }
}

impl Worker for ActivityTidier {
    type Error = StoreError;

    fn name(&self) -> &'static str {
        "tidy_activities"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn step(&self) -> Result<StepReport, StoreError> {
        let has_more = self.activities.tidy(self.clock.now()).await?;
        // How long it has waited is not known: what is left was found in this step.
        Ok(StepReport { processed: u64::from(has_more), oldest_waiting: has_more.then_some(Duration::ZERO) })
    }
}
