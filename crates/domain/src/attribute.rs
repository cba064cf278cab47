//! Attributes: what the game's own servers say about a user, such as a level.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::{TextLine, activity::is_name};

/// An attribute's name: a letter, then letters, digits and `_`, 64 characters at most. Conditions name it:
/// `attributes.level`.
///
/// Reading it from a store (`Deserialize`) judges nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttributeName(String);

/// The text is no attribute name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must begin with a letter and have at most 64 letters, digits and _")]
pub struct InvalidAttributeName;

impl AttributeName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AttributeName {
    type Err = InvalidAttributeName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        is_name(text, b"_").then(|| Self(text.to_owned())).ok_or(InvalidAttributeName)
    }
}

crate::fault::deserr_from_text!(AttributeName);
crate::fault::schema_of_text!(
    AttributeName,
    "attribute-name",
    "level",
    pattern("^[A-Za-z][A-Za-z0-9_]{0,63}$")
);

/// What an attribute says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Nothing: as if it were not set.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A number. Whole numbers lie within ±(2^53-1).
    Number(Number),
    /// A text.
    Text(String),
}

/// The value is no attribute value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a text of 1 to 200 characters, a number with at most 28 digits, true, false or null")]
pub struct InvalidAttributeValue;

impl TryFrom<&Value> for AttributeValue {
    type Error = InvalidAttributeValue;

    fn try_from(value: &Value) -> Result<Self, Self::Error> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::Bool(boolean) => Ok(Self::Boolean(*boolean)),
            Value::Number(number) if is_decimal(number) => Ok(Self::Number(number.clone())),
            Value::String(text) => {
                let line = text.parse::<TextLine<200>>().map_err(|_| InvalidAttributeValue)?;
                Ok(Self::Text(line.into_string()))
            }
            Value::Number(_) | Value::Array(_) | Value::Object(_) => Err(InvalidAttributeValue),
        }
    }
}

/// Whether conditions can count with the number.
fn is_decimal(number: &Number) -> bool {
    let text = number.to_string();
    if text.contains('e') {
        rust_decimal::Decimal::from_scientific(&text).is_ok()
    } else {
        rust_decimal::Decimal::from_str_exact(&text).is_ok()
    }
}

/// A user's attributes, by name: at most [`MOST_ATTRIBUTES`].
pub type AttributeMap = BTreeMap<AttributeName, AttributeValue>;

/// The most attributes a user can have.
pub const MOST_ATTRIBUTES: usize = 100;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_attribute_is_a_text_a_number_a_boolean_or_null() {
        for value in [json!(null), json!(true), json!(30), json!(1.5), json!("gold")] {
            let read = AttributeValue::try_from(&value).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), value);
        }
        for value in [json!([]), json!({}), json!(""), json!("a\u{0}"), json!("a".repeat(201)), json!(1e300)]
        {
            assert_eq!(AttributeValue::try_from(&value), Err(InvalidAttributeValue), "{value}");
        }
    }

    #[test]
    fn a_name_begins_with_a_letter() {
        assert!("guild_rank2".parse::<AttributeName>().is_ok());
        for name in ["", "_a", "2a", "a-b", "a.b", &"a".repeat(65)] {
            assert_eq!(name.parse::<AttributeName>(), Err(InvalidAttributeName), "{name}");
        }
    }
}
