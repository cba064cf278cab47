use std::time::Duration;

use event_store::StoreError;
use service_kit::worker::{StepReport, Worker};

use crate::service::EventService;

/// Makes stock exact again where a process ended between a counter and a claim. Until then fewer are given out than there are.
#[derive(Debug, Clone)]
pub struct StockReconciler(EventService);

impl EventService {
    /// The worker that repairs this service's stock.
    pub fn stock_reconciler(&self) -> StockReconciler {
        StockReconciler(self.clone())
    }
}

impl Worker for StockReconciler {
    type Error = StoreError;

    fn name(&self) -> &'static str {
        "reconcile_stock"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn step(&self) -> Result<StepReport, StoreError> {
        let repairs = self.0.repair_stock().await?;
        let oldest_waiting = repairs.waiting_since.map(|since| self.0.waited_since(since));
        Ok(StepReport { processed: repairs.repaired, oldest_waiting })
    }
}
