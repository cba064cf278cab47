use axum::{Json, extract::State, response::IntoResponse};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use domain::{Approval, EventId, EventStatus, Faults, TextBlock, TextLine, Timestamp};
use http::header;
use service_kit::{
    extract::{ChangedBy, IfMatch, JsonBody, Operator, PathId},
    problem::Refused,
};

use super::{
    fields::{CheckedCondition, ZoneName},
    view::EventView,
};
use crate::{
    app::{
        audit::Editor,
        event_changes::{ChangeEventError, EventEdit, FieldEdit},
    },
    service::EventService,
};

/// What is to be different. What is left out stays as it is.
#[derive(Debug, Default, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(as = EditEvent, rename_all = "camelCase", min_properties = 1)]
pub(crate) struct EditEventBody {
    /// 1 to 200 characters.
    #[deserr(default)]
    #[schema(required = false, value_type = String, min_length = 1, max_length = 200)]
    name: Change<TextLine<200>>,
    /// At most 2,000 characters; null takes it away.
    #[deserr(default)]
    #[schema(required = false, value_type = Option<String>, max_length = 2000)]
    description: NullableChange<TextBlock<2000>>,
    /// The JsonLogic rule a claimant must meet. Claims made before stay decided by the condition of their revision.
    #[deserr(default)]
    #[schema(required = false, value_type = Object)]
    condition: Change<CheckedCondition>,
    /// First moment of the period.
    #[deserr(default)]
    #[schema(required = false, value_type = Timestamp)]
    period_start: Change<Timestamp>,
    /// First moment after the period; null: it never ends.
    #[deserr(default)]
    #[schema(required = false, value_type = Option<Timestamp>)]
    period_end: NullableChange<Timestamp>,
    /// IANA name of the zone whose midnights count.
    #[deserr(default)]
    #[schema(required = false, value_type = String, example = "Asia/Seoul")]
    timezone: Change<ZoneName>,
    #[deserr(default)]
    #[schema(required = false, value_type = EventStatus)]
    status: Change<EventStatus>,
    #[deserr(default)]
    #[schema(required = false, value_type = Approval)]
    approval: Change<Approval>,
}

/// A new value, if the field was given. Null is a value of the wrong type.
#[derive(Debug)]
pub(crate) struct Change<T>(FieldEdit<T>);

/// A new value or none (null), if the field was given.
#[derive(Debug)]
pub(crate) struct NullableChange<T>(FieldEdit<Option<T>>);

impl<T> Default for Change<T> {
    fn default() -> Self {
        Self(FieldEdit::Keep)
    }
}

impl<T> Default for NullableChange<T> {
    fn default() -> Self {
        Self(FieldEdit::Keep)
    }
}

impl<T: Deserr<Faults>> Deserr<Faults> for Change<T> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        T::deserialize_from_value(value, at).map(|value| Self(FieldEdit::Set(value)))
    }
}

impl<T: Deserr<Faults>> Deserr<Faults> for NullableChange<T> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        Option::<T>::deserialize_from_value(value, at).map(|value| Self(FieldEdit::Set(value)))
    }
}

impl EditEventBody {
    fn is_empty(&self) -> bool {
        self.name.0.is_keep()
            && self.description.0.is_keep()
            && self.condition.0.is_keep()
            && self.period_start.0.is_keep()
            && self.period_end.0.is_keep()
            && self.timezone.0.is_keep()
            && self.status.0.is_keep()
            && self.approval.0.is_keep()
    }
}

impl From<EditEventBody> for EventEdit {
    fn from(body: EditEventBody) -> Self {
        Self {
            name: body.name.0.map(TextLine::into_string),
            description: body.description.0.map(|text| text.map(TextBlock::into_string)),
            condition: body.condition.0.map(|condition| condition.0),
            period_start: body.period_start.0,
            period_end: body.period_end.0,
            timezone: body.timezone.0.map(|zone| zone.0),
            status: body.status.0,
            approval: body.approval.0,
        }
    }
}

service_kit::refusals! {
    /// Why an event is not changed.
    pub(crate) enum EditEventRefusal {
        /// There is no such event.
        UnknownEvent = NotFound,
        /// The event is no longer at the revision that `If-Match` names. Read it again.
        PreconditionFailed,
    }
}

impl From<ChangeEventError> for Refused<EditEventRefusal> {
    fn from(error: ChangeEventError) -> Self {
        match error {
            ChangeEventError::UnknownEvent => EditEventRefusal::UnknownEvent.into(),
            ChangeEventError::Outdated => EditEventRefusal::PreconditionFailed.into(),
            ChangeEventError::Refused(_) => Faults::new("/periodEnd", "must be after periodStart").into(),
            ChangeEventError::Store(error) => error.into(),
        }
    }
}

/// Change an event
///
/// Each change makes a new revision. Fields that are not named stay as they are. With `If-Match` an event that has
/// changed since it was read is left alone.
#[utoipa::path(
    patch,
    path = "/events/{eventId}",
    operation_id = "editEvent",
    tag = "Events",
    params(("eventId" = EventId, Path, description = "The event's id"), IfMatch),
    request_body = EditEventBody,
    responses(
        (status = 200, description = "The event as it is now", body = EventView,
            headers(("etag" = String, description = "The event's revision, in double quotes"))),
        EditEventRefusal,
    )
)]
pub(crate) async fn edit_event(
    State(service): State<EventService>,
    Operator(caller): Operator,
    ChangedBy(author): ChangedBy,
    PathId(id): PathId<EventId>,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<EditEventBody>,
) -> Result<impl IntoResponse, Refused<EditEventRefusal>> {
    if body.is_empty() {
        return Err(Faults::new("", "must name a field to change").into());
    }
    let event = service.edit_event(&Editor { user: caller.id, author }, id, &expected, body.into()).await?;
    let etag = [(header::ETAG, format!("\"{}\"", event.revision))];
    Ok((etag, Json(EventView::new(event, service.now()))))
}

#[cfg(test)]
mod tests;
