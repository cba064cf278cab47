use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC with millisecond precision; RFC 3339 outside (`2026-05-01T09:00:00.000Z`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// The text was no RFC 3339 time, or lies outside the years 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time between the years 1970 and 9999, such as \"2026-05-01T09:00:00Z\"")]
pub struct InvalidTimestamp;

impl Timestamp {
    const MAX_MILLIS: i64 = 253_402_207_200_999;

    /// Truncates to whole milliseconds.
    pub fn from_jiff(at: jiff::Timestamp) -> Self {
        Self::from_millis(at.as_millisecond())
    }

    /// Milliseconds since 1970; values outside 1970..=9999 are clamped.
    pub fn from_millis(millis: i64) -> Self {
        let clamped = millis.clamp(0, Self::MAX_MILLIS);
        Self(jiff::Timestamp::from_millisecond(clamped).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Whole seconds since 1970, as JWTs count them.
    pub fn as_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// This moment moved by whole seconds.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_millis(self.as_millis().saturating_add(seconds.saturating_mul(1000)))
    }

    /// The same moment for calendar arithmetic.
    pub fn to_jiff(self) -> jiff::Timestamp {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        let millis = at.as_millisecond();
        if (0..=Self::MAX_MILLIS).contains(&millis) {
            Ok(Self::from_millis(millis))
        } else {
            Err(InvalidTimestamp)
        }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

crate::fault::deserr_from_text!(Timestamp);
crate::fault::schema_of_text!(Timestamp, "date-time", "2026-05-01T09:00:00.000Z");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_exactly_three_decimals() {
        let at: Timestamp = "2026-05-01T18:00:00.1239+09:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-05-01T09:00:00.123Z");
        let whole: Timestamp = "2026-05-01T09:00:00Z".parse().unwrap();
        assert_eq!(whole.to_string(), "2026-05-01T09:00:00.000Z");
    }

    #[test]
    fn times_without_a_zone_or_out_of_range_are_refused() {
        for bad in ["2026-05-01T09:00:00", "yesterday", "1969-12-31T23:59:59Z", ""] {
            assert_eq!(bad.parse::<Timestamp>(), Err(InvalidTimestamp), "{bad}");
        }
    }
}
