use axum::{Json, extract::State, response::IntoResponse};
use deserr::Deserr;
use domain::{Approval, EventStatus, Faults, TextBlock, TextLine, Timestamp};
use http::{StatusCode, header};
use service_kit::{
    extract::{ChangedBy, JsonBody, Operator},
    problem::Problem,
};

use super::{
    fields::{CheckedCondition, ZoneName},
    view::EventView,
};
use crate::{
    app::{
        audit::Editor,
        events::{CreateEventError, EventDraft},
    },
    service::EventService,
};

/// The event to be.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(as = CreateEvent, rename_all = "camelCase")]
pub(crate) struct CreateEventBody {
    /// 1 to 200 characters.
    #[schema(value_type = String, min_length = 1, max_length = 200, example = "Spring welcome")]
    name: TextLine<200>,
    /// At most 2,000 characters.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<TextBlock<2000>>,
    /// The JsonLogic rule a claimant must meet; {} admits everybody. `GET /facts` lists what it can ask about.
    #[schema(value_type = Object, example = json!({">=": [{"var": "activity.login.streak"}, 7]}))]
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
    #[schema(required = false, default = "ACTIVE")]
    status: EventStatus,
    /// MANUAL if left out.
    #[deserr(default = Approval::Manual)]
    #[schema(required = false, default = "MANUAL")]
    approval: Approval,
}

impl From<CreateEventBody> for EventDraft {
    fn from(body: CreateEventBody) -> Self {
        Self {
            name: body.name.into_string(),
            description: body.description.map(TextBlock::into_string),
            condition: body.condition.0,
            period_start: body.period_start,
            period_end: body.period_end,
            timezone: body.timezone.unwrap_or_default().0,
            status: body.status,
            approval: body.approval,
        }
    }
}

impl From<CreateEventError> for Problem {
    fn from(error: CreateEventError) -> Self {
        match error {
            CreateEventError::EmptyPeriod => Faults::new("/periodEnd", "must be after periodStart").into(),
            CreateEventError::Store(error) => error.into(),
        }
    }
}

/// Create an event
#[utoipa::path(
    post,
    path = "/events",
    operation_id = "createEvent",
    tag = "Events",
    request_body = CreateEventBody,
    responses(
        (status = 201, description = "Created", body = EventView,
            headers(("location" = String, description = "Where the event is found"))),
    )
)]
pub(crate) async fn create_event(
    State(service): State<EventService>,
    Operator(caller): Operator,
    ChangedBy(author): ChangedBy,
    JsonBody(body): JsonBody<CreateEventBody>,
) -> Result<impl IntoResponse, Problem> {
    let event = service.create_event(Editor { user: caller.id, author }, body.into()).await?;
    let location = [(header::LOCATION, format!("/events/{}", event.id))];
    Ok((StatusCode::CREATED, location, Json(EventView::new(event, service.now()))))
}

#[cfg(test)]
mod tests;
