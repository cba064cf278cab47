//! Rewards: what can be granted.

use serde::{Deserialize, Serialize};

use crate::{RewardId, Timestamp};

mod written_kind;

use self::written_kind::{KindFields, WrittenKind};

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

/// What a reward gives, by kind. On the wire and in stores it is what `WrittenKind` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "WrittenKind", try_from = "KindFields")]
pub enum RewardKind {
    /// Points, at least one.
    Point {
        /// How many.
        points: i64,
    },
    /// Pieces of an item, at least one.
    Item {
        /// The item's id in the game or shop.
        item_id: String,
        /// How many.
        quantity: i64,
    },
    /// One code for everybody; where it was granted from a pool, the user's own.
    Coupon {
        /// The code.
        coupon_code: String,
        /// Until when the code can be used.
        expiry: Timestamp,
    },
    /// A code each, out of a pool.
    CouponPool {
        /// Until when the codes can be used.
        expiry: Timestamp,
    },
    /// A badge.
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
            RewardKind::Coupon { .. } | RewardKind::CouponPool { .. } => RewardType::Coupon,
            RewardKind::Badge { .. } => RewardType::Badge,
        }
    }

    /// Whether each user gets a code of their own, as long as there are some.
    pub const fn is_pool(&self) -> bool {
        matches!(self, RewardKind::CouponPool { .. })
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
