//! Fields of an event that are checked as they are read, so that all their faults are reported at once.

use std::str::FromStr;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use domain::{Fault, Faults};
use jiff::tz::TimeZone;
use rules::Condition;

/// A condition that obeys the rules.
#[derive(Debug)]
pub(in crate::handlers) struct CheckedCondition(pub(in crate::handlers) serde_json::Value);

impl Deserr<Faults> for CheckedCondition {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        let condition = <serde_json::Value as Deserr<Faults>>::deserialize_from_value(value, at)?;
        match Condition::parse(&condition) {
            Ok(_) => Ok(Self(condition)),
            Err(faults) => {
                let here = domain::json_pointer(at);
                let faults = faults.into_iter().map(|rules::ConditionFault { pointer, message }| Fault {
                    pointer: format!("{here}{pointer}"),
                    message,
                });
                Err(faults.collect())
            }
        }
    }
}

/// An IANA name as the time zone database spells it, whatever the case it was given in.
#[derive(Debug)]
pub(super) struct ZoneName(pub(super) String);

/// The text names no time zone.
#[derive(Debug, thiserror::Error)]
#[error("must be the IANA name of a time zone, such as \"Asia/Seoul\"")]
pub(super) struct UnknownZone;

impl FromStr for ZoneName {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        let zone = TimeZone::get(text).map_err(|_| UnknownZone)?;
        zone.iana_name().map(|name| Self(name.to_owned())).ok_or(UnknownZone)
    }
}

impl Default for ZoneName {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

impl Deserr<Faults> for ZoneName {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        domain::read_text(value, at)
    }
}
