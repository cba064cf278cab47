//! Logins become activities, so that attendance events work out of the box. A login never waits for that, nor fails by it.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use domain::{IdGenerator, UserId};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde::Deserialize;
use service_kit::{
    budget,
    internal_api::{LoginsReport, MAX_LOGINS, RECORD_LOGINS_PATH, ReportedLogin},
    queue_figures::QueueFigures,
    worker::{StepReport, WakeUp, Worker},
};
use tokio::{sync::mpsc, time::timeout};

use crate::upstream::Upstream;

/// Logins that may wait while event cannot be reached: a few minutes of a busy platform.
const MOST_WAITING: usize = 16_384;

/// Where logins are noted. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LoginActivities {
    waiting: mpsc::Sender<ReportedLogin>,
    wake_up: WakeUp,
    ids: IdGenerator,
    figures: QueueFigures,
}

/// Reports the logins that were noted to event: a worker, to be woken by [`LoginReporter::wake_up`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LoginReporter {
    waiting: Arc<tokio::sync::Mutex<mpsc::Receiver<ReportedLogin>>>,
    /// Taken from the queue, and not reported yet.
    taken: Arc<Mutex<Vec<ReportedLogin>>>,
    wake_up: WakeUp,
    ids: IdGenerator,
    event: Upstream,
}

/// Event did not record logins. They are reported again.
#[derive(Debug, thiserror::Error)]
#[error("logins are not recorded as activities: {0}")]
pub struct LoginsNotRecorded(String);

/// A place to note logins, and the worker that reports them to event. `ids` gives each its id and its moment.
pub fn login_activities(event: Upstream, ids: IdGenerator) -> (LoginActivities, LoginReporter) {
    let (sender, receiver) = mpsc::channel(MOST_WAITING);
    let wake_up = WakeUp::new();
    let figures = QueueFigures::watch("login_activities", &sender);
    let reporter = LoginReporter {
        waiting: Arc::new(tokio::sync::Mutex::new(receiver)),
        taken: Arc::default(),
        wake_up: wake_up.clone(),
        ids: ids.clone(),
        event,
    };
    (LoginActivities { waiting: sender, wake_up, ids, figures }, reporter)
}

/// As much of the answer to a login as is needed here.
#[derive(Deserialize)]
struct LoginAnswer {
    user: LoggedInUser,
}

#[derive(Deserialize)]
struct LoggedInUser {
    id: UserId,
}

impl LoginActivities {
    /// Notes the login that this answer tells of, if it does. The answer stays as it is.
    pub(crate) async fn note_answer(&self, answer: Response) -> Response {
        if answer.status() != StatusCode::OK {
            return answer;
        }
        let (parts, body) = answer.into_parts();
        // What a service answers is whole already, in this process and out of another.
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if let Ok(login) = serde_json::from_slice::<LoginAnswer>(&body) {
            self.note(login.user.id);
        }
        Response::from_parts(parts, Body::from(body))
    }

    fn note(&self, user_id: UserId) {
        let minted = self.ids.mint();
        let login = ReportedLogin { id: minted.id, user_id, at: minted.at };
        if self.waiting.try_send(login).is_ok() {
            self.wake_up.call();
        } else {
            self.figures.note_refusal();
            tracing::warn!(%user_id, "a login is not recorded as an activity: too many wait");
        }
    }
}

impl LoginReporter {
    /// By which the worker learns that there is a login.
    pub fn wake_up(&self) -> WakeUp {
        self.wake_up.clone()
    }

    /// What is to be reported next: what failed before, else what waits.
    async fn take(&self) -> Vec<ReportedLogin> {
        let mut waiting = self.waiting.lock().await;
        let mut taken = self.taken.lock();
        while taken.len() < MAX_LOGINS
            && let Ok(login) = waiting.try_recv()
        {
            taken.push(login);
        }
        taken.clone()
    }

    async fn report(&self, logins: &[ReportedLogin]) -> Result<(), LoginsNotRecorded> {
        let failed = |error: &dyn std::fmt::Display| LoginsNotRecorded(error.to_string());
        let report = LoginsReport { logins: logins.to_vec() };
        let body = serde_json::to_vec(&report).map_err(|error| failed(&error))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(RECORD_LOGINS_PATH)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body))
            .map_err(|error| failed(&error))?;
        let call = self.event.call_as_gateway(request);
        let answer = timeout(budget::SERVICE_ANSWER, call).await.map_err(|late| failed(&late))?;
        match answer.map_err(|error| failed(&error))?.status() {
            StatusCode::NO_CONTENT => Ok(()),
            other => Err(failed(&format_args!("event answered {other}"))),
        }
    }
}

impl Worker for LoginReporter {
    type Error = LoginsNotRecorded;

