use domain::{Activity, ActivityId, ActivityType, ActivityValue, Timestamp, UserId};
use event_store::{ActivityFilter, RecordOutcome, StoreError};
use serde_json::{Map, Value};
use service_kit::page::{Page, PageRequest};

use crate::{activity_figures::ActivityOutcomeLabel, service::EventService};

/// How far an activity may lie in the future: clocks of game servers differ.
const FUTURE_SECONDS: i64 = 5 * 60;

/// An activity as it is reported, each field valid by itself.
#[derive(Debug)]
pub(crate) struct ActivityReport {
    pub(crate) id: ActivityId,
    pub(crate) user_id: UserId,
    pub(crate) activity_type: ActivityType,
    /// None: when it arrives.
    pub(crate) at: Option<Timestamp>,
    pub(crate) value: Option<ActivityValue>,
    pub(crate) properties: Option<Map<String, Value>>,
}

/// What became of one activity of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportOutcome {
    Recorded,
    Duplicate,
    /// It lies more than five minutes in the future.
    InFuture,
}

impl EventService {
    /// Records activities, each once by its id; one answer for each, in order.
    pub(crate) async fn record_activities(
        &self,
        reports: Vec<ActivityReport>,
    ) -> Result<Vec<ReportOutcome>, StoreError> {
        let now = self.now();
        let latest = now.plus_seconds(FUTURE_SECONDS);
        let mut outcomes = vec![ReportOutcome::InFuture; reports.len()];
        let (mut places, mut activities) = (Vec::new(), Vec::new());
        for (place, report) in reports.into_iter().enumerate() {
            let at = report.at.unwrap_or(now);
            if at > latest {
                continue;
            }
            places.push(place);
            activities.push(Activity {
                id: report.id,
                user_id: report.user_id,
                activity_type: report.activity_type,
                at,
                value: report.value,
                properties: report.properties,
                recorded_at: now,
            });
        }
        let recorded = self.stores.activities.record(activities, now).await?;
        for (place, outcome) in places.into_iter().zip(recorded) {
            if let Some(answer) = outcomes.get_mut(place) {
                *answer = match outcome {
                    RecordOutcome::Recorded => ReportOutcome::Recorded,
                    RecordOutcome::Duplicate => ReportOutcome::Duplicate,
                };
            }
        }
        self.count_reports(&outcomes);
        Ok(outcomes)
    }

    /// Counts what was refused before it came here.
    pub(crate) fn count_rejected(&self, number: usize) {
        self.activity_figures.outcomes.count_many(ActivityOutcomeLabel::Rejected, number);
    }

    fn count_reports(&self, outcomes: &[ReportOutcome]) {
        for (outcome, label) in [
            (ReportOutcome::Recorded, ActivityOutcomeLabel::Recorded),
            (ReportOutcome::Duplicate, ActivityOutcomeLabel::Duplicate),
            (ReportOutcome::InFuture, ActivityOutcomeLabel::Rejected),
        ] {
            let number = outcomes.iter().filter(|found| **found == outcome).count();
            self.activity_figures.outcomes.count_many(label, number);
        }
    }

    /// One page of activities, those done last first.
    pub(crate) async fn list_activities(
        &self,
        filter: &ActivityFilter,
        page: PageRequest,
    ) -> Result<Page<Activity>, StoreError> {
        self.stores.activities.list(filter, page).await
    }
}
