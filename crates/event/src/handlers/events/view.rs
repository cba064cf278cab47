use domain::{Approval, Event, EventId, EventStatus, Phase, Timestamp, UserId};
use serde::Serialize;

/// An event as it is answered.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub(crate) struct EventView {
    id: EventId,
    /// What people call it.
    #[schema(example = "Spring welcome")]
    name: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The JsonLogic rule a claimant must meet; {} admits everybody.
    #[schema(value_type = Object, example = json!({">=": [{"var": "user.ageDays"}, 7]}))]
    condition: serde_json::Value,
    /// First moment of the period.
    period_start: Timestamp,
    /// First moment after the period; null: it never ends.
    #[schema(required)]
    period_end: Option<Timestamp>,
    /// IANA name of the zone whose midnights count.
    #[schema(example = "Asia/Seoul")]
    timezone: String,
    status: EventStatus,
    approval: Approval,
    /// Counts changes, from 1.
    #[schema(minimum = 1)]
    revision: i64,
    /// Where now lies in the period.
    phase: Phase,
    created_by: UserId,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl EventView {
    /// The event as it is at the moment `now`.
    pub(crate) fn new(event: Event, now: Timestamp) -> Self {
        Self {
            phase: event.phase(now),
            id: event.id,
            name: event.name,
            description: event.description,
            condition: event.condition,
            period_start: event.period_start,
            period_end: event.period_end,
            timezone: event.timezone,
            status: event.status,
            approval: event.approval,
            revision: event.revision,
            created_by: event.created_by,
            created_at: event.created_at,
            updated_at: event.updated_at,
        }
    }
}
