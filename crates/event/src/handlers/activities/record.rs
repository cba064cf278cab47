use axum::{Json, extract::State};
use domain::{Fault, Faults};
use serde::Serialize;
use serde_json::Value;
use service_kit::{
    extract::{JsonPartsBody, OperatorOrKey, scope::ActivitiesWrite},
    problem::Problem,
};

use super::item::{ActivityItem, read_item};
use crate::{app::activities::ReportOutcome, service::EventService};

/// The most activities in one batch.
const MOST_ACTIVITIES: usize = 1000;
/// The most characters that a rejection's message has.
const MOST_MESSAGE_CHARACTERS: usize = 400;

/// Activities to be recorded.
#[derive(utoipa::ToSchema)]
#[schema(as = RecordActivities)]
#[allow(dead_code, reason = "describes what the handler reads entry by entry")]
pub(crate) struct ActivityBatch {
    /// At most 1,000.
    #[schema(max_items = 1000)]
    activities: Vec<ActivityItem>,
}

/// What became of a batch: each of its activities is counted once here.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = ActivityReceipt)]
pub(crate) struct ActivityReceipt {
    /// Stored now.
    accepted: usize,
    /// Stored before, by their ids: they changed nothing.
    duplicates: usize,
    /// Not stored, and why.
    rejected: Vec<RejectedActivity>,
}

/// An activity that is not stored.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RejectedActivity {
    /// Its place in the batch, from 0.
    index: usize,
    /// Why, for programs.
    code: RejectionCode,
    /// Why, for people.
    message: String,
}

/// Why an activity is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RejectionCode {
    /// A field is missing or wrong.
    ValidationFailed,
    /// It lies more than five minutes in the future.
    InFuture,
}

/// Record activities
///
/// What users did, as the game's own servers saw it. Each activity is recorded once by its `id`: a batch may be sent again
/// whenever its answer was lost. One that is rejected keeps no other from being stored. Conditions count an activity where
/// its `at` belongs, however late it comes.
#[utoipa::path(
    post,
    path = "/activities",
    operation_id = "recordActivities",
    tag = "Activities",
    request_body = ActivityBatch,
    responses((status = 200, description = "What became of each", body = ActivityReceipt))
)]
pub(crate) async fn record_activities(
    State(service): State<EventService>,
    _: OperatorOrKey<ActivitiesWrite>,
    JsonPartsBody(body): JsonPartsBody,
) -> Result<Json<ActivityReceipt>, Problem> {
    let mut receipt = ActivityReceipt::default();
    let (mut places, mut reports) = (Vec::new(), Vec::new());
    for (index, entry) in read_entries(body)?.into_iter().enumerate() {
        match read_item(entry) {
            Ok(report) => {
                places.push(index);
                reports.push(report);
            }
            Err(faults) => receipt.rejected.push(RejectedActivity {
                index,
                code: RejectionCode::ValidationFailed,
                message: describe_faults(faults),
            }),
        }
    }
    service.count_rejected(receipt.rejected.len());
    for (index, outcome) in places.into_iter().zip(service.record_activities(reports).await?) {
        receipt.note(index, outcome);
    }
    receipt.rejected.sort_unstable_by_key(|rejected| rejected.index);
    Ok(Json(receipt))
}

impl ActivityReceipt {
    fn note(&mut self, index: usize, outcome: ReportOutcome) {
        match outcome {
            ReportOutcome::Recorded => self.accepted += 1,
            ReportOutcome::Duplicate => self.duplicates += 1,
            ReportOutcome::InFuture => self.rejected.push(RejectedActivity {
                index,
                code: RejectionCode::InFuture,
                message: "at must be at most 5 minutes in the future".to_owned(),
            }),
        }
    }
}

/// The entries of a batch, unread.
fn read_entries(body: Value) -> Result<Vec<Value>, Faults> {
    let Value::Object(mut members) = body else {
        return Err(Faults::new("", "must be an object such as {\"activities\": []}"));
    };
    let entries = members.remove("activities");
    if let Some(unknown) = members.keys().next() {
        let pointer = format!("/{}", unknown.replace('~', "~0").replace('/', "~1"));
        return Err(Faults::new(pointer, "is not known here; known: activities"));
    }
    match entries {
        Some(Value::Array(entries)) if entries.len() <= MOST_ACTIVITIES => Ok(entries),
        Some(Value::Array(_)) => {
            Err(Faults::new("/activities", format!("must have at most {MOST_ACTIVITIES} entries")))
        }
        Some(_) => Err(Faults::new("/activities", "must be a list")),
        None => Err(Faults::new("/activities", "is required")),
    }
}

/// All faults of an entry in one line of bounded length.
fn describe_faults(faults: Faults) -> String {
    let all = faults.into_vec().into_iter().map(|Fault { pointer, message }| format!("{pointer} {message}"));
    let text = all.collect::<Vec<_>>().join("; ");
    let text = text.trim_start();
    match text.char_indices().nth(MOST_MESSAGE_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
