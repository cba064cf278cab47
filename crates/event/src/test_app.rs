//! The service over a throw-away store, called as the gateway calls it.

use std::sync::Arc;

use axum::{Router, body::Body};
use domain::{IdGenerator, ManualClock, ObjectId, Role, RoleSet, UserId};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use service_kit::identity::{Audience, Caller, IDENTITY_HEADER, Identity, IdentityKey};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::{EventParts, EventService};
use event_store::SqliteEventDb;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

pub(crate) struct TestApp {
    pub(crate) router: Router,
    pub(crate) clock: ManualClock,
    pub(crate) identity: IdentityKey,
    _folder: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Status and code: what a client switches on.
    pub(crate) fn outcome(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }

    pub(crate) fn str(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.body))
    }

    pub(crate) fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        errors.filter_map(|fault| fault["pointer"].as_str()).collect()
    }

    /// The ids of a page's items.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let items = self.body["items"].as_array().unwrap_or_else(|| panic!("no page: {}", self.body));
        items.iter().filter_map(|item| item["id"].as_str()).collect()
    }
}

impl TestApp {
    /// It is 2026-05-01, 09:00.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new("2026-05-01T09:00:00.000Z".parse().unwrap());
        let db = Arc::new(SqliteEventDb::open(&folder.path().join("event.db")).await.unwrap());
        let service = EventService::new(EventParts {
            events: Arc::<SqliteEventDb>::clone(&db),
            rewards: Arc::<SqliteEventDb>::clone(&db),
            requests: db,
            ids: IdGenerator::new(Arc::new(clock.clone())),
        });
        let identity = IdentityKey::derive(SECRET, Arc::new(clock.clone()));
        let (router, _) = crate::router(service, identity.clone());
        Self { router, clock, identity, _folder: folder }
    }

    pub(crate) fn request(
        &self,
        who: Identity,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Request<Body> {
        let signed = self.identity.sign(Audience::Event, who).unwrap();
        let request = Request::builder().method(method).uri(path).header(IDENTITY_HEADER, signed);
        match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string()))
                .unwrap(),
            None => request.body(Body::empty()).unwrap(),
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn post(&self, who: Identity, path: &str, body: &Value) -> Answer {
        self.send(self.request(who, Method::POST, path, Some(body))).await
    }

    pub(crate) async fn get(&self, who: Identity, path: &str) -> Answer {
        self.send(self.request(who, Method::GET, path, None)).await
    }

    /// Claims an event, with a key or without.
    pub(crate) async fn claim(&self, who: Identity, event: &str, key: Option<&str>) -> Answer {
        let mut request = self.request(who, Method::POST, &format!("/events/{event}/request"), None);
        if let Some(key) = key {
            request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        }
        self.send(request).await
    }

    /// The id of a new event that runs now and admits everybody, changed by `change`.
    pub(crate) async fn event(&self, change: &Value) -> String {
        let mut body = json!({ "name": "Spring", "condition": {}, "periodStart": "2026-04-01T00:00:00Z" });
        for (name, value) in change.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let answer = self.post(operator(), "/events", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.str("id").to_owned()
    }
}

/// Somebody with these roles, told apart by a number. Their id says that they registered in 1970.
pub(crate) fn somebody(number: u8, roles: &[Role]) -> Identity {
    let mut id = [0; 12];
    id[11] = number;
    Identity::User(Caller { id: UserId(ObjectId::from_bytes(id)), roles: RoleSet::from_roles(roles) })
}

pub(crate) fn operator() -> Identity {
    somebody(200, &[Role::Operator])
}

pub(crate) fn auditor() -> Identity {
    somebody(201, &[Role::Auditor])
}

pub(crate) fn user(number: u8) -> Identity {
    somebody(number, &[Role::User])
}

pub(crate) fn id_of(who: Identity) -> String {
    match who {
        Identity::User(caller) => caller.id.to_string(),
        Identity::Anonymous | Identity::Gateway => panic!("nobody in particular"),
    }
}
