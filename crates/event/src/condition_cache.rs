use std::sync::Arc;

use domain::{Event, EventId};
use event_store::StoreError;
use moka::sync::Cache;
use rules::Condition;

/// The memory that compiled conditions may take, in bytes. The most complicated condition takes about a megabyte, a usual
/// one a few kilobytes: thousands of those are kept.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// Conditions ready to run, by event and revision, within which they never change. Bounded by the memory they take: what
/// is used least goes first. Cheap to clone; clones share what is kept.
#[derive(Debug, Clone)]
pub(crate) struct ConditionCache(Cache<(EventId, i64), Condition>);

/// A stored condition that this version does not accept.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the stored condition is not valid: {0:?}")]
struct UnreadableCondition(Vec<rules::Fault>);

impl ConditionCache {
    /// An empty cache.
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(MOST_BYTES).weigher(|_, condition| weight(condition)).build())
    }

    /// The event's condition, compiled now or before.
    pub(crate) fn condition_of(&self, event: &Event) -> Result<Condition, StoreError> {
        let parse = || Condition::parse(&event.condition).map_err(UnreadableCondition);
        self.0
            .try_get_with((event.id, event.revision), parse)
            .map_err(|faults| StoreError::corrupt("event-db", Arc::unwrap_or_clone(faults)))
    }
}

fn weight(condition: &Condition) -> u32 {
    u32::try_from(condition.source().to_string().len() * 100).unwrap_or(u32::MAX)
}
