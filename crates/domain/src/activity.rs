//! Activities: what users did, as the game's own servers report it.

use std::{fmt, str::FromStr};

use deserr::{Deserr, IntoValue, ValuePointerRef};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Number, Value};

use crate::{Faults, Timestamp, UserId, json_pointer};

/// The most characters an activity's id can have.
const MOST_ID_CHARACTERS: usize = 128;
/// The most characters a type or an attribute's name can have.
const MOST_NAME_CHARACTERS: usize = 64;

/// The id its reporter gives an activity, so that one reported twice counts once: 1 to 128 visible ASCII characters.
///
/// Reading it from a store (`Deserialize`) judges nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActivityId(String);

/// The text is no activity id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 128 visible ASCII characters")]
pub struct InvalidActivityId;

impl ActivityId {
    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActivityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ActivityId {
    type Err = InvalidActivityId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits =
            (1..=MOST_ID_CHARACTERS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or(InvalidActivityId)
    }
}

crate::fault::deserr_from_text!(ActivityId);
crate::fault::schema_of_text!(ActivityId, "activity-id", "order-20260501-000123", pattern("^[!-~]{1,128}$"));

/// What kind of thing a user did, such as `login` or `purchase`: a letter, then letters, digits, `_` and `-`, 64
/// characters at most. Conditions name it: `activity.purchase.sum`.
///
/// Reading it from a store (`Deserialize`) judges nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActivityType(String);

/// The text is no activity type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must begin with a letter and have at most 64 letters, digits, _ and -")]
pub struct InvalidActivityType;

impl ActivityType {
    /// A successful login, which Guerdon itself records.
    pub fn login() -> Self {
        Self("login".to_owned())
    }

    /// The type's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActivityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ActivityType {
    type Err = InvalidActivityType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        is_name(text, b"_-").then(|| Self(text.to_owned())).ok_or(InvalidActivityType)
    }
}

crate::fault::deserr_from_text!(ActivityType);
crate::fault::schema_of_text!(
    ActivityType,
    "activity-type",
    "purchase",
    pattern("^[A-Za-z][A-Za-z0-9_-]{0,63}$")
);

/// Whether a text is a letter followed by letters, digits and some others.
pub(crate) fn is_name(text: &str, others: &[u8]) -> bool {
    text.len() <= MOST_NAME_CHARACTERS
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

/// How much an activity was worth: a decimal with at most four places, within ±1,000,000,000. Kept as a whole number of
/// ten-thousandths, so that sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivityValue(i64);

/// The number is no activity value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number with at most 4 decimals within ±1000000000")]
pub struct InvalidActivityValue;

impl ActivityValue {
    /// Decimal places.
    pub const SCALE: u32 = 4;
    /// The largest value, in ten-thousandths.
    const MOST: i64 = 1_000_000_000 * 10_000;

    /// The value in ten-thousandths.
    pub const fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// A value that was stored in ten-thousandths. It is not judged.
    pub const fn from_ten_thousandths(value: i64) -> Self {
        Self(value)
    }

    /// The value as a decimal.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, Self::SCALE).normalize()
    }
}

impl TryFrom<&Number> for ActivityValue {
    type Error = InvalidActivityValue;

    fn try_from(number: &Number) -> Result<Self, Self::Error> {
        // The shortest text that reads as the same float is what the author wrote, up to 15 digits.
        let text = number.to_string();
        let read =
            if text.contains('e') { Decimal::from_scientific(&text) } else { Decimal::from_str_exact(&text) };
        let mut decimal = read.map_err(|_| InvalidActivityValue)?.normalize();
        if decimal.scale() > Self::SCALE || decimal.abs() > Decimal::from(Self::MOST / 10_000) {
            return Err(InvalidActivityValue);
        }
        decimal.rescale(Self::SCALE);
        i64::try_from(decimal.mantissa()).map(Self).map_err(|_| InvalidActivityValue)
    }
}

/// A whole number as such; any other as the nearest float, which is how readers of JSON take it anyway.
impl Serialize for ActivityValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[allow(clippy::cast_precision_loss, reason = "at most 14 digits, which a float holds")]
        if self.0 % 10_000 == 0 {
            serializer.serialize_i64(self.0 / 10_000)
        } else {
            serializer.serialize_f64(self.0 as f64 / 10_000.0)
        }
    }
}

impl Deserr<Faults> for ActivityValue {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        at: ValuePointerRef,
    ) -> Result<Self, Faults> {
        let value = <Value as Deserr<Faults>>::deserialize_from_value(value, at)?;
        let read = value.as_number().ok_or(InvalidActivityValue).and_then(Self::try_from);
        read.map_err(|error| Faults::new(json_pointer(at), error.to_string()))
    }
}

impl<'de> Deserialize<'de> for ActivityValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(deserializer)?;
        Self::try_from(&number).map_err(serde::de::Error::custom)
    }
}

/// Something a user did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Its reporter's id of it. Of all that have the same one, only the first counts.
    pub id: ActivityId,
    /// Who did it.
    pub user_id: UserId,
    /// What it was.
    #[serde(rename = "type")]
    pub activity_type: ActivityType,
    /// When it was done, which decides where it counts.
    pub at: Timestamp,
    /// How much it was worth, if that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = -1_000_000_000, maximum = 1_000_000_000)]
    pub value: Option<ActivityValue>,
    /// Whatever else its reporter wants to keep with it. Conditions do not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Map<String, Value>>,
    /// When it was reported.
    pub recorded_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_value(json: &str) -> Result<ActivityValue, InvalidActivityValue> {
        ActivityValue::try_from(&serde_json::from_str::<Number>(json).unwrap())
    }

    #[test]
    fn a_value_has_at_most_four_decimals_and_lies_within_a_billion() {
        for (json, ten_thousandths) in [
            ("0", 0),
            ("0.1", 1000),
            ("1e-4", 1),
            ("-0.0001", -1),
            ("12.3400", 123_400),
            ("1000000000", 10_000_000_000_000),
            ("-1000000000.0", -10_000_000_000_000),
        ] {
            assert_eq!(read_value(json).map(ActivityValue::ten_thousandths), Ok(ten_thousandths), "{json}");
        }
        for json in ["0.00001", "1000000000.0001", "-1000000001", "1e30", "1e-30", "1e300"] {
            assert_eq!(read_value(json), Err(InvalidActivityValue), "{json}");
        }
    }

    proptest! {
        #[test]
        fn every_value_is_written_as_it_is_read(ten_thousandths in -ActivityValue::MOST..=ActivityValue::MOST) {
            let value = ActivityValue::from_ten_thousandths(ten_thousandths);
            let json = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<ActivityValue>(&json).unwrap(), value);
            prop_assert_eq!(value.to_decimal(), Decimal::new(ten_thousandths, 4));
        }
    }

    #[test]
    fn a_type_begins_with_a_letter_and_an_id_can_be_seen() {
        for name in ["login", "level-up", "A", "a_1", &"a".repeat(64)] {
            assert_eq!(name.parse::<ActivityType>().map(|name| name.to_string()).as_deref(), Ok(name));
        }
        for name in ["", "1st", "a.b", "a b", "ä", &"a".repeat(65)] {
            assert_eq!(name.parse::<ActivityType>(), Err(InvalidActivityType), "{name}");
        }
        assert!("order:1/2 ".trim().parse::<ActivityId>().is_ok());
        for id in ["", "a b", "ä", "a\n", &"a".repeat(129)] {
            assert_eq!(id.parse::<ActivityId>(), Err(InvalidActivityId), "{id}");
        }
    }
}
