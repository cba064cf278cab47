use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::{
    RefOr,
    schema::{ObjectBuilder, Schema, Type},
};

/// A SHA-256, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditHash([u8; 32]);

/// The text was not 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a hash of 64 hexadecimal digits")]
pub struct InvalidHash;

impl AuditHash {
    /// What the first entry follows, and the hash of an empty chain.
    pub const GENESIS: Self = Self([0; 32]);

    /// Takes the raw bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AuditHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidHash)?;
        Ok(Self(bytes))
    }
}

impl Serialize for AuditHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AuditHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for AuditHash {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9a-f]{64}$")).into()
    }
}

impl utoipa::ToSchema for AuditHash {
    fn name() -> std::borrow::Cow<'static, str> {
        "AuditHash".into()
    }
}

/// The last entry of a chain: kept elsewhere, it tells later whether all entries up to it are still what they
/// were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditHead {
    /// How many entries there are; 0 if there are none.
    #[schema(minimum = 0)]
    pub sequence: i64,
    /// The last one's hash; 64 zeros if there is none.
    pub hash: AuditHash,
}

/// The text was no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a head as it was told: SEQUENCE:HASH")]
pub struct InvalidHead;

impl AuditHead {
    /// The head of a chain without entries.
    pub const EMPTY: Self = Self { sequence: 0, hash: AuditHash::GENESIS };
}

impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

impl FromStr for AuditHead {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Self, InvalidHead> {
        let (sequence, hash) = text.trim().split_once(':').ok_or(InvalidHead)?;
        let sequence = sequence.parse().map_err(|_| InvalidHead)?;
        let head = Self { sequence, hash: hash.parse().map_err(|_| InvalidHead)? };
        let is_empty = head.hash == AuditHash::GENESIS;
        if sequence < 0 || (sequence == 0) != is_empty { Err(InvalidHead) } else { Ok(head) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_is_written_and_nothing_else_is() {
        let head = AuditHead { sequence: 7, hash: AuditHash::from_bytes([0xab; 32]) };
        assert_eq!(head.to_string(), format!("7:{}", "ab".repeat(32)));
        for head in [head, AuditHead::EMPTY] {
            assert_eq!(format!(" {head}\n").parse(), Ok(head));
        }
        let (hash, zeros) = ("ab".repeat(32), "0".repeat(64));
        for wrong in [
            String::new(),
            hash.clone(),
            format!("0:{hash}"),
            format!("3:{zeros}"),
            format!("-1:{hash}"),
            format!("7:{hash}a"),
        ] {
            assert_eq!(wrong.parse::<AuditHead>(), Err(InvalidHead), "{wrong}");
        }
    }
}
