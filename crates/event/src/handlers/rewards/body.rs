use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use domain::{Fault, Faults, RewardId, RewardKind, RewardType, TextLine, Timestamp};
use serde_json::Map;
use utoipa::ToSchema;

use crate::app::rewards::{NewAttachment, RewardChoice};

/// The most points or pieces one reward can give: far above any use, far below what sums could overflow.
const MOST: i64 = 1_000_000_000_000;

/// The most there can be of a limited reward.
const MOST_STOCK: i64 = 1_000_000_000;

/// The reward to attach.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[schema(as = AttachReward)]
pub(crate) enum AttachRewardBody {
    Existing(ExistingReward),
    New(NewReward),
}

/// A reward there is already, by its id.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ExistingReward {
    reward_id: RewardId,
    /// How many there are in this event; left out or null: unlimited.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 1_000_000_000_i64)]
    stock: Option<StockTotal>,
}

/// A reward to be created, with the fields of its type.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, tag = "type", deny_unknown_fields)]
#[serde(tag = "type", rename_all = "UPPERCASE")]
pub(crate) enum NewReward {
    /// Points on the user's balance.
    #[deserr(rename = "POINT", rename_all = camelCase)]
    #[schema(rename_all = "camelCase")]
    Point {
        /// What people call it.
        #[schema(value_type = String, min_length = 1, max_length = 200)]
        name: TextLine<200>,
        /// How many.
        #[schema(value_type = i64, minimum = 1, maximum = 1_000_000_000_000_i64)]
        points: RewardAmount,
        /// How many there are in this event; left out or null: unlimited.
        #[deserr(default)]
        #[schema(value_type = Option<i64>, minimum = 1, maximum = 1_000_000_000_i64)]
        stock: Option<StockTotal>,
    },
    /// Pieces of an item.
    #[deserr(rename = "ITEM", rename_all = camelCase)]
    #[schema(rename_all = "camelCase")]
    Item {
        /// What people call it.
        #[schema(value_type = String, min_length = 1, max_length = 200)]
        name: TextLine<200>,
        /// The item's id in the game or shop.
        #[schema(value_type = String, min_length = 1, max_length = 200)]
        item_id: TextLine<200>,
        /// How many.
        #[schema(value_type = i64, minimum = 1, maximum = 1_000_000_000_000_i64)]
        quantity: RewardAmount,
        /// How many there are in this event; left out or null: unlimited.
        #[deserr(default)]
        #[schema(value_type = Option<i64>, minimum = 1, maximum = 1_000_000_000_i64)]
        stock: Option<StockTotal>,
    },
    /// A coupon: one code for everybody, or a pool with a code each.
    #[deserr(rename = "COUPON", rename_all = camelCase)]
    #[schema(rename_all = "camelCase")]
    Coupon {
        /// What people call it.
        #[schema(value_type = String, min_length = 1, max_length = 200)]
        name: TextLine<200>,
        /// The code for everybody; only without `pool`.
        #[deserr(default)]
        #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
        coupon_code: Option<TextLine<200>>,
        /// Whether each user gets a code of their own, of those that are imported into the pool.
        #[deserr(default)]
        #[schema(required = false)]
        pool: bool,
        /// Until when codes can be used.
        expiry: Timestamp,
        /// How many there are in this event; left out or null: unlimited.
        #[deserr(default)]
        #[schema(value_type = Option<i64>, minimum = 1, maximum = 1_000_000_000_i64)]
        stock: Option<StockTotal>,
    },
    /// A badge.
    #[deserr(rename = "BADGE", rename_all = camelCase)]
    #[schema(rename_all = "camelCase")]
    Badge {
        /// What people call it.
        #[schema(value_type = String, min_length = 1, max_length = 200)]
        name: TextLine<200>,
        /// The badge's id in the game or shop.
        #[schema(value_type = String, min_length = 1, max_length = 200)]
        badge_id: TextLine<200>,
        /// How many there are in this event; left out or null: unlimited.
        #[deserr(default)]
        #[schema(value_type = Option<i64>, minimum = 1, maximum = 1_000_000_000_i64)]
        stock: Option<StockTotal>,
    },
}

/// How many points or pieces a reward gives: 1 to [`MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RewardAmount(i64);

impl Deserr<Faults> for RewardAmount {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, Faults> {
        let amount = <i64 as Deserr<Faults>>::deserialize_from_value(value, location)?;
        if (1..=MOST).contains(&amount) {
            Ok(Self(amount))
        } else {
            Err(Faults::new(domain::json_pointer(location), "must be a whole number from 1 to 1000000000000"))
        }
    }
}

