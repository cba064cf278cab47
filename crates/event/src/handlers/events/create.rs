use axum::{Json, extract::State, response::IntoResponse};
use deserr::Deserr;
use domain::{Approval, Event, EventId, EventStatus, Faults, TextBlock, TextLine, Timestamp};
use http::{StatusCode, header};
use service_kit::{
    extract::{JsonBody, Operator},
    problem::{Problem, ProblemBody},
};

use super::{
    fields::{CheckedCondition, ManualApproval, ZoneName},
    view::EventView,
};
use crate::EventService;

/// The event to be.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub(crate) struct CreateEvent {
    /// 1 to 200 characters.
    #[schema(value_type = String, min_length = 1, max_length = 200, example = "Spring welcome")]
    name: TextLine<200>,
    /// At most 2,000 characters.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<TextBlock<2000>>,
    /// The JsonLogic rule a claimant must meet; {} admits everybody. Facts: user.id, user.roles, user.ageDays, now.
    #[schema(value_type = Object, example = json!({">=": [{"var": "user.ageDays"}, 7]}))]
    condition: CheckedCondition,
    /// First moment of the period.
    period_start: Timestamp,
    /// First moment after the period; left out or null: it never ends.
    #[deserr(default)]
    period_end: Option<Timestamp>,
    /// IANA name of the zone whose midnights count; UTC if left out.
    #[deserr(default)]
    #[schema(value_type = Option<String>, example = "Asia/Seoul")]
    timezone: Option<ZoneName>,
    /// ACTIVE if left out.
    #[deserr(default = EventStatus::Active)]
    #[schema(default = "ACTIVE")]
    status: EventStatus,
    /// MANUAL if left out, and the only one so far.
    #[deserr(default)]
    #[schema(value_type = Approval, default = "MANUAL")]
    approval: ManualApproval,
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
    if body.period_end.is_some_and(|end| end <= body.period_start) {
        return Err(Faults::new("/periodEnd", "must be after periodStart").into());
    }
    let minted = service.ids.mint();
    let event = Event {
        id: EventId(minted.id),
        name: body.name.into_string(),
        description: body.description.map(TextBlock::into_string),
        condition: body.condition.0,
        period_start: body.period_start,
        period_end: body.period_end,
        timezone: body.timezone.unwrap_or_default().0,
        status: body.status,
        approval: body.approval.into(),
        revision: 1,
        created_by: caller.id,
        created_at: minted.at,
        updated_at: minted.at,
    };
    service.events.create(event.clone()).await?;
    let location = [(header::LOCATION, format!("/events/{}", event.id))];
    Ok((StatusCode::CREATED, location, Json(EventView::at(minted.at, event))))
}

#[cfg(test)]
mod tests;
