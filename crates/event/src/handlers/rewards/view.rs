use domain::{Reward, RewardId, RewardKind, RewardType, Timestamp};
use serde::Serialize;

/// A reward as it is answered: which of the optional fields there are depends on the type.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reward)]
pub(crate) struct RewardView {
    id: RewardId,
    r#type: RewardType,
    /// What people call it.
    #[schema(example = "Starter points")]
    name: String,
    /// POINT: how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<i64>,
    /// ITEM: its id in the game or shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<String>,
    /// ITEM: how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<i64>,
    /// COUPON: the code, shown to staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon_code: Option<String>,
    /// COUPON: until when the code can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<Timestamp>,
    /// BADGE: its id in the game or shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    badge_id: Option<String>,
    /// Null: unlimited.
    #[schema(required)]
    stock: Option<Stock>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// How many there are of a limited reward.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Stock {
    total: i64,
    remaining: i64,
}

impl RewardView {
    /// The reward as staff or everybody else sees it.
    pub(crate) fn new(reward: Reward, to_staff: bool) -> Self {
        let mut view = Self {
            id: reward.id,
            r#type: reward.kind.reward_type(),
            name: reward.name,
            points: None,
            item_id: None,
            quantity: None,
            coupon_code: None,
            expiry: None,
            badge_id: None,
            stock: None,
            created_at: reward.created_at,
            updated_at: reward.updated_at,
        };
        match reward.kind {
            RewardKind::Point { points } => view.points = Some(points),
            RewardKind::Item { item_id, quantity } => {
                (view.item_id, view.quantity) = (Some(item_id), Some(quantity));
            }
            RewardKind::Coupon { coupon_code, expiry } => {
                view.coupon_code = to_staff.then_some(coupon_code);
                view.expiry = Some(expiry);
            }
            RewardKind::Badge { badge_id } => view.badge_id = Some(badge_id),
        }
        view
    }
}
