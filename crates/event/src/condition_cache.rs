use domain::{Event, EventId};
use moka::sync::Cache;
use rules::Condition;

/// The memory that conditions may take, in bytes. The largest takes about a megabyte, a usual one some
/// hundred bytes: thousands of those are kept.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// Conditions ready to run, by event and revision, within which they never change. Bounded by the memory
/// they take: what is used least goes first. Cheap to clone; clones share what is kept.
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
        let key = (event.id, event.revision);
        if let Some(condition) = self.0.get(&key) {
            return condition;
        }
        let condition = self.0.get_with(key, || Condition::from_stored(&event.condition));
        // Left to itself the cache puts off making room, and outgrows its bound by dozens of conditions
        // meanwhile.
        self.0.run_pending_tasks();
        condition
    }
}

#[cfg(test)]
mod tests {
    use domain::ObjectId;

    use super::*;
    use crate::test_app::{heavy_condition, spring_event};

    #[test]
    fn a_condition_is_made_ready_once_for_each_revision() {
        let cache = ConditionCache::new();
        let mut event = spring_event(heavy_condition());
        let first = cache.condition_of(&event);
        // What is kept never changes: the revision decides, not what the event says.
        event.condition = serde_json::json!({});
        assert_eq!(cache.condition_of(&event), first);
        event.revision += 1;
        assert_eq!(cache.condition_of(&event), Condition::everybody());
    }

    #[test]
    fn the_heaviest_conditions_never_take_more_than_the_bound() {
        let cache = ConditionCache::new();
        let mut event = spring_event(heavy_condition());
        let (mut looked_up, mut count) = (0, 0_u32);
        while looked_up < 4 * MOST_BYTES {
            count += 1;
            let mut id = [0; 12];
            id[8..].copy_from_slice(&count.to_be_bytes());
            event.id = EventId(ObjectId::from_bytes(id));
            looked_up += u64::try_from(cache.condition_of(&event).weight()).unwrap();
            assert!(cache.0.weighted_size() <= MOST_BYTES, "after {count} conditions");
        }
        let kept: usize = cache.0.iter().map(|(_, condition)| condition.weight()).sum();
        let room = (MOST_BYTES / 2)..=MOST_BYTES;
        assert!(room.contains(&u64::try_from(kept).unwrap()), "{kept} bytes");
    }
}
