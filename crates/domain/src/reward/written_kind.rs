//! What a reward gives, as it is written: `type` discriminates, as in the `rewards` collection, and both kinds of coupon have
//! the same one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use super::{RewardKind, RewardType};
use crate::Timestamp;

/// What a reward gives, by its type.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "UPPERCASE", rename_all_fields = "camelCase")]
pub(super) enum WrittenKind {
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
        /// Never there.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(schema_with = no_pool, required = false)]
        pool: Option<bool>,
        /// Until when the code can be used.
        expiry: Timestamp,
    },
    /// A code each, out of a pool.
    #[serde(rename = "COUPON")]
    CouponPool {
        /// Tells it from one code for everybody.
        #[schema(schema_with = is_pool)]
        pool: bool,
        /// Until when the codes can be used.
        expiry: Timestamp,
    },
    /// A badge.
    #[schema(rename_all = "camelCase")]
    Badge {
        /// The badge's id in the game or shop.
        badge_id: String,
    },
}

fn no_pool() -> Schema {
    one_of_these(false, "Never true of a coupon with one code for everybody.")
}

fn is_pool() -> Schema {
    one_of_these(true, "Tells it from one code for everybody.")
}

fn one_of_these(value: bool, told: &str) -> Schema {
    let only = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([value]));
    only.description(Some(told)).into()
}

impl From<RewardKind> for WrittenKind {
    fn from(kind: RewardKind) -> Self {
        match kind {
            RewardKind::Point { points } => Self::Point { points },
            RewardKind::Item { item_id, quantity } => Self::Item { item_id, quantity },
            RewardKind::Coupon { coupon_code, expiry } => Self::Coupon { coupon_code, pool: None, expiry },
            RewardKind::CouponPool { expiry } => Self::CouponPool { pool: true, expiry },
            RewardKind::Badge { badge_id } => Self::Badge { badge_id },
        }
    }
}

impl PartialSchema for RewardKind {
    fn schema() -> RefOr<Schema> {
        WrittenKind::schema()
    }
}

impl ToSchema for RewardKind {
    fn name() -> Cow<'static, str> {
        "RewardKind".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        WrittenKind::schemas(schemas);
    }
}

/// The fields of every type; which of them there are its type tells.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KindFields {
    r#type: RewardType,
    points: Option<i64>,
    item_id: Option<String>,
    quantity: Option<i64>,
    coupon_code: Option<String>,
    #[serde(default)]
    pool: bool,
    expiry: Option<Timestamp>,
    badge_id: Option<String>,
}

/// A field of a reward's type is missing.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a reward lacks a field of its type {}", .0.name())]
pub(super) struct FieldMissing(RewardType);

impl TryFrom<KindFields> for RewardKind {
    type Error = FieldMissing;

    fn try_from(fields: KindFields) -> Result<Self, FieldMissing> {
        let kind = match fields.r#type {
            RewardType::Point => fields.points.map(|points| Self::Point { points }),
            RewardType::Item => {
                let item = fields.item_id.zip(fields.quantity);
                item.map(|(item_id, quantity)| Self::Item { item_id, quantity })
            }
            RewardType::Coupon if fields.pool => fields.expiry.map(|expiry| Self::CouponPool { expiry }),
            RewardType::Coupon => {
                let coupon = fields.coupon_code.zip(fields.expiry);
                coupon.map(|(coupon_code, expiry)| Self::Coupon { coupon_code, expiry })
            }
            RewardType::Badge => fields.badge_id.map(|badge_id| Self::Badge { badge_id }),
        };
        kind.ok_or(FieldMissing(fields.r#type))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_is_read_from_what_it_is_written_as() {
        let expiry: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let at = "2027-01-01T00:00:00.000Z";
        for (kind, written) in [
            (RewardKind::Point { points: 5 }, json!({"type": "POINT", "points": 5})),
            (
                RewardKind::Item { item_id: "i".into(), quantity: 2 },
                json!({"type": "ITEM", "itemId": "i", "quantity": 2}),
            ),
            (
                RewardKind::Coupon { coupon_code: "C".into(), expiry },
                json!({"type": "COUPON", "couponCode": "C", "expiry": at}),
            ),
            (RewardKind::CouponPool { expiry }, json!({"type": "COUPON", "pool": true, "expiry": at})),
            (RewardKind::Badge { badge_id: "b".into() }, json!({"type": "BADGE", "badgeId": "b"})),
        ] {
            assert_eq!(serde_json::to_value(&kind).unwrap(), written);
            assert_eq!(serde_json::from_value::<RewardKind>(written).unwrap(), kind);
        }
        for lacking in [json!({"type": "COUPON", "expiry": at}), json!({"type": "ITEM", "itemId": "i"})] {
            assert!(serde_json::from_value::<RewardKind>(lacking).is_err());
        }
    }
}
