//! Events and rewards as claims and lists need them: read for many requests at once.
//!
//! Requests that come while one read is under way are answered together by the next. A read always begins
//! after the requests it answers, so nothing is ever older than its question, on any number of replicas. What
//! was read is answered again only where the store says, to each question, that nothing was committed since
//! ([`KeptReads`]). Compiled conditions, which never change within a revision, are kept in any case.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use domain::{Event, EventId, EventStatus, ObjectId, Reward};
use event_store::{EventStore, FoundByEvent, StockCounter, StoreError, Stores};
use rules::Condition;
use service_kit::{
    batch::{Batcher, Limits},
    budget::QUEUE_WAIT,
};
use store_kit::kept_reads::KeptReads;

use crate::{app::stock::limited_stocks, condition_cache::ConditionCache};

const LIMITS: Limits = Limits { batch: 512, waiting: 16_384, concurrent: 2, patience: QUEUE_WAIT };

/// The memory that kept events may take, and kept rewards, in bytes each.
const KEPT_BYTES: u64 = 16 * 1024 * 1024;
/// About what an event or a reward takes without its condition, in bytes.
const RECORD_BYTES: usize = 1024;

type CatalogueAnswer<T> = Result<Option<Arc<T>>, StoreError>;

/// An event with its condition ready to run.
#[derive(Debug)]
pub(crate) struct EventWithCondition {
    pub(crate) event: Event,
    pub(crate) condition: Condition,
}

impl EventWithCondition {
    /// The condition counts twice: ready to run, and as it is stored.
    fn kept_bytes(found: Option<&Self>) -> usize {
        found.map_or(0, |found| 2 * found.condition.weight()) + RECORD_BYTES
    }
}

/// A reward as an event has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttachedReward {
    pub(crate) reward: Reward,
    /// How many there are; `None` if there is no limit.
    pub(crate) stock: Option<StockCounter>,
}

/// An event's rewards, and who may see them.
#[derive(Debug)]
pub(crate) struct EventWithRewards {
    pub(crate) status: EventStatus,
    pub(crate) rewards: Vec<AttachedReward>,
    staff_answer: OnceLock<Bytes>,
    user_answer: OnceLock<Bytes>,
}

impl EventWithRewards {
    fn new(status: EventStatus, rewards: Vec<AttachedReward>) -> Self {
        Self { status, rewards, staff_answer: OnceLock::new(), user_answer: OnceLock::new() }
    }

    /// Each reward counts three times: read, and written for staff and for others.
    fn kept_bytes(found: Option<&Self>) -> usize {
        found.map_or(0, |found| 3 * found.rewards.len() * RECORD_BYTES) + RECORD_BYTES
    }

    /// The rewards as `write` puts them, for staff or for others. They are written once for everybody whose
    /// request is answered by the same read.
    pub(crate) fn written_once<E>(
        &self,
        to_staff: bool,
        write: impl FnOnce(&[AttachedReward]) -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let answer = if to_staff { &self.staff_answer } else { &self.user_answer };
        if let Some(written) = answer.get() {
            return Ok(written.clone());
        }
        let written = write(&self.rewards)?;
        Ok(answer.get_or_init(|| written).clone())
    }
}

/// Where events and rewards are looked up by id. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct EventCatalogue {
    events: Batcher<EventId, CatalogueAnswer<EventWithCondition>>,
    rewards: Batcher<EventId, CatalogueAnswer<EventWithRewards>>,
    kept_events: KeptReads<EventId, Option<Arc<EventWithCondition>>>,
    kept_rewards: KeptReads<EventId, Option<Arc<EventWithRewards>>>,
}

impl EventCatalogue {
    /// Starts two tasks that read for whoever asks. They end when the last clone is dropped.
    pub(crate) fn start(stores: &Stores) -> Self {
        let changes = || Arc::clone(&stores.changes);
        Self {
            events: start_event_reads(Arc::clone(&stores.events)),
            rewards: start_reward_reads(stores),
            kept_events: KeptReads::new(changes(), KEPT_BYTES, |found: &Option<Arc<_>>| {
                EventWithCondition::kept_bytes(found.as_deref())
            }),
            kept_rewards: KeptReads::new(changes(), KEPT_BYTES, |found: &Option<Arc<_>>| {
                EventWithRewards::kept_bytes(found.as_deref())
            }),
        }
    }

    /// The event as it is now.
    pub(crate) async fn find_event(&self, id: EventId) -> CatalogueAnswer<EventWithCondition> {
        self.kept_events.find(id, ask_batcher(&self.events, id)).await
    }

    /// The event and its rewards as they are now.
    pub(crate) async fn find_rewards(&self, id: EventId) -> CatalogueAnswer<EventWithRewards> {
        self.kept_rewards.find(id, ask_batcher(&self.rewards, id)).await
    }
}

