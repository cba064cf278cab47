//! Events and rewards as claims and lists need them: read for many requests at once.
//!
//! Requests that come while one read is under way are answered together by the next. A read always begins after the
//! requests it answers, so nothing is ever older than its question, on any number of replicas: there is no cache to be
//! stale. Only compiled conditions are kept, which never change within a revision.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::Arc,
};

use domain::{Event, EventId, Reward};
use moka::sync::Cache;
use rules::Condition;
use service_kit::batch::{Batcher, Limits, PATIENCE};
use store_kit::error::StoreError;

use event_store::{EventStore, FoundByEvent, RewardStore};

const LIMITS: Limits = Limits { batch: 512, waiting: 16_384, concurrent: 2, patience: PATIENCE };
/// Compiled conditions kept; the least used go first.
const CONDITIONS: u64 = 10_000;

type Found<T> = Result<Option<Arc<T>>, StoreError>;

/// An event with its condition ready to run.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) event: Event,
    pub(crate) condition: Condition,
}

/// An event with its rewards.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) event: Event,
    pub(crate) rewards: Vec<Reward>,
}

/// Where events and rewards are looked up by id. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue {
    events: Batcher<EventId, Found<Known>>,
    listed: Batcher<EventId, Found<Listed>>,
}

impl Catalogue {
    pub(crate) fn over(events: Arc<dyn EventStore>, rewards: Arc<dyn RewardStore>) -> Self {
        let conditions = Cache::new(CONDITIONS);
        let store = Arc::clone(&events);
        let known = Batcher::spawn(LIMITS, move |ids| {
            let (store, conditions) = (Arc::clone(&store), conditions.clone());
            answer_each(ids, async move |ids| {
                let found = store.find_many(&ids).await?;
                let known = |event: Result<Event, _>| event.and_then(|event| known(event, &conditions));
                Ok(found.into_iter().map(|(id, event)| (id, known(event))).collect())
            })
        });
        let listed = Batcher::spawn(LIMITS, move |ids| {
            let (events, rewards) = (Arc::clone(&events), Arc::clone(&rewards));
            answer_each(ids, async move |ids| {
                let (events, rewards) = tokio::try_join!(events.find_many(&ids), rewards.of_events(&ids))?;
                Ok(with_rewards(events, rewards))
            })
        });
        Self { events: known, listed }
    }

    /// The event as it is now.
    pub(crate) async fn event(&self, id: EventId) -> Found<Known> {
        ask(&self.events, id).await
    }

    /// The event and its rewards as they are now.
    pub(crate) async fn listed(&self, id: EventId) -> Found<Listed> {
        ask(&self.listed, id).await
    }
}

fn with_rewards(events: FoundByEvent<Event>, mut rewards: FoundByEvent<Vec<Reward>>) -> FoundByEvent<Listed> {
    let mut listed = |id: &EventId, event: Result<Event, StoreError>| {
        let rewards = rewards.remove(id).unwrap_or_else(|| Ok(Vec::new()));
        Ok(Listed { event: event?, rewards: rewards? })
    };
    events.into_iter().map(|(id, event)| (id, listed(&id, event))).collect()
}

async fn ask<T: Send + Sync + 'static>(batcher: &Batcher<EventId, Found<T>>, id: EventId) -> Found<T> {
    batcher.ask(id).await.unwrap_or_else(|error| Err(StoreError::unavailable("event-db", error)))
}

/// Looks each id up once and hands the finding to everybody who asked for it.
async fn answer_each<V, F>(asked: Vec<EventId>, find: impl FnOnce(Vec<EventId>) -> F) -> Vec<Found<V>>
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

fn known(event: Event, conditions: &Cache<(EventId, i64), Condition>) -> Result<Known, StoreError> {
    let key = (event.id, event.revision);
    let condition = conditions
        .try_get_with(key, || Condition::parse(&event.condition).map_err(Unreadable))
        .map_err(|faults| StoreError::corrupt("event-db", Arc::unwrap_or_clone(faults)))?;
    Ok(Known { event, condition })
}

/// A stored condition that this version does not accept.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the stored condition is not valid: {0:?}")]
struct Unreadable(Vec<rules::Fault>);
