use std::sync::Arc;

use domain::{Event, EventId, Reward, RewardId, RewardKind, RewardPlace};
use event_store::{Attachment, RewardChange, StockCounter, StoreError};
use service_kit::{expected_revision::ExpectedRevision, identity::UserOrKey};

use super::{
    audit::Editor,
    event_changes::ChangeEventError,
    events::{FindEventError, is_visible},
};
use crate::{
    catalogue::{AttachedReward, EventWithRewards},
    service::EventService,
};

/// The reward that an event is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RewardChoice {
    /// One that there is already.
    Existing(RewardId),
    /// One to be created.
    New { name: String, kind: RewardKind },
}

/// The reward that an event is to get, and how many there are of it in this event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewAttachment {
    pub(crate) choice: RewardChoice,
    /// None: unlimited.
    pub(crate) stock: Option<i64>,
}

/// Why a reward is not attached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttachRewardError {
    #[error("there is no such reward")]
    UnknownReward,
    #[error("the event has the reward already")]
    AlreadyAttached,
}

/// The event does not have the reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event does not have this reward")]
pub(crate) struct NotAttached;

impl EventService {
    /// Attaches a reward to an event, creating it where it is new.
    pub(crate) async fn attach_reward(
        &self,
        editor: &Editor,
        event: EventId,
        at: &ExpectedRevision,
        NewAttachment { choice, stock }: NewAttachment,
    ) -> Result<AttachedReward, ChangeEventError<AttachRewardError>> {
        let (reward, is_new) = match choice {
            RewardChoice::New { name, kind } => {
                let minted = self.ids.mint();
                let id = RewardId(minted.id);
                (Reward { id, name, kind, created_at: minted.at, updated_at: minted.at }, true)
            }
            RewardChoice::Existing(id) => {
                // An event that is not there is told before a reward that is not.
                self.catalogue.find_event(event).await?.ok_or(ChangeEventError::UnknownEvent)?;
                let found = self.stores.rewards.find_many(&[id]).await?.remove(&id).transpose()?;
                (found.ok_or(ChangeEventError::Refused(AttachRewardError::UnknownReward))?, false)
            }
        };
        let minted = self.ids.mint();
        let attachment = Attachment { id: minted.id, event, reward: reward.id, at: minted.at };
        let attach = |event: &mut Event| {
            if event.rewards.iter().any(|place| place.reward == reward.id) {
                return Err(AttachRewardError::AlreadyAttached);
            }
            event.rewards.push(RewardPlace {
                attachment: attachment.id,
                reward: reward.id,
                has_stock: stock.is_some(),
                is_pool: reward.kind.is_pool(),
            });
            Ok(RewardChange::Attach { new: is_new.then(|| reward.clone()), attachment, stock })
        };
        let pool = if reward.kind.is_pool() { Some(self.prepare_pool(reward.id).await?) } else { None };
        let stock = match stock {
            Some(total) => Some(self.prepare_stock(attachment, total).await?),
            None => pool,
        };
        self.change_event(editor, event, at, attach).await?;
        Ok(AttachedReward { reward, stock })
    }

    /// Before the event has the reward: from then on every claim looks for the counter. If the event does not get it, nobody
    /// ever looks at this one.
    async fn prepare_stock(&self, place: Attachment, total: i64) -> Result<StockCounter, StoreError> {
        self.stores.stock.set_total(place.id, total, None).await?;
        Ok(StockCounter { id: place.id, total, remaining: total })
    }

    /// A pool has a counter from the beginning, so that nothing looks lost where it has no codes yet.
    async fn prepare_pool(&self, reward: RewardId) -> Result<StockCounter, StoreError> {
        self.stores.stock.raise_total(reward.0, 0).await
    }

    /// Takes a reward from an event. Claims that were made before still get it.
    pub(crate) async fn detach_reward(
        &self,
        editor: &Editor,
        event: EventId,
        at: &ExpectedRevision,
        reward: RewardId,
    ) -> Result<(), ChangeEventError<NotAttached>> {
        let detach = |event: &mut Event| {
            let index = event.rewards.iter().position(|place| place.reward == reward).ok_or(NotAttached)?;
            let place = event.rewards.remove(index);
            Ok(RewardChange::Detach(place.attachment))
        };
        self.change_event(editor, event, at, detach).await.map(drop)
    }

    /// The event with its rewards as they are now, if this caller may see it.
    pub(crate) async fn list_rewards(
        &self,
        viewer: &UserOrKey,
        event: EventId,
    ) -> Result<Arc<EventWithRewards>, FindEventError> {
        let found = self.catalogue.find_rewards(event).await?;
        found.filter(|found| is_visible(found.status, viewer)).ok_or(FindEventError::Unknown)
    }
}
