//! Reward events.

use serde::{Deserialize, Serialize};

use crate::{EventId, ObjectId, RewardId, Timestamp, UserId};

crate::named_values::named_values! {
    /// Whether operators have switched the event on.
    pub enum EventStatus {
        /// Can be claimed within its period.
        Active = "ACTIVE",
        /// Cannot be claimed; users do not see it.
        Inactive = "INACTIVE",
    }
}

crate::named_values::named_values! {
    /// Who decides a request.
    pub enum Approval {
        /// An operator.
        Manual = "MANUAL",
        /// Guerdon itself, as soon as the condition is met.
        Auto = "AUTO",
    }
}

crate::named_values::named_values! {
    /// Where now lies in an event's period.
    pub enum Phase {
        /// Before `periodStart`.
        Upcoming = "UPCOMING",
        /// From `periodStart` until just before `periodEnd`.
        Ongoing = "ONGOING",
        /// At `periodEnd` and after.
        Ended = "ENDED",
    }
}

/// A reward's place among those of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RewardPlace {
    /// The id of its being attached: another one each time it is.
    pub attachment: ObjectId,
    /// The reward.
    pub reward: RewardId,
    /// Whether there is a limited number of it in this event.
    pub has_stock: bool,
    /// Whether it is a pool of coupons: then a claim also holds a seat in the pool, whose counter has the reward's id.
    #[serde(default)]
    pub is_pool: bool,
}

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
    /// What claimants get, in the order it was attached.
    pub rewards: Vec<RewardPlace>,
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
            rewards: Vec::new(),
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
