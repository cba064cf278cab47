use std::collections::HashMap;

use async_trait::async_trait;
use domain::{EventId, Reward, RewardId, RewardKind, RewardType};
use mongodb::{
    Collection,
    bson::{DateTime, RawDocumentBuf, doc, oid::ObjectId},
};
use serde::{Deserialize, Serialize};
use store_kit::{
    mongo::{Mongo, from_date, from_oid, to_date, to_oid},
    row::{StoredRow, log_unreadable},
};

use super::{corrupt_document, read_row, read_text, transfer::MongoTable};
use crate::{
    AttachOutcome, Attachment, FoundByEvent, RewardStore, STORE, StoreError, TransferRecord,
    rewards::add_reward,
};

/// The rewards and which events have them, on a MongoDB server.
#[derive(Debug, Clone)]
pub(super) struct MongoRewards {
    mongo: Mongo,
    rewards: Collection<RewardDocument>,
    attachments: Collection<AttachmentDocument>,
}

impl MongoRewards {
    pub(super) fn new(mongo: &Mongo) -> Self {
        Self {
            rewards: mongo.collection(TABLE.name),
            attachments: mongo.collection(ATTACHMENT_TABLE.name),
            mongo: mongo.clone(),
        }
    }
}

pub(super) const TABLE: MongoTable = MongoTable {
    name: "rewards",
    order: super::transfer::ID_ORDER,
    read: |document| read_reward(document).value.map(TransferRecord::Reward),
    write: |record| match record {
        TransferRecord::Reward(reward) => super::to_document(&RewardDocument::from(reward)),
        _ => Err(super::wrong_table("rewards")),
    },
};

pub(super) const ATTACHMENT_TABLE: MongoTable = MongoTable {
    name: "event_rewards",
    order: super::transfer::ID_ORDER,
    read: |document| read_attachment(document).value.map(TransferRecord::Attachment),
    write: |record| match record {
        TransferRecord::Attachment(attachment) => super::to_document(&AttachmentDocument::from(attachment)),
        _ => Err(super::wrong_table("event_rewards")),
    },
};

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
            kind: read_kind(&document)?,
            name: document.name,
            created_at: from_date(document.created_at),
            updated_at: from_date(document.updated_at),
        })
    }
}

fn read_kind(document: &RewardDocument) -> Result<RewardKind, StoreError> {
    let kind = match read_text(&document.r#type)? {
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

fn read_reward(document: &RawDocumentBuf) -> StoredRow<Reward> {
    read_row::<RewardDocument, _>(document, Reward::try_from)
}

fn read_attachment(document: &RawDocumentBuf) -> StoredRow<Attachment> {
    read_row::<AttachmentDocument, _>(document, |document| Ok(document.into()))
}

#[async_trait]
impl RewardStore for MongoRewards {
    /// The reward first: a crash between leaves one that no event has.
    async fn create_attached(&self, reward: Reward, attachment: Attachment) -> Result<(), StoreError> {
        let insert = self.rewards.insert_one(RewardDocument::from(reward));
        let verb = async {
            self.mongo.unless_taken(insert).await?;
            self.insert_attachment(attachment).await.map(drop)
        };
        self.mongo.in_time(verb).await
    }

    async fn attach(&self, attachment: Attachment) -> Result<AttachOutcome, StoreError> {
        let id = to_oid(attachment.reward.0);
        let verb = async {
            let rewards = self.rewards.clone_with_type::<RawDocumentBuf>();
            let Some(reward) = self.mongo.run(rewards.find_one(doc! { "_id": id })).await? else {
                return Ok(AttachOutcome::UnknownReward);
            };
            if !self.insert_attachment(attachment).await? {
                return Ok(AttachOutcome::Already);
            }
            Ok(AttachOutcome::Attached(read_reward(&reward).value?))
        };
        self.mongo.in_time(verb).await
    }

    /// Walks `{event: 1, _id: 1}`, then rewards by `_id`.
    async fn of_events(&self, events: &[EventId]) -> Result<FoundByEvent<Vec<Reward>>, StoreError> {
        let ids: Vec<_> = events.iter().map(|id| to_oid(id.0)).collect();
        let attachments = self.attachments.clone_with_type::<RawDocumentBuf>();
        let attached = attachments.find(doc! { "event": { "$in": ids } }).sort(doc! { "_id": 1 });
        let attached = self.mongo.all(attached.max_time(self.mongo.limit())).await?;
        let mut rewards = FoundByEvent::new();
        let mut places = Vec::new();
        for document in &attached {
            match read_attachment(document).value {
                Ok(attachment) => places.push((attachment.event, attachment.reward)),
                // It makes its event's rewards unreadable and no other's.
                Err(error) => {
                    log_unreadable(ATTACHMENT_TABLE.name, "of an event", &error);
                    let event = document.get_object_id("event").map_err(corrupt_document)?;
                    add_reward(&mut rewards, EventId(from_oid(event)), Err(error));
                }
            }
        }
        let found = self.find_rewards(&places).await?;
        for (event, reward) in places {
            if let Some(reward) = found.get(&reward) {
                add_reward(&mut rewards, event, reward.clone());
            }
        }
        Ok(rewards)
    }
}

impl MongoRewards {
    async fn find_rewards(
        &self,
        places: &[(EventId, RewardId)],
    ) -> Result<HashMap<RewardId, Result<Reward, StoreError>>, StoreError> {
        let ids: Vec<_> = places.iter().map(|(_, reward)| to_oid(reward.0)).collect();
        let rewards = self.rewards.clone_with_type::<RawDocumentBuf>();
        let find = rewards.find(doc! { "_id": { "$in": ids } }).max_time(self.mongo.limit());
        let found = self.mongo.all(find).await?;
        found.iter().map(read_reward).map(|row| Ok((RewardId(row.id?), row.value))).collect()
    }

    /// Whether it was not attached before.
    async fn insert_attachment(&self, attachment: Attachment) -> Result<bool, StoreError> {
        let document = AttachmentDocument::from(attachment);
        if self.mongo.unless_taken(self.attachments.insert_one(&document)).await?.is_some() {
            return Ok(true);
        }
        // The one in the way may be this very one, inserted by an attempt the driver repeated.
        let key = doc! { "event": document.event, "reward": document.reward };
        let there = self.mongo.run(self.attachments.find_one(key)).await?;
        Ok(there.is_some_and(|there| there.id == document.id))
    }
}
