//! What the metrics say of activities and facts.

use enum_map::Enum;
use metrics::Histogram;
use service_kit::metrics::{ACTIVITIES, FACT_DURATION, LabelCounters};

/// What became of an activity that was reported, as the metrics count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum ActivityOutcomeLabel {
    Recorded,
    Duplicate,
    Rejected,
}

/// The figures, with handles made once.
pub(crate) struct ActivityFigures {
    pub(crate) outcomes: LabelCounters<ActivityOutcomeLabel>,
    pub(crate) fact_duration: Histogram,
}

impl ActivityFigures {
    /// The figures of this process.
    pub(crate) fn new() -> Self {
        let outcomes = LabelCounters::new(ACTIVITIES, "outcome", |label| match label {
            ActivityOutcomeLabel::Recorded => "recorded",
            ActivityOutcomeLabel::Duplicate => "duplicate",
            ActivityOutcomeLabel::Rejected => "rejected",
        });
        Self { outcomes, fact_duration: metrics::histogram!(FACT_DURATION) }
    }
}

impl std::fmt::Debug for ActivityFigures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ActivityFigures")
    }
}
