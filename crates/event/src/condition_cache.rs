use domain::{Event, EventId};
use moka::sync::Cache;
use rules::Condition;

/// The memory that conditions may take, in bytes. The largest takes about a megabyte, a usual one some hundred bytes:
/// thousands of those are kept.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// Conditions ready to run, by event and revision, within which they never change. Bounded by the memory they take: what
/// is used least goes first. Cheap to clone; clones share what is kept.
#[derive(Debug, Clone)]
pub(crate) struct ConditionCache(Cache<(EventId, i64), Condition>);

impl ConditionCache {
    /// An empty cache.
    pub(crate) fn new() -> Self {
        let bytes = |_: &_, condition: &Condition| u32::try_from(condition.weight()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(MOST_BYTES).weigher(bytes).build())
    }

    /// The event's condition, made ready now or before.
    pub(crate) fn condition_of(&self, event: &Event) -> Condition {
        self.0.get_with((event.id, event.revision), || Condition::from_stored(&event.condition))
    }
}
