use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use domain::{Faults, RewardId, RewardKind, RewardType, TextLine, Timestamp};
use utoipa::ToSchema;

use crate::app::rewards::RewardChoice;

/// The most points or pieces one reward can give: far above any use, far below what sums could overflow.
const MOST: i64 = 1_000_000_000_000;

/// The reward to attach.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[schema(as = AttachReward)]
pub(crate) enum AttachRewardBody {
    Existing(ExistingReward),
    New(NewReward),
}

/// A reward there is already, by its id alone.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ExistingReward {
    reward_id: RewardId,
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
    },
    /// One coupon code for everybody.
    #[deserr(rename = "COUPON", rename_all = camelCase)]
    #[schema(rename_all = "camelCase")]
    Coupon {
        /// What people call it.
        #[schema(value_type = String, min_length = 1, max_length = 200)]
        name: TextLine<200>,
        /// The code.
        #[schema(value_type = String, min_length = 1, max_length = 200)]
        coupon_code: TextLine<200>,
        /// Until when the code can be used.
        expiry: Timestamp,
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
        if let Some(fields) = value.as_object() {
            check_type(fields.get("type"), location)?;
        }
        NewReward::deserialize_from_value(value.into_value(), location).map(Self::New)
    }
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

impl From<AttachRewardBody> for RewardChoice {
    fn from(body: AttachRewardBody) -> Self {
        match body {
            AttachRewardBody::Existing(existing) => RewardChoice::Existing(existing.reward_id),
            AttachRewardBody::New(new) => {
                let (name, kind) = new.into_name_and_kind();
                RewardChoice::New { name, kind }
            }
        }
    }
}

impl NewReward {
    fn into_name_and_kind(self) -> (String, RewardKind) {
        let (name, kind) = match self {
            Self::Point { name, points } => (name, RewardKind::Point { points: points.0 }),
            Self::Item { name, item_id, quantity } => {
                (name, RewardKind::Item { item_id: item_id.into_string(), quantity: quantity.0 })
            }
            Self::Coupon { name, coupon_code, expiry } => {
                (name, RewardKind::Coupon { coupon_code: coupon_code.into_string(), expiry })
            }
            Self::Badge { name, badge_id } => (name, RewardKind::Badge { badge_id: badge_id.into_string() }),
        };
        (name.into_string(), kind)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read_body(body: Value) -> Result<RewardChoice, Faults> {
        deserr::deserialize::<AttachRewardBody, _, Faults>(body).map(RewardChoice::from)
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
    fn every_fault_is_reported() {
        assert_eq!(fault_pointers(json!({})), ["/type"]);
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
