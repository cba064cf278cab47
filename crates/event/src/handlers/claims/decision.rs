//! Fields of decisions.

use std::collections::HashSet;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use domain::{ClaimId, EventId, Faults, Ruling, TextBlock, Timestamp, UserId};
use event_store::{ClaimFilter, MOST_DECISIONS};

use crate::app::decisions::RulingWithReason;

/// Why something is decided as it is: at most 500 characters, none if there is nothing but blanks.
pub(super) type DecisionReason = TextBlock<500>;

/// What is decided, and why.
pub(super) fn ruling_with_reason(ruling: Ruling, reason: Option<DecisionReason>) -> RulingWithReason {
    let reason = reason.map(TextBlock::into_string).filter(|reason| !reason.is_empty());
    RulingWithReason { ruling, reason }
}

/// Claims by their ids: at least one, at most [`MOST_DECISIONS`], each once.
#[derive(Debug)]
pub(super) struct ClaimIdList(pub(super) Vec<ClaimId>);

impl Deserr<Faults> for ClaimIdList {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        let ids = <Vec<ClaimId> as Deserr<Faults>>::deserialize_from_value(value, at)?;
        let mut seen = HashSet::new();
        let fault = if let Some(second) = ids.iter().position(|id| !seen.insert(*id)) {
            Faults::new(domain::json_pointer(at.push_index(second)), "stands more than once in the list")
        } else if (1..=MOST_DECISIONS).contains(&ids.len()) {
            return Ok(Self(ids));
        } else {
            Faults::new(domain::json_pointer(at), format!("must have 1 to {MOST_DECISIONS} ids"))
        };
        Err(fault)
    }
}

/// How many claims the decider has seen: 1 to [`MOST_DECISIONS`].
#[derive(Debug)]
pub(super) struct ExpectedCount(pub(super) usize);

impl Deserr<Faults> for ExpectedCount {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        let count = <i64 as Deserr<Faults>>::deserialize_from_value(value, at)?;
        match usize::try_from(count) {
            Ok(count) if (1..=MOST_DECISIONS).contains(&count) => Ok(Self(count)),
            _ => Err(Faults::new(
                domain::json_pointer(at),
                format!("must be a whole number from 1 to {MOST_DECISIONS}: no more are decided at a time"),
            )),
        }
    }
}

/// Which PENDING requests: those that match everything that is given.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(as = DecisionFilter, rename_all = "camelCase")]
pub(super) struct DecisionFilter {
    /// Only this user's.
    #[deserr(default)]
    user_id: Option<UserId>,
    /// Only those for this event.
    #[deserr(default)]
    event_id: Option<EventId>,
    /// Only those made at this time or later.
    #[deserr(default)]
    from: Option<Timestamp>,
    /// Only those made before this time.
    #[deserr(default)]
    to: Option<Timestamp>,
}

impl From<DecisionFilter> for ClaimFilter {
    fn from(filter: DecisionFilter) -> Self {
        Self { user: filter.user_id, event: filter.event_id, status: None, from: filter.from, to: filter.to }
    }
}
