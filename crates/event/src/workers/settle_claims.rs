use std::time::Duration;

use domain::ClaimWork;
use event_store::StoreError;
use service_kit::worker::{StepReport, WakeUp, Worker};

use crate::service::EventService;

/// Grants what approved claims give, and takes back what revoked ones gave. Woken when a claim is approved or revoked in
/// this process; those of other processes, and what a crash has left, it finds by itself.
#[derive(Debug, Clone)]
pub struct ClaimSettler(EventService);

impl EventService {
    /// The worker that keeps the ledger of this service, and what wakes it.
    pub fn claim_settler(&self) -> (WakeUp, ClaimSettler) {
        (self.ungranted.clone(), ClaimSettler(self.clone()))
    }
}

impl Worker for ClaimSettler {
    type Error = StoreError;

    fn name(&self) -> &'static str {
        "settle_claims"
    }

    fn period(&self) -> Duration {
        Duration::from_millis(500)
    }

    async fn step(&self) -> Result<StepReport, StoreError> {
        let granted = self.0.settle_claims(ClaimWork::Grant).await?;
        let reversed = self.0.settle_claims(ClaimWork::Reverse).await?;
        let since = granted.waiting_since.into_iter().chain(reversed.waiting_since).min();
        let waited = since.map(|since| self.0.now().as_millis() - since.as_millis());
        let oldest_waiting =
            waited.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or_default()));
        Ok(StepReport { processed: granted.finished + reversed.finished, oldest_waiting })
    }
}

#[cfg(test)]
mod tests;
