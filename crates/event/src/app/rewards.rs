use std::sync::Arc;

use domain::{EventId, Reward, RewardId, RewardKind};
use event_store::{AttachOutcome, Attachment, StoreError};
use service_kit::identity::UserOrKey;

use super::events::{FindEventError, is_visible};
use crate::{catalogue::EventWithRewards, service::EventService};

/// The reward that an event is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RewardChoice {
    /// One that there is already.
    Existing(RewardId),
    /// One to be created.
    New { name: String, kind: RewardKind },
}

/// Why a reward is not attached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttachRewardError {
    #[error("there is no such event")]
    UnknownEvent,
    #[error("there is no such reward")]
    UnknownReward,
    #[error("the event has the reward already")]
    AlreadyAttached,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventService {
    /// Attaches a reward to an event, creating it where it is new.
    pub(crate) async fn attach_reward(
        &self,
        event: EventId,
        choice: RewardChoice,
    ) -> Result<Reward, AttachRewardError> {
        if self.catalogue.find_event(event).await?.is_none() {
            return Err(AttachRewardError::UnknownEvent);
        }
        match choice {
            RewardChoice::New { name, kind } => {
                let minted = self.ids.mint();
                let id = RewardId(minted.id);
                let reward = Reward { id, name, kind, created_at: minted.at, updated_at: minted.at };
                self.stores.rewards.create_attached(reward.clone(), self.new_attachment(event, id)).await?;
                Ok(reward)
            }
            RewardChoice::Existing(id) => {
                match self.stores.rewards.attach(self.new_attachment(event, id)).await? {
                    AttachOutcome::Attached(reward) => Ok(reward),
                    AttachOutcome::Already => Err(AttachRewardError::AlreadyAttached),
                    AttachOutcome::UnknownReward => Err(AttachRewardError::UnknownReward),
                }
            }
        }
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

    fn new_attachment(&self, event: EventId, reward: RewardId) -> Attachment {
        let minted = self.ids.mint();
        Attachment { id: minted.id, event, reward, at: minted.at }
    }
}
