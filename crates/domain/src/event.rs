use serde::{Deserialize, Serialize};

use crate::{EventId, Timestamp, UserId};

/// Whether operators have switched the event on.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, deserr::Deserr, utoipa::ToSchema,
)]
#[serde(rename_all = "UPPERCASE")]
#[deserr(error = crate::Faults)]
pub enum EventStatus {
    /// Can be claimed within its period.
    #[deserr(rename = "ACTIVE")]
    Active,
    /// Cannot be claimed; users do not see it.
    #[deserr(rename = "INACTIVE")]
    Inactive,
}

crate::names::names!(EventStatus { Active = "ACTIVE", Inactive = "INACTIVE" });

/// Who decides a request.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, deserr::Deserr, utoipa::ToSchema,
)]
#[serde(rename_all = "UPPERCASE")]
#[deserr(error = crate::Faults)]
pub enum Approval {
    /// An operator.
    #[deserr(rename = "MANUAL")]
    Manual,
    /// Guerdon itself, as soon as the condition is met.
    #[deserr(rename = "AUTO")]
    Auto,
}

crate::names::names!(Approval { Manual = "MANUAL", Auto = "AUTO" });

/// Where now lies in an event's period.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, deserr::Deserr, utoipa::ToSchema,
)]
#[serde(rename_all = "UPPERCASE")]
#[deserr(error = crate::Faults)]
pub enum Phase {
    /// Before `periodStart`.
    #[deserr(rename = "UPCOMING")]
    Upcoming,
    /// From `periodStart` until just before `periodEnd`.
    #[deserr(rename = "ONGOING")]
    Ongoing,
    /// At `periodEnd` and after.
    #[deserr(rename = "ENDED")]
    Ended,
}

crate::names::names!(Phase { Upcoming = "UPCOMING", Ongoing = "ONGOING", Ended = "ENDED" });

/// A reward event: who qualifies, when, and (through its rewards) what they get.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// The event's id.
    pub id: EventId,
    /// What people call it.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// The JsonLogic rule a claimant must meet; `{}` admits everybody.
    pub condition: serde_json::Value,
    /// First moment of the period.
    pub period_start: Timestamp,
    /// First moment after the period; `None` never ends.
    pub period_end: Option<Timestamp>,
    /// IANA name of the zone whose midnights count.
    pub timezone: String,
    /// Switched on or off.
    pub status: EventStatus,
    /// Who decides requests.
    pub approval: Approval,
    /// Counts changes, from 1.
    pub revision: i64,
    /// The operator who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Event {
    /// Where `now` lies in the period: start inclusive, end exclusive.
    pub fn phase(&self, now: Timestamp) -> Phase {
        if now < self.period_start {
            Phase::Upcoming
        } else if self.period_end.is_some_and(|end| now >= end) {
            Phase::Ended
        } else {
            Phase::Ongoing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ObjectId;

    #[test]
    fn the_period_includes_its_start_and_excludes_its_end() {
        let start: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        let event = Event {
            id: EventId(ObjectId::from_bytes([1; 12])),
            name: "x".into(),
            description: None,
            condition: serde_json::json!({}),
            period_start: start,
            period_end: Some(start.plus_seconds(60)),
            timezone: "UTC".into(),
            status: EventStatus::Active,
            approval: Approval::Manual,
            revision: 1,
            created_by: UserId(ObjectId::from_bytes([2; 12])),
            created_at: start,
            updated_at: start,
        };
        let millis = |offset| Timestamp::from_millis(start.as_millis() + offset);
        assert_eq!(event.phase(millis(-1)), Phase::Upcoming);
        assert_eq!(event.phase(start), Phase::Ongoing);
        assert_eq!(event.phase(millis(59_999)), Phase::Ongoing);
        assert_eq!(event.phase(millis(60_000)), Phase::Ended);
        let endless = Event { period_end: None, ..event };
        assert_eq!(endless.phase(millis(i64::from(u32::MAX))), Phase::Ongoing);
    }
}
