use std::{sync::Arc, time::Duration};

use domain::{Clock, Timestamp};
use metrics::Gauge;
use service_kit::{
    metrics::{AUDIT_DRAFT_AGE, AUDIT_ENTRIES},
    worker::{StepReport, Worker},
};

use super::AuditStore;
use crate::error::StoreError;

/// Which audit log: each database has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditLogName {
    /// That of user-db.
    Users,
    /// That of event-db.
    Events,
}

impl AuditLogName {
    /// As it is called in paths, commands and figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Events => "events",
        }
    }

    /// What its worker is called.
    const fn worker(self) -> &'static str {
        match self {
            Self::Users => "chain_audit_users",
            Self::Events => "chain_audit_events",
        }
    }
}

/// Gives changes that wait their places in the chain, and shows how long it is and how long they wait.
#[derive(Debug, Clone)]
pub struct AuditChainer {
    log: AuditLogName,
    audit: Arc<dyn AuditStore>,
    clock: Arc<dyn Clock>,
}

impl AuditChainer {
    /// The worker of this log.
    pub fn new(log: AuditLogName, audit: Arc<dyn AuditStore>, clock: Arc<dyn Clock>) -> Self {
        Self { log, audit, clock }
    }

    fn age_of(&self, oldest: Option<Timestamp>) -> Option<Duration> {
        let waited = |since: Timestamp| self.clock.now().as_millis() - since.as_millis();
        oldest.map(|since| Duration::from_millis(u64::try_from(waited(since)).unwrap_or(0)))
    }

    fn gauge(&self, figure: &'static str) -> Gauge {
        metrics::gauge!(figure, "log" => self.log.name())
    }

    /// Looked up before the work too: what cannot be chained is seen to wait.
    async fn note_waiting(&self) -> Result<Option<Duration>, StoreError> {
        let age = self.age_of(self.audit.oldest_draft().await?);
        self.gauge(AUDIT_DRAFT_AGE).set(age.unwrap_or_default().as_secs_f64());
        Ok(age)
    }
}

impl Worker for AuditChainer {
    type Error = StoreError;

    fn name(&self) -> &'static str {
        self.log.worker()
    }

    fn period(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn step(&self) -> Result<StepReport, StoreError> {
        let mut report = StepReport::default();
        if self.note_waiting().await?.is_some() {
            report.processed = self.audit.chain_drafts().await?;
            report.oldest_waiting = self.note_waiting().await?;
        }
        #[allow(clippy::cast_precision_loss, reason = "no log has so many entries")]
        self.gauge(AUDIT_ENTRIES).set(self.audit.head().await?.sequence as f64);
        Ok(report)
    }
}
