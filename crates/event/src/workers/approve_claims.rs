use std::time::Duration;

use event_store::StoreError;
use service_kit::worker::{StepReport, WakeUp, Worker};

use crate::service::EventService;

/// Approves claims on events that decide by themselves. Woken when such a claim is stored in this process; those of other
/// processes, and what a crash has left, it finds by itself.
#[derive(Debug, Clone)]
pub struct ClaimApprover(EventService);

impl EventService {
    /// The worker that approves this service's claims, and what wakes it.
    pub fn claim_approver(&self) -> (WakeUp, ClaimApprover) {
        (self.undecided.clone(), ClaimApprover(self.clone()))
    }
}

impl Worker for ClaimApprover {
    type Error = StoreError;

    fn name(&self) -> &'static str {
        "approve_claims"
    }

    /// An answer of PENDING is to become APPROVED within a second, also where another process has stored it.
    fn period(&self) -> Duration {
        Duration::from_millis(500)
    }

    async fn step(&self) -> Result<StepReport, StoreError> {
        let round = self.0.approve_undecided().await?;
        let oldest_waiting = round.more_since.map(|since| self.0.waited_since(since));
        Ok(StepReport { processed: round.approved, oldest_waiting })
    }
}

#[cfg(test)]
mod tests;
