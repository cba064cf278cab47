use domain::EventId;
use event_store::{StockCounter, StoreError};

use super::stock::limited_stocks;
use crate::{
    preflight::{OfferedReward, OfferedStock, Preflight, inspect_event},
    service::EventService,
};

/// Why an event is not looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PreflightError {
    #[error("there is no such event")]
    UnknownEvent,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventService {
    /// What is wrong with an event, or risky, and what it can cost. Stores nothing.
    pub(crate) async fn preflight_event(&self, id: EventId) -> Result<Preflight, PreflightError> {
        let found = self.catalogue.find_event(id).await?.ok_or(PreflightError::UnknownEvent)?;
        let places = &found.event.rewards;
        let ids: Vec<_> = places.iter().map(|place| place.reward).collect();
        let counters = limited_stocks(&found.event);
        let (rewards, stock) =
            tokio::try_join!(self.stores.rewards.find_many(&ids), self.stores.stock.find_many(&counters))?;
        let mut offered = Vec::with_capacity(places.len());
        for place in places {
            let Some(reward) = rewards.get(&place.reward) else { continue };
            let counter = stock.get(&place.attachment).filter(|_| place.has_stock);
            let offer = |it: &StockCounter| OfferedStock { total: it.total, remaining: it.remaining };
            let none = OfferedStock { total: 0, remaining: 0 };
            let pool = place.is_pool.then(|| stock.get(&place.reward.0).map_or(none, offer));
            offered.push(OfferedReward { reward: reward.clone()?, stock: counter.map(offer), pool });
        }
        Ok(inspect_event(&found.event, &offered, self.now()))
    }
}
