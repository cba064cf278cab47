use std::sync::Arc;

use domain::{Event, EventId, Reward, RewardId, RewardKind, RewardPlace, UserId};
use event_store::{Attachment, RewardChange};
use service_kit::{expected_revision::ExpectedRevision, identity::UserOrKey};

use super::{
    event_changes::ChangeEventError,
    events::{FindEventError, is_visible},
};
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
        operator: UserId,
        event: EventId,
        at: &ExpectedRevision,
        choice: RewardChoice,
    ) -> Result<Reward, ChangeEventError<AttachRewardError>> {
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
                has_stock: false,
            });
            Ok(RewardChange::Attach { new: is_new.then(|| reward.clone()), attachment })
        };
        self.change_event(operator, event, at, attach).await?;
        Ok(reward)
    }

    /// Takes a reward from an event. Claims that were made before still get it.
    pub(crate) async fn detach_reward(
        &self,
        operator: UserId,
        event: EventId,
        at: &ExpectedRevision,
        reward: RewardId,
    ) -> Result<(), ChangeEventError<NotAttached>> {
        let detach = |event: &mut Event| {
            let index = event.rewards.iter().position(|place| place.reward == reward).ok_or(NotAttached)?;
            let place = event.rewards.remove(index);
            Ok(RewardChange::Detach(place.attachment))
        };
        self.change_event(operator, event, at, detach).await.map(drop)
    }

    /// The event with its rewards as they are now, if this caller may see it.
    pub(crate) async fn list_rewards(
        &self,
        viewer: &UserOrKey,
        event: EventId,
    ) -> Result<Arc<EventWithRewards>, FindEventError> {
        let found = self.catalogue.find_rewards(event).await?;
        found.filter(|found| is_visible(&found.event, viewer)).ok_or(FindEventError::Unknown)
    }
}
