use axum::{Json, extract::State, response::IntoResponse};
use deserr::Deserr;
use domain::{Approval, Event, EventId, EventStatus, Fault, Faults, Line, Prose, Timestamp};
use http::{StatusCode, header};
use jiff::tz::TimeZone;
use rules::Condition;
use serde_json::Value;
use service_kit::{
    extract::{JsonBody, Operator},
    problem::{Problem, ProblemBody},
};

use super::view::EventView;
use crate::EventService;

/// The event to be.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub(crate) struct CreateEvent {
    /// 1 to 200 characters.
    #[schema(value_type = String, min_length = 1, max_length = 200, example = "Spring welcome")]
    name: Line<200>,
    /// At most 2,000 characters.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<Prose<2000>>,
    /// The JsonLogic rule a claimant must meet; {} admits everybody. Facts: user.id, user.roles, user.ageDays, now.
    #[schema(value_type = Object, example = json!({">=": [{"var": "user.ageDays"}, 7]}))]
    condition: Value,
    /// First moment of the period.
    period_start: Timestamp,
    /// First moment after the period; left out or null: it never ends.
    #[deserr(default)]
    period_end: Option<Timestamp>,
    /// IANA name of the zone whose midnights count; UTC if left out.
    #[deserr(default)]
    #[schema(value_type = Option<String>, example = "Asia/Seoul")]
    timezone: Option<String>,
    /// ACTIVE if left out.
    #[deserr(default = EventStatus::Active)]
    #[schema(default = "ACTIVE")]
    status: EventStatus,
    /// MANUAL if left out, and the only one so far.
    #[deserr(default = Approval::Manual)]
    #[schema(default = "MANUAL")]
    approval: Approval,
}

/// Create an event
#[utoipa::path(
    post,
    path = "/events",
    operation_id = "createEvent",
    tag = "Events",
    request_body = CreateEvent,
    responses(
        (status = 201, description = "Created", body = EventView,
            headers(("location" = String, description = "Where the event is found"))),
        (status = 400, description = "VALIDATION_FAILED, also for a condition that does not check; or MALFORMED_BODY",
            body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(service): State<EventService>,
    Operator(caller): Operator,
    JsonBody(body): JsonBody<CreateEvent>,
) -> Result<impl IntoResponse, Problem> {
    let timezone = body.check()?;
    let minted = service.ids.mint();
    let event = Event {
        id: EventId(minted.id),
        name: body.name.into_string(),
        description: body.description.map(Prose::into_string),
        condition: body.condition,
        period_start: body.period_start,
        period_end: body.period_end,
        timezone,
        status: body.status,
        approval: body.approval,
        revision: 1,
        created_by: caller.id,
        created_at: minted.at,
        updated_at: minted.at,
    };
    service.events.create(event.clone()).await?;
    let location = [(header::LOCATION, format!("/events/{}", event.id))];
    Ok((StatusCode::CREATED, location, Json(EventView::at(minted.at, event))))
}

impl CreateEvent {
    /// What one field alone cannot tell. Gives the time zone by the name that is kept.
    fn check(&self) -> Result<String, Faults> {
        let mut faults = Vec::new();
        let mut fault = |pointer: &str, message: &str| {
            faults.push(Fault { pointer: pointer.to_owned(), message: message.to_owned() });
        };
        if self.period_end.is_some_and(|end| end <= self.period_start) {
            fault("/periodEnd", "must be after periodStart");
        }
        if self.approval == Approval::Auto {
            fault("/approval", "AUTO is not available yet; available: MANUAL");
        }
        let timezone = iana_name(self.timezone.as_deref().unwrap_or("UTC"));
        if timezone.is_none() {
            fault("/timezone", "must be the IANA name of a time zone, such as \"Asia/Seoul\"");
        }
        for fault in Condition::parse(&self.condition).err().into_iter().flatten() {
            faults.push(Fault { pointer: format!("/condition{}", fault.pointer), message: fault.message });
        }
        match timezone {
            Some(timezone) if faults.is_empty() => Ok(timezone),
            _ => Err(Faults(faults)),
        }
    }
}

/// The name as the database spells it, whatever the case it was given in.
fn iana_name(text: &str) -> Option<String> {
    TimeZone::get(text).ok()?.iana_name().map(str::to_owned)
}

#[cfg(test)]
mod tests;