    fn name(&self) -> &'static str {
        "login_activities"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// A report that is cut off is repeated: event knows each login by its id.
    async fn step(&self) -> Result<StepReport, LoginsNotRecorded> {
        let logins = self.take().await;
        let Some(oldest) = logins.first() else { return Ok(StepReport::finished(0)) };
        self.report(&logins).await?;
        self.taken.lock().clear();
        let waited = self.ids.clock().now().as_millis() - oldest.at.as_millis();
        let oldest_waiting = (logins.len() == MAX_LOGINS)
            .then(|| Duration::from_millis(u64::try_from(waited).unwrap_or_default()));
        Ok(StepReport { processed: u64::try_from(logins.len()).unwrap_or_default(), oldest_waiting })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::{Extension, Json, Router, response::IntoResponse, routing::post};
    use domain::{ManualClock, ObjectId};
    use serde_json::{Value, json};

    use super::*;

    const USER: UserId = UserId(ObjectId::from_bytes([7; 12]));

    /// An event service that keeps what it is told, unless it is down.
    #[derive(Debug, Default)]
    struct FakeEvent {
        is_down: AtomicBool,
        reports: Mutex<Vec<Value>>,
    }

    fn start() -> (LoginActivities, LoginReporter, Arc<FakeEvent>) {
        let event = Arc::new(FakeEvent::default());
        let keep = |Extension(event): Extension<Arc<FakeEvent>>, Json(report): Json<Value>| async move {
            if event.is_down.load(Ordering::SeqCst) {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            event.reports.lock().push(report);
            StatusCode::NO_CONTENT
        };
        let router = Router::new().route(RECORD_LOGINS_PATH, post(keep)).layer(Extension(Arc::clone(&event)));
        let clock = ManualClock::new("2026-05-01T09:00:00Z".parse().unwrap());
        let (logins, reporter) =
            login_activities(Upstream::InProcess(router), IdGenerator::new(Arc::new(clock)));
        (logins, reporter, event)
    }

    fn login_answer() -> Response {
        Json(json!({"accessToken": "secret", "user": {"id": USER, "email": "a@b.cd"}})).into_response()
    }

    fn reported(event: &FakeEvent) -> Vec<String> {
        let reports = event.reports.lock();
        let logins = reports.iter().flat_map(|report| report["logins"].as_array().unwrap());
        logins.map(|login| login["id"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn a_login_is_reported_and_its_answer_stays_as_it_is() {
        let (logins, reporter, event) = start();
        let answer = logins.note_answer(login_answer()).await;
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["accessToken"], "secret");
        assert_eq!(reporter.step().await.unwrap(), StepReport::finished(1));
        let reports = event.reports.lock().clone();
        assert_eq!(reports[0]["logins"][0]["userId"], json!(USER));
        assert_eq!(reports[0]["logins"][0]["at"], "2026-05-01T09:00:00.000Z");
    }

    #[tokio::test]
    async fn what_is_no_login_is_not_reported() {
        let (logins, reporter, event) = start();
        logins.note_answer((StatusCode::UNAUTHORIZED, login_answer()).into_response()).await;
        logins.note_answer(Json(json!({"user": {"id": "someone"}})).into_response()).await;
        assert_eq!(reporter.step().await.unwrap(), StepReport::finished(0));
        assert!(event.reports.lock().is_empty());
    }

    #[tokio::test]
    async fn what_event_did_not_take_is_reported_again_under_the_same_ids() {
        let (logins, reporter, event) = start();
        event.is_down.store(true, Ordering::SeqCst);
        logins.note(USER);
        assert!(reporter.step().await.is_err());
        logins.note(USER);
        assert!(reporter.step().await.is_err());
        let ids: Vec<_> = reporter.taken.lock().iter().map(|login| login.id.to_string()).collect();
        event.is_down.store(false, Ordering::SeqCst);
        assert_eq!(reporter.step().await.unwrap(), StepReport::finished(2));
        assert_eq!(reported(&event), ids);
        assert_eq!(reporter.step().await.unwrap(), StepReport::finished(0));
    }

    #[tokio::test]
    async fn more_than_a_report_takes_are_reported_one_report_after_another() {
        let (logins, reporter, event) = start();
        for _ in 0..=MAX_LOGINS {
            logins.note(USER);
        }
        assert!(reporter.step().await.unwrap().oldest_waiting.is_some());
        assert_eq!(reporter.step().await.unwrap(), StepReport::finished(1));
        let ids: std::collections::HashSet<_> = reported(&event).into_iter().collect();
        assert_eq!(ids.len(), MAX_LOGINS + 1);
    }

    #[tokio::test]
    async fn a_full_queue_drops_logins_and_holds_up_none() {
        let (logins, reporter, event) = start();
        for _ in 0..MOST_WAITING + 10 {
            logins.note(USER);
        }
        while reporter.step().await.unwrap().processed > 0 {}
        assert_eq!(reported(&event).len(), MOST_WAITING);
    }
}
