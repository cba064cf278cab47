//! Rewards: what can be granted.

use serde::{Deserialize, Serialize};

use crate::{RewardId, Timestamp};

crate::named_values::named_values! {
    /// The kinds of reward.
    pub enum RewardType {
        /// Points on the user's balance.
        Point = "POINT",
        /// Pieces of an item.
        Item = "ITEM",
        /// A coupon code.
        Coupon = "COUPON",
        /// A badge.
        Badge = "BADGE",
    }
}

/// What a reward gives, by kind. `type` discriminates, as in the `rewards` collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "UPPERCASE", rename_all_fields = "camelCase")]
pub enum RewardKind {
    /// Points, at least one.
    Point {
        /// How many.
        points: i64,
    },
    /// Pieces of an item, at least one.
    #[schema(rename_all = "camelCase")]
    Item {
        /// The item's id in the game or shop.
        item_id: String,
        /// How many.
        quantity: i64,
    },
    /// One code for everybody.
    #[schema(rename_all = "camelCase")]
    Coupon {
        /// The code, shown to staff only.
        #[schema(required = false)]
        coupon_code: String,
        /// Until when the code can be used.
        expiry: Timestamp,
    },
    /// A badge.
    #[schema(rename_all = "camelCase")]
    Badge {
        /// The badge's id in the game or shop.
        badge_id: String,
    },
}

impl RewardKind {
    /// Which kind it is.
    pub const fn reward_type(&self) -> RewardType {
        match self {
            RewardKind::Point { .. } => RewardType::Point,
            RewardKind::Item { .. } => RewardType::Item,
            RewardKind::Coupon { .. } => RewardType::Coupon,
            RewardKind::Badge { .. } => RewardType::Badge,
        }
    }
}

/// Something that can be granted. Attached to any number of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reward {
    /// The reward's id.
    pub id: RewardId,
    /// What people call it.
    pub name: String,
    /// What it gives.
    pub kind: RewardKind,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