/// How many there are of something: 1 to [`MOST_STOCK`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StockTotal(pub(super) i64);

impl Deserr<Faults> for StockTotal {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, Faults> {
        let total = <i64 as Deserr<Faults>>::deserialize_from_value(value, location)?;
        if (1..=MOST_STOCK).contains(&total) {
            Ok(Self(total))
        } else {
            Err(Faults::new(domain::json_pointer(location), "must be a whole number from 1 to 1000000000"))
        }
    }
}

impl Deserr<Faults> for AttachRewardBody {
    /// An object with a `rewardId` is meant as a reward there is already, any other as a new one.
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, Faults> {
        let value = <serde_json::Value as Deserr<Faults>>::deserialize_from_value(value, location)?;
        if value.get("rewardId").is_some() {
            return ExistingReward::deserialize_from_value(value.into_value(), location).map(Self::Existing);
        }
        let fields = value.as_object();
        if let Some(fields) = fields {
            check_type(fields.get("type"), location)?;
        }
        let code_fault = fields.and_then(|fields| find_code_fault(fields, location));
        let read = NewReward::deserialize_from_value(value.into_value(), location);
        match (read, code_fault) {
            (Ok(new), None) => Ok(Self::New(new)),
            (Ok(_), Some(fault)) => Err(Faults::from_iter([fault])),
            (Err(faults), fault) => Err(faults.into_vec().into_iter().chain(fault).collect()),
        }
    }
}

/// A coupon has a code for everybody or is a pool, one of both.
fn find_code_fault(fields: &Map<String, serde_json::Value>, location: ValuePointerRef) -> Option<Fault> {
    if fields.get("type")?.as_str()? != RewardType::Coupon.name() {
        return None;
    }
    let has_code = fields.get("couponCode").is_some_and(|code| !code.is_null());
    let is_pool = fields.get("pool").and_then(serde_json::Value::as_bool).unwrap_or(false);
    let message = match (has_code, is_pool) {
        (true, true) => "must be left out where pool is true: codes are imported into the pool",
        (false, false) => "is required unless pool is true",
        _ => return None,
    };
    Some(Fault::new(domain::json_pointer(location.push_key("couponCode")), message))
}

/// Without a type that is known nothing can be said about the other fields.
fn check_type(given: Option<&serde_json::Value>, location: ValuePointerRef) -> Result<(), Faults> {
    let location = location.push_key("type");
    match given {
        Some(given) => RewardType::deserialize_from_value(given.clone().into_value(), location).map(drop),
        None => Err(Faults::new(
            domain::json_pointer(location),
            "is required for a new reward; to attach one there is already give its rewardId alone",
        )),
    }
}

impl From<AttachRewardBody> for NewAttachment {
    fn from(body: AttachRewardBody) -> Self {
        let (choice, stock) = match body {
            AttachRewardBody::Existing(ExistingReward { reward_id, stock }) => {
                (RewardChoice::Existing(reward_id), stock)
            }
            AttachRewardBody::New(new) => {
                let (name, kind, stock) = new.into_parts();
                (RewardChoice::New { name, kind }, stock)
            }
        };
        Self { choice, stock: stock.map(|StockTotal(total)| total) }
    }
}

