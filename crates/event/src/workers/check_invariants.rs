use std::time::Duration;

use event_store::StoreError;
use service_kit::{
    metrics::INVARIANT_VIOLATIONS,
    worker::{StepReport, Worker},
};

use crate::{app::invariants::Invariant, service::EventService};

/// Looks every minute whether what must always be true is, and says so in the figures and in the log.
#[derive(Debug, Clone)]
pub struct InvariantChecker(EventService);

impl EventService {
    /// The worker that checks this service's invariants.
    pub fn invariant_checker(&self) -> InvariantChecker {
        InvariantChecker(self.clone())
    }
}

impl Worker for InvariantChecker {
    type Error = StoreError;

    fn name(&self) -> &'static str {
        "check_invariants"
    }

    fn period(&self) -> Duration {
        Duration::from_mins(1)
    }

    async fn step(&self) -> Result<StepReport, StoreError> {
        let mut checked = 0;
        for check in self.0.check_invariants().await? {
            checked += check.checked;
            let gauge = metrics::gauge!(INVARIANT_VIOLATIONS, "invariant" => label_of(check.invariant));
            gauge.set(f64::from(u32::try_from(check.violations).unwrap_or(u32::MAX)));
            for violation in check.examples {
                tracing::error!(invariant = label_of(check.invariant), violation, "an invariant is violated");
            }
        }
        Ok(StepReport::finished(checked))
    }
}

fn label_of(invariant: Invariant) -> &'static str {
    match invariant {
        Invariant::DecisionsMatchLedger => "decisions_match_ledger",
        Invariant::StockMatchesClaims => "stock_matches_claims",
        Invariant::CodesGivenOnce => "codes_given_once",
        Invariant::WalletsMatchLedger => "wallets_match_ledger",
        Invariant::AuditChainIntact => "audit_chain_intact",
    }
}
