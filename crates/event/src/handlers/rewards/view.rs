use bytes::Bytes;
use domain::{Reward, RewardId, RewardKind, RewardType, Timestamp};
use event_store::StockCounter;
use serde::{Serialize, Serializer};

use crate::catalogue::AttachedReward;

/// A reward as it is answered: its fields depend on its type.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reward)]
pub(crate) struct RewardView {
    id: RewardId,
    /// What people call it.
    #[schema(example = "Starter points")]
    name: String,
    #[serde(flatten)]
    #[schema(value_type = RewardKind)]
    kind: ShownKind,
    /// Of a pool of coupons its codes, unless the event has fewer. Null: unlimited.
    #[schema(required)]
    stock: Option<RewardStock>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// How many there are of a limited reward.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Stock)]
pub(crate) struct RewardStock {
    /// In all.
    #[schema(minimum = 0)]
    total: i64,
    /// Those that no request that is PENDING or APPROVED has taken; of a pool of coupons, also none that was revoked.
    #[schema(minimum = 0)]
    remaining: i64,
}

impl From<StockCounter> for RewardStock {
    fn from(counter: StockCounter) -> Self {
        Self { total: counter.total, remaining: counter.remaining }
    }
}

/// What a reward gives, with all that its reader may see.
enum ShownKind {
    Whole(RewardKind),
    /// A coupon without its code.
    Coupon {
        expiry: Timestamp,
    },
}

impl Serialize for ShownKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct CodelessCoupon {
            r#type: RewardType,
            expiry: Timestamp,
        }
        match self {
            Self::Whole(kind) => kind.serialize(serializer),
            Self::Coupon { expiry } => {
                CodelessCoupon { r#type: RewardType::Coupon, expiry: *expiry }.serialize(serializer)
            }
        }
    }
}

impl RewardView {
    /// The reward by itself as staff sees it. Only in an event there can be a limited number of it.
    pub(crate) fn for_staff(reward: &Reward) -> Self {
        Self::with_kind(reward, ShownKind::Whole(reward.kind.clone()))
    }

    /// A reward of an event as staff sees it.
    pub(crate) fn attached_for_staff(AttachedReward { reward, stock }: &AttachedReward) -> Self {
        Self { stock: stock.map(RewardStock::from), ..Self::for_staff(reward) }
    }

    /// A reward of an event as everybody sees it: a coupon without its code.
    fn attached_for_everybody(AttachedReward { reward, stock }: &AttachedReward) -> Self {
        let kind = match &reward.kind {
            RewardKind::Coupon { expiry, .. } => ShownKind::Coupon { expiry: *expiry },
            kind => ShownKind::Whole(kind.clone()),
        };
        Self { stock: stock.map(RewardStock::from), ..Self::with_kind(reward, kind) }
    }

    fn with_kind(reward: &Reward, kind: ShownKind) -> Self {
        Self {
            id: reward.id,
            name: reward.name.clone(),
            kind,
            stock: None,
            created_at: reward.created_at,
            updated_at: reward.updated_at,
        }
    }
}

/// A reward as it was granted.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = GrantedReward)]
pub(crate) struct GrantedRewardView {
    id: RewardId,
    name: String,
    #[serde(flatten)]
    #[schema(value_type = RewardKind)]
    kind: ShownKind,
}

impl GrantedRewardView {
    /// With a coupon's code or without.
    pub(crate) fn new(reward: Reward, with_code: bool) -> Self {
        let kind = match reward.kind {
            RewardKind::Coupon { expiry, .. } if !with_code => ShownKind::Coupon { expiry },
            kind => ShownKind::Whole(kind),
        };
        Self { id: reward.id, name: reward.name, kind }
    }
}

/// Writes rewards as they are answered to staff or to everybody.
pub(super) fn write_rewards(rewards: &[AttachedReward], to_staff: bool) -> Result<Bytes, serde_json::Error> {
    let view = if to_staff { RewardView::attached_for_staff } else { RewardView::attached_for_everybody };
    let views: Vec<_> = rewards.iter().map(view).collect();
    serde_json::to_vec(&views).map(Bytes::from)
}
