use async_trait::async_trait;
use domain::{EventId, Reward, RewardId, RewardKind, RewardPlace, RewardType};
use mongodb::{
    Collection,
    bson::{DateTime, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use serde::{Deserialize, Serialize};
use service_kit::page::{Page, PageRequest};
use store_kit::{
    mongo::{Mongo, from_date, from_oid, to_date, to_oid},
    row::{StoredRow, readable_page},
};

use super::{read_row, read_text, transfer::MongoTable};
use crate::{
    Attachment, FoundByEvent, FoundByReward, RewardFilter, RewardStore, STORE, StoreError, TransferRecord,
    rewards::add_reward,
};

/// The rewards and which events have them, on a MongoDB server.
#[derive(Debug, Clone)]
pub(super) struct MongoRewards {
    mongo: Mongo,
    rewards: Collection<RewardDocument>,
    events: Collection<RawDocumentBuf>,
}

/// What an event has.
#[derive(Debug, Deserialize)]
struct PlacesDocument {
    #[serde(default)]
    rewards: Vec<RewardPlace>,
}

impl MongoRewards {
    pub(super) fn new(mongo: &Mongo) -> Self {
        Self {
            rewards: mongo.collection(TABLE.name),
            events: mongo.collection(super::events::TABLE.name),
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
    /// The name folded, for searching.
    #[serde(default)]
    name_folded: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon_code: Option<String>,
    /// True of a pool of coupons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<bool>,
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
            name_folded: domain::fold_text(&reward.name),
            name: reward.name,
            points: None,
            item_id: None,
            quantity: None,
            coupon_code: None,
            pool: None,
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
            RewardKind::CouponPool { expiry } => {
                (document.pool, document.expiry) = (Some(true), Some(to_date(expiry)));
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
        RewardType::Coupon if document.pool == Some(true) => {
            document.expiry.map(|expiry| RewardKind::CouponPool { expiry: from_date(expiry) })
        }
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
    /// By `_id`.
    async fn find_many(&self, ids: &[RewardId]) -> Result<FoundByReward, StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| to_oid(id.0)).collect();
        let rewards = self.rewards.clone_with_type::<RawDocumentBuf>();
        let find = rewards.find(doc! { "_id": { "$in": ids } }).max_time(self.mongo.limit());
        let found = self.mongo.all(find).await?;
        found.iter().map(read_reward).map(|row| Ok((RewardId(row.id?), row.value))).collect()
    }

    /// Walks `{type: 1, _id: -1}` where a type is given, else `_id`.
    async fn list(&self, filter: &RewardFilter, page: PageRequest) -> Result<Page<Reward>, StoreError> {
        let mut query = Document::new();
        if let Some(reward_type) = filter.reward_type {
            query.insert("type", reward_type.name());
        }
        if let Some(before) = page.before {
            query.insert("_id", doc! { "$lt": to_oid(before) });
        }
        if let Some(name) = &filter.name {
            query.insert("nameFolded", doc! { "$regex": regex_syntax::escape(&domain::fold_text(name)) });
        }
        let rewards = self.rewards.clone_with_type::<RawDocumentBuf>();
        let find =
            rewards.find(query).sort(doc! { "_id": -1 }).limit(page.overfull()).max_time(self.mongo.limit());
        let found =
            if filter.name.is_some() { self.mongo.search(find).await? } else { self.mongo.all(find).await? };
        Ok(readable_page(TABLE.name, found.iter().map(read_reward).collect(), page.limit))
    }

    /// What the events say they have by `_id`, then the rewards by `_id`.
    async fn of_events(&self, events: &[EventId]) -> Result<FoundByEvent<Vec<Reward>>, StoreError> {
        let ids: Vec<_> = events.iter().map(|id| to_oid(id.0)).collect();
        let find = self.events.find(doc! { "_id": { "$in": ids } }).projection(doc! { "rewards": 1 });
        let holders = self.mongo.all(find.max_time(self.mongo.limit())).await?;
        let mut rewards = FoundByEvent::new();
        let mut places = Vec::new();
        for document in &holders {
            let row = read_row::<PlacesDocument, _>(document, |holder| Ok(holder.rewards));
            match (EventId(row.id?), row.value) {
                (event, Ok(of_event)) => places.extend(of_event.iter().map(|place| (event, place.reward))),
                // It makes its event's rewards unreadable and no other's.
                (event, Err(error)) => add_reward(&mut rewards, event, Err(error)),
            }
        }
        let wanted: Vec<_> = places.iter().map(|(_, reward)| *reward).collect();
        let found = self.find_many(&wanted).await?;
        for (event, reward) in places {
            if let Some(reward) = found.get(&reward) {
                add_reward(&mut rewards, event, reward.clone());
            }
        }
        Ok(rewards)
    }
}
