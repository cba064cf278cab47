//! What becomes of logins, counted.

use enum_map::Enum;
use service_kit::metrics::{LOGINS, LabelCounters};

/// What became of an attempt, as the figures have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum LoginOutcomeLabel {
    Success,
    InvalidCredentials,
    RateLimited,
    Shed,
    Failed,
}

impl LoginOutcomeLabel {
    fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::InvalidCredentials => "invalid_credentials",
            Self::RateLimited => "rate_limited",
            Self::Shed => "shed",
            Self::Failed => "failed",
        }
    }
}

/// The counters of all outcomes.
pub(crate) fn login_counters() -> LabelCounters<LoginOutcomeLabel> {
    LabelCounters::new(LOGINS, "outcome", LoginOutcomeLabel::name)
}