fn start_event_reads(store: Arc<dyn EventStore>) -> Batcher<EventId, CatalogueAnswer<EventWithCondition>> {
    let conditions = ConditionCache::new();
    Batcher::spawn("event_reads", LIMITS, move |ids| {
        let (store, conditions) = (Arc::clone(&store), conditions.clone());
        answer_each(ids, async move |ids| {
            let with_condition = |event: Event| {
                let condition = conditions.condition_of(&event);
                EventWithCondition { event, condition }
            };
            let found = store.find_many(&ids).await?;
            Ok(found.into_iter().map(|(id, event)| (id, event.map(with_condition))).collect())
        })
    })
}

fn start_reward_reads(stores: &Stores) -> Batcher<EventId, CatalogueAnswer<EventWithRewards>> {
    let (events, rewards, stock) =
        (Arc::clone(&stores.events), Arc::clone(&stores.rewards), Arc::clone(&stores.stock));
    Batcher::spawn("reward_reads", LIMITS, move |ids| {
        let (events, rewards, stock) = (Arc::clone(&events), Arc::clone(&rewards), Arc::clone(&stock));
        answer_each(ids, async move |ids| {
            let (events, rewards) = tokio::try_join!(events.find_many(&ids), rewards.of_events(&ids))?;
            let limited: Vec<_> = events.values().flatten().flat_map(limited_stocks).collect();
            // Most rewards have no limit.
            let counters =
                if limited.is_empty() { HashMap::new() } else { stock.find_many(&limited).await? };
            Ok(join_rewards(events, rewards, &counters))
        })
    })
}

fn join_rewards(
    events: FoundByEvent<Event>,
    mut rewards: FoundByEvent<Vec<Reward>>,
    counters: &HashMap<ObjectId, StockCounter>,
) -> FoundByEvent<EventWithRewards> {
    let mut joined = |id: &EventId, event: Result<Event, StoreError>| {
        let (event, rewards) = (event?, rewards.remove(id).unwrap_or_else(|| Ok(Vec::new()))?);
        let stock = |reward: &Reward| {
            let place = event.rewards.iter().find(|place| place.reward == reward.id)?;
            // A pool's stock is its codes, unless the event has fewer of it.
            let stock = if place.has_stock { place.attachment } else { place.reward.0 };
            counters.get(&stock).copied()
        };
        let attached = |reward| AttachedReward { stock: stock(&reward), reward };
        let rewards = rewards.into_iter().map(attached).collect();
        Ok(EventWithRewards::new(event.status, rewards))
    };
    events.into_iter().map(|(id, event)| (id, joined(&id, event))).collect()
}

async fn ask_batcher<T: Send + Sync + 'static>(
    batcher: &Batcher<EventId, CatalogueAnswer<T>>,
    id: EventId,
) -> CatalogueAnswer<T> {
    batcher.ask(id).await.unwrap_or_else(|error| Err(StoreError::unavailable("event-db", error)))
}

/// Looks each id up once and hands the finding to everybody who asked for it.
async fn answer_each<V, F>(
    asked: Vec<EventId>,
    find: impl FnOnce(Vec<EventId>) -> F,
) -> Vec<CatalogueAnswer<V>>
where
    F: Future<Output = Result<FoundByEvent<V>, StoreError>>,
{
    let distinct: HashSet<EventId> = asked.iter().copied().collect();
    match find(distinct.into_iter().collect()).await {
        Ok(found) => {
            let found: HashMap<_, _> = found.into_iter().map(|(id, it)| (id, it.map(Arc::new))).collect();
            asked.iter().map(|id| found.get(id).cloned().transpose()).collect()
        }
        Err(error) => vec![Err(error); asked.len()],
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_many_are_answered_is_written_once_for_staff_and_once_for_others() {
        let found = EventWithRewards::new(EventStatus::Active, Vec::new());
        let writes = Cell::new(0);
        let write = |text: &'static str| {
            let written = found.written_once(text == "staff", |_| {
                writes.set(writes.get() + 1);
                Ok::<_, StoreError>(Bytes::from_static(text.as_bytes()))
            });
            written.unwrap()
        };
        for _ in 0..10 {
            assert_eq!((write("staff"), write("users")), ("staff".into(), "users".into()));
        }
        assert_eq!(writes.get(), 2);
    }

    #[test]
    fn what_could_not_be_written_is_tried_again() {
        let found = EventWithRewards::new(EventStatus::Active, Vec::new());
        assert_eq!(found.written_once(true, |_| Err("broken")), Err("broken"));
        let written = found.written_once(true, |_| Ok::<_, ()>(Bytes::from_static(b"[]")));
        assert_eq!(written, Ok(Bytes::from_static(b"[]")));
    }
}
