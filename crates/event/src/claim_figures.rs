//! What becomes of claims, counted.

use enum_map::Enum;
use service_kit::metrics::{CLAIMS, LabelCounters};

/// What became of an attempt, as the figures have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum ClaimOutcomeLabel {
    Stored,
    Repeated,
    UnknownEvent,
    EventNotActive,
    EventNotStarted,
    EventEnded,
    ConditionNotMet,
    AlreadyRequested,
    SoldOut,
    Failed,
}

impl ClaimOutcomeLabel {
    fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Repeated => "repeated",
            Self::UnknownEvent => "unknown_event",
            Self::EventNotActive => "event_not_active",
            Self::EventNotStarted => "event_not_started",
            Self::EventEnded => "event_ended",
            Self::ConditionNotMet => "condition_not_met",
            Self::AlreadyRequested => "already_requested",
            Self::SoldOut => "sold_out",
            Self::Failed => "failed",
        }
    }
}

/// The counters of all outcomes.
pub(crate) fn claim_counters() -> LabelCounters<ClaimOutcomeLabel> {
    LabelCounters::new(CLAIMS, "outcome", ClaimOutcomeLabel::name)
}