impl NewReward {
    fn into_parts(self) -> (String, RewardKind, Option<StockTotal>) {
        let (name, kind, stock) = match self {
            Self::Point { name, points, stock } => (name, RewardKind::Point { points: points.0 }, stock),
            Self::Item { name, item_id, quantity, stock } => {
                (name, RewardKind::Item { item_id: item_id.into_string(), quantity: quantity.0 }, stock)
            }
            Self::Coupon { name, coupon_code, pool, expiry, stock } => {
                let kind = match coupon_code {
                    Some(code) if !pool => RewardKind::Coupon { coupon_code: code.into_string(), expiry },
                    _ => RewardKind::CouponPool { expiry },
                };
                (name, kind, stock)
            }
            Self::Badge { name, badge_id, stock } => {
                (name, RewardKind::Badge { badge_id: badge_id.into_string() }, stock)
            }
        };
        (name.into_string(), kind, stock)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read_whole(body: Value) -> Result<NewAttachment, Faults> {
        deserr::deserialize::<AttachRewardBody, _, Faults>(body).map(NewAttachment::from)
    }

    fn read_body(body: Value) -> Result<RewardChoice, Faults> {
        read_whole(body).map(|attachment| attachment.choice)
    }

    fn fault_pointers(body: Value) -> Vec<String> {
        let mut pointers: Vec<_> =
            read_body(body).unwrap_err().into_vec().into_iter().map(|fault| fault.pointer).collect();
        pointers.sort_unstable();
        pointers
    }

    #[test]
    fn each_type_is_read_with_its_own_fields() {
        for (body, kind) in [
            (json!({"type": "POINT", "name": "x", "points": 1}), RewardKind::Point { points: 1 }),
            (
                json!({"type": "ITEM", "name": "x", "itemId": "sword", "quantity": 2}),
                RewardKind::Item { item_id: "sword".into(), quantity: 2 },
            ),
            (
                json!({"type": "COUPON", "name": "x", "couponCode": "C", "expiry": "2026-05-01T00:00:00Z"}),
                RewardKind::Coupon {
                    coupon_code: "C".into(),
                    expiry: "2026-05-01T00:00:00Z".parse().unwrap(),
                },
            ),
            (
                json!({"type": "COUPON", "name": "x", "pool": true, "expiry": "2026-05-01T00:00:00Z"}),
                RewardKind::CouponPool { expiry: "2026-05-01T00:00:00Z".parse().unwrap() },
            ),
            (
                json!({"type": "BADGE", "name": "x", "badgeId": "b"}),
                RewardKind::Badge { badge_id: "b".into() },
            ),
        ] {
            assert_eq!(read_body(body), Ok(RewardChoice::New { name: "x".into(), kind }));
        }
        let id = "6650f1a2c3d4e5f601234567";
        assert_eq!(read_body(json!({ "rewardId": id })), Ok(RewardChoice::Existing(id.parse().unwrap())));
    }

    #[test]
    fn there_can_be_a_limited_number_of_any_reward() {
        for mut body in [
            json!({"type": "POINT", "name": "x", "points": 1}),
            json!({"type": "ITEM", "name": "x", "itemId": "sword", "quantity": 2}),
            json!({"type": "COUPON", "name": "x", "couponCode": "C", "expiry": "2026-05-01T00:00:00Z"}),
            json!({"type": "BADGE", "name": "x", "badgeId": "b"}),
            json!({"rewardId": "6650f1a2c3d4e5f601234567"}),
        ] {
            assert_eq!(read_whole(body.clone()).unwrap().stock, None);
            for (stock, expected) in
                [(json!(null), None), (json!(1), Some(1)), (json!(1_000_000_000), Some(1_000_000_000))]
            {
                body["stock"] = stock;
                assert_eq!(read_whole(body.clone()).unwrap().stock, expected, "{body}");
            }
            for stock in [json!(0), json!(-1), json!(1.5), json!("5"), json!(1_000_000_001)] {
                body["stock"] = stock;
                assert_eq!(fault_pointers(body.clone()), ["/stock"], "{body}");
            }
        }
    }

    #[test]
    fn every_fault_is_reported() {
        assert_eq!(fault_pointers(json!({})), ["/type"]);
        let coupon = |code: Value, pool: Value| json!({"type": "COUPON", "name": "x", "expiry": "2026-05-01T00:00:00Z", "couponCode": code, "pool": pool});
        for (code, pool) in [(json!("C"), json!(true)), (json!(null), json!(false))] {
            assert_eq!(fault_pointers(coupon(code, pool)), ["/couponCode"]);
        }
        assert_eq!(fault_pointers(coupon(json!("C"), json!(1))), ["/pool"]);
        assert_eq!(fault_pointers(json!({"type": "COUPON"})), ["/couponCode", "/expiry", "/name"]);
        assert_eq!(fault_pointers(json!({"type": "ITEM"})), ["/itemId", "/name", "/quantity"]);
        assert_eq!(
            fault_pointers(json!({"type": "POINT", "name": "x", "points": 0, "badgeId": "b"})),
            ["/badgeId", "/points"]
        );
        assert_eq!(
            fault_pointers(json!({"type": "POINT", "name": "x", "points": 1_000_000_000_001_i64})),
            ["/points"]
        );
        assert_eq!(
            fault_pointers(json!({"type": "POINT", "points": 1.5, "name": " "})),
            ["/name", "/points"]
        );
        assert_eq!(fault_pointers(json!({"type": "GOLD", "stock": 5})), ["/type"]);
        assert_eq!(fault_pointers(json!({"type": 7})), ["/type"]);
        let both = json!({"rewardId": "6650f1a2c3d4e5f601234567", "type": "POINT", "points": 5});
        assert_eq!(fault_pointers(both), ["/points", "/type"]);
        for not_an_object in [json!([]), json!("x"), json!(null)] {
            assert_eq!(fault_pointers(not_an_object), [""]);
        }
    }
}
