use std::collections::HashMap;

use async_trait::async_trait;
use domain::{EventId, Reward, RewardId, RewardKind, RewardType};
use mongodb::bson::{DateTime, doc, oid::ObjectId};
use serde::{Deserialize, Serialize};
use store_kit::mongo::{from_date, from_oid, to_date, to_oid};

use super::{MongoEventDb, STORE, read};
use crate::{Attached, Attachment, Readable, RewardStore, StoreError, rewards::add};

/// A reward as it is stored; `type` tells which of the optional fields there are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RewardDocument {
    #[serde(rename = "_id")]
    id: ObjectId,
    r#type: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<DateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge_id: Option<String>,
    created_at: DateTime,
    updated_at: DateTime,
}

/// Which event has which reward.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttachmentDocument {
    #[serde(rename = "_id")]
    id: ObjectId,
    event: ObjectId,
    reward: ObjectId,
    created_at: DateTime,
}

impl From<Reward> for RewardDocument {
    fn from(reward: Reward) -> Self {
        let mut document = Self {
            id: to_oid(reward.id.0),
            r#type: reward.kind.reward_type().name().to_owned(),
            name: reward.name,
            points: None,
            item_id: None,
            quantity: None,
            coupon_code: None,
            expiry: None,
            badge_id: None,
            created_at: to_date(reward.created_at),
            updated_at: to_date(reward.updated_at),
        };
        match reward.kind {
            RewardKind::Point { points } => document.points = Some(points),
            RewardKind::Item { item_id, quantity } => {
                (document.item_id, document.quantity) = (Some(item_id), Some(quantity));
            }
            RewardKind::Coupon { coupon_code, expiry } => {
                (document.coupon_code, document.expiry) = (Some(coupon_code), Some(to_date(expiry)));
            }
            RewardKind::Badge { badge_id } => document.badge_id = Some(badge_id),
        }
        document
    }
}

impl TryFrom<RewardDocument> for Reward {
    type Error = StoreError;

    fn try_from(document: RewardDocument) -> Result<Self, StoreError> {
        Ok(Reward {
            id: RewardId(from_oid(document.id)),
            kind: kind(&document)?,
            name: document.name,
            created_at: from_date(document.created_at),
            updated_at: from_date(document.updated_at),
        })
    }
}

fn kind(document: &RewardDocument) -> Result<RewardKind, StoreError> {
    let kind = match read(&document.r#type)? {
        RewardType::Point => document.points.map(|points| RewardKind::Point { points }),
        RewardType::Item => document
            .item_id
            .clone()
            .zip(document.quantity)
            .map(|(item_id, quantity)| RewardKind::Item { item_id, quantity }),
        RewardType::Coupon => document
            .coupon_code
            .clone()
            .zip(document.expiry)
            .map(|(coupon_code, expiry)| RewardKind::Coupon { coupon_code, expiry: from_date(expiry) }),
        RewardType::Badge => document.badge_id.clone().map(|badge_id| RewardKind::Badge { badge_id }),
    };
    kind.ok_or_else(|| {
        StoreError::corrupt(STORE, format!("reward {} lacks a field of its type", document.id))
    })
}

impl From<Attachment> for AttachmentDocument {
    fn from(attachment: Attachment) -> Self {
        Self {
            id: to_oid(attachment.id),
            event: to_oid(attachment.event.0),
            reward: to_oid(attachment.reward.0),
            created_at: to_date(attachment.at),
        }
    }
}

impl From<AttachmentDocument> for Attachment {
    fn from(document: AttachmentDocument) -> Self {
        Self {
            id: from_oid(document.id),
            event: EventId(from_oid(document.event)),
            reward: RewardId(from_oid(document.reward)),
            at: from_date(document.created_at),
        }
    }
}

#[async_trait]
impl RewardStore for MongoEventDb {
    /// The reward first: a crash between leaves one that no event has.
    async fn create_attached(&self, reward: Reward, attachment: Attachment) -> Result<(), StoreError> {
        let insert = self.rewards.insert_one(RewardDocument::from(reward));
        let verb = async {
            self.mongo.unless_taken(insert).await?;
            self.place(attachment).await.map(drop)
        };
        self.mongo.in_time(verb).await
    }

    async fn attach(&self, attachment: Attachment) -> Result<Attached, StoreError> {
        let id = to_oid(attachment.reward.0);
        let verb = async {
            let Some(reward) = self.mongo.run(self.rewards.find_one(doc! { "_id": id })).await? else {
                return Ok(Attached::UnknownReward);
            };
            let placed = self.place(attachment).await?;
            Ok(if placed { Attached::Attached(reward.try_into()?) } else { Attached::Already })
        };
        self.mongo.in_time(verb).await
    }

    /// Walks `{event: 1, _id: 1}`, then rewards by `_id`.
    async fn of_events(&self, events: &[EventId]) -> Result<Readable<Vec<Reward>>, StoreError> {
        let ids: Vec<_> = events.iter().map(|id| to_oid(id.0)).collect();
        let placed = self.event_rewards.find(doc! { "event": { "$in": ids } }).sort(doc! { "_id": 1 });
        let placed = self.mongo.all(placed).await?;
        let ids: Vec<_> = placed.iter().map(|attachment| attachment.reward).collect();
        let found = self.mongo.all(self.rewards.find(doc! { "_id": { "$in": ids } })).await?;
        let found = found.into_iter().map(|document| (document.id, Reward::try_from(document)));
        let found: HashMap<_, _> = found.collect();
        let mut rewards = Readable::new();
        for attachment in placed {
            if let Some(reward) = found.get(&attachment.reward) {
                add(&mut rewards, EventId(from_oid(attachment.event)), reward.clone());
            }
        }
        Ok(rewards)
    }
}

impl MongoEventDb {
    /// Whether it was not attached before.
    async fn place(&self, attachment: Attachment) -> Result<bool, StoreError> {
        let document = AttachmentDocument::from(attachment);
        if self.mongo.unless_taken(self.event_rewards.insert_one(&document)).await?.is_some() {
            return Ok(true);
        }
        // The one in the way may be this very one, inserted by an attempt the driver repeated.
        let key = doc! { "event": document.event, "reward": document.reward };
        let there = self.mongo.run(self.event_rewards.find_one(key)).await?;
        Ok(there.is_some_and(|there| there.id == document.id))
    }
}
