use deserr::Deserr;
use domain::{Fault, Faults, RewardId, RewardKind, RewardType, TextLine, Timestamp};

/// The most points or pieces one reward can give: far above any use, far below what sums could overflow.
const MOST: i64 = 1_000_000_000_000;

/// The reward to attach: a new one by its type and that type's fields, or one there is already by `rewardId` alone.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub(crate) struct AttachReward {
    /// A reward there is already; then nothing else is given.
    #[deserr(default)]
    reward_id: Option<RewardId>,
    #[deserr(default, rename = "type")]
    r#type: Option<RewardType>,
    /// 1 to 200 characters.
    #[deserr(default)]
    #[schema(value_type = Option<String>, example = "Starter points")]
    name: Option<TextLine<200>>,
    /// POINT: at least 1.
    #[deserr(default)]
    #[schema(minimum = 1, maximum = 1_000_000_000_000_i64, example = 500)]
    points: Option<i64>,
    /// ITEM: its id in the game or shop.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    item_id: Option<TextLine<200>>,
    /// ITEM: at least 1.
    #[deserr(default)]
    #[schema(minimum = 1, maximum = 1_000_000_000_000_i64)]
    quantity: Option<i64>,
    /// COUPON: one code for everybody.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    coupon_code: Option<TextLine<200>>,
    /// COUPON: until when the code can be used.
    #[deserr(default)]
    expiry: Option<Timestamp>,
    /// BADGE: its id in the game or shop.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    badge_id: Option<TextLine<200>>,
}

/// What the body asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Existing(RewardId),
    New { name: String, kind: RewardKind },
}

impl AttachReward {
    /// Reads the fields that the type needs; any other is a fault, since it would be lost.
    pub(crate) fn wanted(mut self) -> Result<Wanted, Faults> {
        let mut faults = Required { faults: Vec::new() };
        let existing = self.reward_id.take();
        let wanted = match (existing, self.r#type.take()) {
            (Some(id), None) => Some(Wanted::Existing(id)),
            (Some(_), Some(_)) => {
                faults.add("type", "must be left out where a rewardId is given");
                None
            }
            (None, None) => {
                faults.add(
                    "type",
                    "is required for a new reward; to attach one there is already give its rewardId",
                );
                None
            }
            (None, Some(kind)) => {
                let name = faults.take("name", &mut self.name);
                let kind = self.kind(kind, &mut faults);
                name.zip(kind).map(|(name, kind)| Wanted::New { name: name.into_string(), kind })
            }
        };
        for (field, given) in self.left() {
            if given {
                faults.add(field, "does not belong to this kind of reward");
            }
        }
        match wanted {
            Some(wanted) if faults.faults.is_empty() => Ok(wanted),
            _ => Err(Faults::from_iter(faults.faults)),
        }
    }

    fn kind(&mut self, kind: RewardType, faults: &mut Required) -> Option<RewardKind> {
        match kind {
            RewardType::Point => {
                faults.take_count("points", &mut self.points).map(|points| RewardKind::Point { points })
            }
            RewardType::Item => {
                let item_id = faults.take("itemId", &mut self.item_id);
                let quantity = faults.take_count("quantity", &mut self.quantity);
                let both = item_id.zip(quantity);
                both.map(|(id, quantity)| RewardKind::Item { item_id: id.into_string(), quantity })
            }
            RewardType::Coupon => {
                let code = faults.take("couponCode", &mut self.coupon_code);
                let expiry = faults.take("expiry", &mut self.expiry);
                let both = code.zip(expiry);
                both.map(|(code, expiry)| RewardKind::Coupon { coupon_code: code.into_string(), expiry })
            }
            RewardType::Badge => {
                let id = faults.take("badgeId", &mut self.badge_id);
                id.map(|id| RewardKind::Badge { badge_id: id.into_string() })
            }
        }
    }

    /// The fields that were given and not taken.
    fn left(&self) -> [(&'static str, bool); 7] {
        [
            ("name", self.name.is_some()),
            ("points", self.points.is_some()),
            ("itemId", self.item_id.is_some()),
            ("quantity", self.quantity.is_some()),
            ("couponCode", self.coupon_code.is_some()),
            ("expiry", self.expiry.is_some()),
            ("badgeId", self.badge_id.is_some()),
        ]
    }
}

/// Takes fields that must be there.
struct Required {
    faults: Vec<Fault>,
}

impl Required {
    fn add(&mut self, field: &str, message: &str) {
        self.faults.push(Fault { pointer: format!("/{field}"), message: message.to_owned() });
    }

    fn take<T>(&mut self, field: &str, value: &mut Option<T>) -> Option<T> {
        let taken = value.take();
        if taken.is_none() {
            self.add(field, "is required for this type of reward");
        }
        taken
    }

    fn take_count(&mut self, field: &str, value: &mut Option<i64>) -> Option<i64> {
        let count = self.take(field, value)?;
        if (1..=MOST).contains(&count) {
            return Some(count);
        }
        self.add(field, "must be a whole number from 1 to 1000000000000");
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> Result<Wanted, Faults> {
        deserr::deserialize::<AttachReward, _, Faults>(body).and_then(AttachReward::wanted)
    }

    fn pointers(body: Value) -> Vec<String> {
        read(body).unwrap_err().into_vec().into_iter().map(|fault| fault.pointer).collect()
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
            assert_eq!(read(body), Ok(Wanted::New { name: "x".into(), kind }));
        }
        let id = "6650f1a2c3d4e5f601234567";
        assert_eq!(read(json!({ "rewardId": id })), Ok(Wanted::Existing(id.parse().unwrap())));
    }

    #[test]
    fn every_fault_is_reported() {
        assert_eq!(pointers(json!({})), ["/type"]);
        assert_eq!(pointers(json!({"type": "ITEM"})), ["/name", "/itemId", "/quantity"]);
        assert_eq!(
            pointers(json!({"type": "POINT", "name": "x", "points": 0, "badgeId": "b"})),
            ["/points", "/badgeId"]
        );
        assert_eq!(
            pointers(json!({"type": "POINT", "name": "x", "points": 1_000_000_000_001_i64})),
            ["/points"]
        );
        assert_eq!(pointers(json!({"type": "POINT", "points": 1.5, "name": " "})), ["/name", "/points"]);
        assert_eq!(pointers(json!({"type": "GOLD", "stock": 5})), ["/stock", "/type"]);
        let both = json!({"rewardId": "6650f1a2c3d4e5f601234567", "type": "POINT", "points": 5});
        assert_eq!(pointers(both), ["/type", "/points"]);
    }
}
