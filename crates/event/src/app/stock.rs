use domain::{Event, EventId, ObjectId, RewardId, RewardPlace};
use event_store::{RewardChange, SetTotalOutcome, StockAuthor, StockRepairs, StoreError};
use service_kit::expected_revision::ExpectedRevision;

use super::{audit::Editor, event_changes::ChangeEventError, rewards::NotAttached};
use crate::{catalogue::AttachedReward, service::EventService};

/// Why the stock of an event's reward is not set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetStockError {
    #[error(transparent)]
    NotAttached(#[from] NotAttached),
    /// With how many that is.
    #[error("more than that are taken: {0}")]
    BelowTaken(i64),
}

/// The stocks in which a claim on the event needs a seat: those of its rewards, and the pools that these are.
pub(crate) fn limited_stocks(event: &Event) -> Vec<ObjectId> {
    let stocks = |place: &RewardPlace| {
        let own = place.has_stock.then_some(place.attachment);
        own.into_iter().chain(place.is_pool.then_some(place.reward.0))
    };
    event.rewards.iter().flat_map(stocks).collect()
}

impl EventService {
    /// Limits how many of an event's reward there are, or lifts the limit. Setting or lifting one makes a new revision of the
    /// event; another number does not. Claims made without a limit take nothing of one that is set later.
    pub(crate) async fn set_stock(
        &self,
        editor: &Editor,
        event: EventId,
        at: &ExpectedRevision,
        reward: RewardId,
        total: Option<i64>,
    ) -> Result<AttachedReward, ChangeEventError<SetStockError>> {
        let found = self.catalogue.find_event(event).await?.ok_or(ChangeEventError::UnknownEvent)?;
        if !at.admits(found.event.revision) {
            return Err(ChangeEventError::Outdated);
        }
        let place = *find_place(&found.event, reward).map_err(ChangeEventError::Refused)?;
        if let Some(total) = total {
            // Before the event says that there is a limit: from then on every claim looks for the counter.
            let author = StockAuthor { stamp: self.stamp(editor.author.clone()), event, reward };
            if let SetTotalOutcome::BelowTaken(counter) =
                self.stores.stock.set_total(place.attachment, total, Some(author)).await?
            {
                let taken = counter.total - counter.remaining;
                return Err(ChangeEventError::Refused(SetStockError::BelowTaken(taken)));
            }
            self.unchained.call();
        }
        if place.has_stock != total.is_some() {
            let limit = |event: &mut Event| {
                let place = event.rewards.iter_mut().find(|place| place.reward == reward);
                place.ok_or(NotAttached)?.has_stock = total.is_some();
                Ok(RewardChange::Limit { reward, is_limited: total.is_some() })
            };
            self.change_event(editor, event, at, limit).await?;
        }
        let found = self.catalogue.find_rewards(event).await?.ok_or(ChangeEventError::UnknownEvent)?;
        let attached = found.rewards.iter().find(|attached| attached.reward.id == reward);
        attached.cloned().ok_or(ChangeEventError::Refused(NotAttached.into()))
    }

    /// Whether of one of the event's rewards nothing is left at this moment.
    pub(super) async fn is_sold_out(&self, event: &Event) -> Result<bool, StoreError> {
        let stocks = limited_stocks(event);
        if stocks.is_empty() {
            return Ok(false);
        }
        let counters = self.stores.stock.find_many(&stocks).await?;
        Ok(stocks.iter().any(|stock| counters.get(stock).is_none_or(|counter| counter.remaining <= 0)))
    }

    /// Gives the rewards of a new event the stocks that these have in another.
    pub(super) async fn copy_stocks(
        &self,
        from: &[RewardPlace],
        to: &[RewardPlace],
    ) -> Result<(), StoreError> {
        let limited: Vec<_> = from.iter().zip(to).filter(|(from, _)| from.has_stock).collect();
        if limited.is_empty() {
            return Ok(());
        }
        let stocks: Vec<_> = limited.iter().map(|(from, _)| from.attachment).collect();
        let counters = self.stores.stock.find_many(&stocks).await?;
        for (from, to) in limited {
            if let Some(counter) = counters.get(&from.attachment) {
                self.stores.stock.set_total(to.attachment, counter.total, None).await?;
            }
        }
        Ok(())
    }

    /// Makes stock exact again that a process has left behind.
    pub(crate) async fn repair_stock(&self) -> Result<StockRepairs, StoreError> {
        self.stores.stock.repair(self.now()).await
    }
}

fn find_place(event: &Event, reward: RewardId) -> Result<&RewardPlace, SetStockError> {
    Ok(event.rewards.iter().find(|place| place.reward == reward).ok_or(NotAttached)?)
}
