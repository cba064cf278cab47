//! The service over a throw-away store, called as the gateway calls it.

use std::{ops::Deref, sync::Arc};

use domain::{Approval, Event, EventId, EventStatus, IdGenerator, ManualClock, ObjectId, Timestamp, UserId};
use event_store::Stores;
use http::Method;
use serde_json::{Value, json};
use service_kit::identity::{Audience, Identity};
use tempfile::TempDir;
use test_kit::{HttpAnswer, TestService, callers::as_operator, test_identity_key};

use crate::service::EventService;

pub(crate) struct TestApp {
    service: TestService,
    /// The use cases and workers behind the routes.
    pub(crate) events: EventService,
    pub(crate) clock: ManualClock,
    _folder: TempDir,
}

impl Deref for TestApp {
    type Target = TestService;

    fn deref(&self) -> &TestService {
        &self.service
    }
}

impl TestApp {
    /// It is 2026-05-01, 09:00.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new("2026-05-01T09:00:00.000Z".parse().unwrap());
        let stores = Stores::open_sqlite(&folder.path().join("event.db")).await.unwrap();
        let service = EventService::start(stores, IdGenerator::new(Arc::new(clock.clone())));
        let identity = test_identity_key(Arc::new(clock.clone()));
        let (router, _) = crate::router(service.clone(), identity.clone());
        let events = service;
        Self { service: TestService::new(router, identity, Audience::Event), events, clock, _folder: folder }
    }

    /// Claims an event, with a key or without.
    pub(crate) async fn claim(&self, who: Identity, event: &str, key: Option<&str>) -> HttpAnswer {
        let mut request = self.build_request(who, Method::POST, &format!("/events/{event}/request"), None);
        if let Some(key) = key {
            request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        }
        self.send(request).await
    }

    /// The id of a new event that runs now and admits everybody, changed by `change`.
    pub(crate) async fn new_event(&self, change: &Value) -> String {
        let mut body = json!({ "name": "Spring", "condition": {}, "periodStart": "2026-04-01T00:00:00Z" });
        for (name, value) in change.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let answer = self.post(as_operator(), "/events", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.str("id").to_owned()
    }
}

/// The moment that an RFC 3339 text names.
pub(crate) fn parse_time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An event in May 2026, in its third revision.
pub(crate) fn spring_event(condition: Value) -> Event {
    Event {
        id: EventId(ObjectId::from_bytes([1; 12])),
        name: "Spring".into(),
        description: None,
        condition,
        period_start: parse_time("2026-05-01T00:00:00Z"),
        period_end: Some(parse_time("2026-06-01T00:00:00Z")),
        timezone: "UTC".into(),
        status: EventStatus::Active,
        approval: Approval::Manual,
        rewards: Vec::new(),
        revision: 3,
        created_by: UserId(ObjectId::from_bytes([2; 12])),
        created_at: parse_time("2026-04-01T00:00:00Z"),
        updated_at: parse_time("2026-04-01T00:00:00Z"),
    }
}

/// A condition that everybody meets, of almost 16 KiB, with as many operations as find room, half of which
/// have values to be kept.
pub(crate) fn heavy_condition() -> Value {
    let sum = json!({"==": [{"+": [1.5, 1]}, 2.5]});
    let count = 16 * 1024 / (sum.to_string().len() + 1) - 1;
    json!({ "and": vec![sum; count] })
}
