//! Every code an answer can carry, produced by requests to the real system.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::{collections::HashSet, time::Duration};

use e2e::{
    ADMIN, Answer, Api, EventDb, PASSWORD, Setup, Store, System, UserDb, Wire, forge, on_every_setup, text,
};
use mongodb::bson::{Document, doc, oid::ObjectId};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};
use service_kit::problem::ProblemCode;
use sqlx::Connection;

on_every_setup!(every_code_is_produced_in_the_promised_shape);

/// Generous limits, but for refreshes: one an hour.
const SETTINGS: [(&str, &str); 6] = [
    ("RATE_LIMIT_LOGIN", "1000/s"),
    ("RATE_LIMIT_LOGIN_ACCOUNT", "1000/s"),
    ("RATE_LIMIT_REGISTER", "1000/s"),
    ("RATE_LIMIT_CLIENT", "1000/s"),
    ("RATE_LIMIT_ACCOUNT", "1000/s"),
    ("RATE_LIMIT_REFRESH", "1/h"),
];

async fn every_code_is_produced_in_the_promised_shape(setup: Setup) {
    let mut system = System::start_with(setup, &SETTINGS).await;
    let mut seen = Seen::default();
    let late = tokio::spawn(half_a_body(system.api.base.clone()));
    let admin = system.admin().await;
    let operator = system.operator().await;
    let (mina, user) = system.api.member(&admin, "mina@example.com", &["USER"]).await;
    refused_at_the_edge(&system.api, &mina, &user, &mut seen).await;
    seen.note(two_hosts(&system.api.base).await, ProblemCode::MalformedRequest);
    refused_bodies(&system.api, &mut seen).await;
    refused_by_auth(&system, &admin, &mut seen).await;
    refused_claims(&system.api, &operator, &user, &mut seen).await;
    refused_changes(&system.api, &admin, &user, &mut seen).await;
    broken_stores(&mut system, &admin, &operator, &mut seen).await;
    seen.note(late.await.expect("the task ends"), ProblemCode::RequestTimeout);
    let missing: Vec<_> = ProblemCode::ALL.iter().filter(|code| !seen.0.contains(code)).collect();
    assert!(missing.is_empty(), "nothing here produces {missing:?}");
}

#[derive(Default)]
struct Seen(HashSet<ProblemCode>);

impl Seen {
    /// Checks that this is that problem, in the shape every problem has.
    #[track_caller]
    fn note(&mut self, answer: Answer, code: ProblemCode) -> Value {
        let (status, title) = (code.status(), code.title());
        let (id, retry) = (answer.header("x-request-id").to_owned(), answer.header("retry-after").to_owned());
        let body = answer.expect_problem(status.as_u16(), code.name());
        assert_eq!((&body["title"], &body["type"]), (&json!(title), &json!("about:blank")));
        assert!(!text(&body, "/detail").is_empty());
        assert_eq!(body["requestId"], json!(id));
        if matches!(code, ProblemCode::RateLimited | ProblemCode::Unavailable) {
            assert!(retry.parse::<u32>().is_ok_and(|seconds| seconds >= 1), "Retry-After: {retry}");
        }
        self.0.insert(code);
        body
    }
}

async fn refused_at_the_edge(api: &Api, mina: &str, user: &str, seen: &mut Seen) {
    seen.note(api.call(Method::GET, "/users/me", None, &Value::Null).await, ProblemCode::Unauthenticated);
    seen.note(api.get("/users/me", &forge::expired_access_token(mina)).await, ProblemCode::TokenExpired);
    seen.note(api.get("/users/me", &forge::access_token(mina)).await, ProblemCode::SessionRevoked);
    seen.note(api.get("/users", user).await, ProblemCode::Forbidden);
    seen.note(api.get("/nowhere", user).await, ProblemCode::NotFound);
    let answer = api.call(Method::DELETE, "/events", None, &Value::Null).await;
    let allowed: HashSet<_> =
        answer.header("allow").split(',').map(|method| method.trim().to_owned()).collect();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed:?}");
    seen.note(answer, ProblemCode::MethodNotAllowed);
    let nonsense = json!({ "refreshToken": "nonsense" });
    api.post_anonymously("/auth/refresh", &nonsense).await.expect_problem(401, "UNAUTHENTICATED");
    seen.note(api.post_anonymously("/auth/refresh", &nonsense).await, ProblemCode::RateLimited);
}

async fn refused_bodies(api: &Api, seen: &mut Seen) {
    let body = seen.note(api.post_anonymously("/users", &json!({})).await, ProblemCode::ValidationFailed);
    assert_eq!(body["errors"].as_array().map(Vec::len), Some(2), "{body:#}");
    seen.note(raw(api, "application/json", "{\"email\":".to_owned()).await, ProblemCode::MalformedBody);
    seen.note(raw(api, "text/plain", "{}".to_owned()).await, ProblemCode::UnsupportedMediaType);
    seen.note(raw(api, "application/json", " ".repeat(256 * 1024 + 1)).await, ProblemCode::BodyTooLarge);
}

async fn raw(api: &Api, kind: &str, body: String) -> Answer {
    let request = api.client.post(format!("{}/users", api.base)).header(CONTENT_TYPE, kind).body(body);
    Answer::read(request.send().await.expect("an answer")).await.expect("a whole answer")
}

async fn refused_by_auth(system: &System, admin: &str, seen: &mut Seen) {
    let api = &system.api;
    seen.note(api.log_in_with("mina@example.com", "not her password").await, ProblemCode::InvalidCredentials);
    let taken = json!({ "email": "MINA@example.com", "password": PASSWORD });
    seen.note(api.post_anonymously("/users", &taken).await, ProblemCode::EmailTaken);
    let found = api.get(&format!("/users?email={ADMIN}"), admin).await.expect(200);
    let path = format!("/users/{}/roles", text(&found, "/items/0/id"));
    seen.note(api.put(&path, admin, &json!({ "roles": ["USER"] })).await, ProblemCode::LastAdmin);
}

async fn refused_claims(api: &Api, operator: &str, user: &str, seen: &mut Seen) {
    let event = api.event(operator, &json!({})).await;
    let rewards = format!("/events/{event}/rewards");
    let reward = json!({ "type": "POINT", "name": "Points", "points": 1 });
    let reward = api.post(&rewards, operator, &reward).await.expect(201);
    let again = api.post(&rewards, operator, &json!({ "rewardId": reward["id"] })).await;
    seen.note(again, ProblemCode::RewardAttached);
    let request = api.claim(user, &event).await.expect(201);
    let again = seen.note(api.claim(user, &event).await, ProblemCode::AlreadyRequested);
    assert_eq!(again["rewardRequestId"], request["id"]);
    refused_decisions(api, operator, &text(&request, "/id"), seen).await;
    refused_for_lack_of_stock(api, operator, user, seen).await;
    for (change, code) in [
        (json!({ "status": "INACTIVE" }), ProblemCode::EventNotActive),
        (json!({ "periodStart": "2098-01-01T00:00:00Z" }), ProblemCode::EventNotStarted),
        (json!({ "periodEnd": "2020-01-02T00:00:00Z" }), ProblemCode::EventEnded),
        (json!({ "condition": { "in": ["ADMIN", { "var": "user.roles" }] } }), ProblemCode::ConditionNotMet),
    ] {
        let event = api.event(operator, &change).await;
        seen.note(api.claim(user, &event).await, code);
    }
}

async fn refused_changes(api: &Api, admin: &str, user: &str, seen: &mut Seen) {
    let event = api.event(admin, &json!({})).await;
    let reward = json!({ "type": "POINT", "name": "Points", "points": 1 });
    let reward = api.post(&format!("/events/{event}/rewards"), admin, &reward).await.expect(201);
    let codes = format!("/rewards/{}/codes", text(&reward, "/id"));
    seen.note(api.post(&codes, admin, &json!({ "codes": ["A"] })).await, ProblemCode::NotAPool);
    let request = text(&api.claim(user, &event).await.expect(201), "/id");
    let path = format!("/events/{event}");
    let deleted = api.call(Method::DELETE, &path, Some(admin), &Value::Null).await;
    seen.note(deleted, ProblemCode::EventHasRequests);
    let revoke = format!("/events/requests/{request}/revoke");
    let revoked = api.post(&revoke, admin, &json!({ "reason": "Too early" })).await;
    assert_eq!(seen.note(revoked, ProblemCode::NotApproved)["currentStatus"], json!("PENDING"));
    let edit = reqwest::Client::new().patch(format!("{}{path}", api.base)).bearer_auth(admin);
    let edit = edit.header("if-match", "\"7\"").json(&json!({ "name": "Stale" })).send().await;
    let stale = Answer::read(edit.expect("the system answers")).await.expect("an answer");
    seen.note(stale, ProblemCode::PreconditionFailed);
}

async fn refused_decisions(api: &Api, operator: &str, request: &str, seen: &mut Seen) {
    let path = format!("/events/requests/{request}");
    let decision = json!({ "status": "APPROVED" });
    api.call(Method::PATCH, &path, Some(operator), &decision).await.expect(200);
    let again = api.call(Method::PATCH, &path, Some(operator), &decision).await;
    assert_eq!(seen.note(again, ProblemCode::AlreadyDecided)["currentStatus"], json!("APPROVED"));
    let by_filter = json!({ "filter": {}, "expectedCount": 1, "status": "APPROVED" });
    let changed = api.post("/events/requests/decisions", operator, &by_filter).await;
    assert_eq!(seen.note(changed, ProblemCode::CountChanged)["count"], json!(0));
}

async fn refused_for_lack_of_stock(api: &Api, operator: &str, user: &str, seen: &mut Seen) {
    let event = api.event(operator, &json!({})).await;
    let rewards = format!("/events/{event}/rewards");
    let reward = json!({ "type": "POINT", "name": "Points", "points": 1, "stock": 1 });
    let reward = text(&api.post(&rewards, operator, &reward).await.expect(201), "/id");
    api.register("nora@example.com").await;
    let other = api.log_in("nora@example.com").await;
    api.claim(&other, &event).await.expect(201);
    seen.note(api.claim(user, &event).await, ProblemCode::SoldOut);
    let path = format!("{rewards}/{reward}");
    api.call(Method::PATCH, &path, Some(operator), &json!({ "stock": 2 })).await.expect(200);
    api.claim(user, &event).await.expect(201);
    let below = api.call(Method::PATCH, &path, Some(operator), &json!({ "stock": 1 })).await;
    assert_eq!(seen.note(below, ProblemCode::StockTaken)["taken"], json!(2));
}

/// What users cannot cause: a record nobody wrote like that, and a database somebody else holds.
async fn broken_stores(system: &mut System, admin: &str, operator: &str, seen: &mut Seen) {
    let broken = system.api.register("broken@example.com").await;
    assert_eq!(spoil(system, &broken).await, 1);
    let answer = system.api.log_in_with("broken@example.com", PASSWORD).await;
    assert!(!answer.text.contains("no hash") && !answer.text.contains("user-db"), "{}", answer.text);
    seen.note(answer, ProblemCode::Internal);
    // What need not be read spoils nothing.
    system.api.get(&format!("/users/{broken}"), admin).await.expect(200);

    let event = json!({ "name": "New", "condition": {}, "periodStart": "2020-01-01T00:00:00Z" });
    let create = async || system.api.post("/events", operator, &event).await;
    let answer = match system.event_db().await {
        EventDb::Sqlite(mut database) => {
            let held = database.begin_with("BEGIN IMMEDIATE").await.expect("the lock is free");
            let answer = create().await;
            held.rollback().await.expect("the lock is given back");
            answer
        }
        EventDb::Mongo(_) => {
            // A MongoDB that others use as well cannot be stopped.
            system.servers.freeze(Store::Tokens);
            let answer = create().await;
            system.servers.thaw(Store::Tokens);
            answer
        }
    };
    for internal in ["locked", "event-db", "token-db", "127.0.0.1"] {
        assert!(!answer.text.contains(internal), "{}", answer.text);
    }
    seen.note(answer, ProblemCode::Unavailable);
    create().await.expect(201);
}

/// Gives a user a password hash that nothing can be checked against; returns how many records that changed.
async fn spoil(system: &System, user: &str) -> u64 {
    const SPOIL: &str = "UPDATE users SET password_hash = 'no hash' WHERE id = $1";
    match system.user_db().await {
        UserDb::Sqlite(mut database) => {
            let spoilt = sqlx::query(SPOIL).bind(user).execute(&mut database).await;
            spoilt.expect("it can be spoilt").rows_affected()
        }
        UserDb::Postgres(mut database) => {
            let spoilt = sqlx::query(SPOIL).bind(user).execute(&mut database).await;
            spoilt.expect("it can be spoilt").rows_affected()
        }
        UserDb::Mongo(database) => {
            let user = ObjectId::parse_str(user).expect("ids are ObjectIds");
            let users = database.collection::<Document>("users");
            let change = doc! { "$set": { "passwordHash": "no hash" } };
            let spoilt = users.update_one(doc! { "_id": user }, change).await;
            spoilt.expect("it can be spoilt").modified_count
        }
    }
}

/// RFC 9112, 3.2: nobody can tell which of them is meant.
async fn two_hosts(base: &str) -> Answer {
    let mut wire = Wire::connect(base.trim_start_matches("http://")).await;
    wire.head("GET /users/me", &["host: other".to_owned()]).await;
    wire.answer().await
}

async fn half_a_body(base: String) -> Answer {
    let mut wire = Wire::connect(base.trim_start_matches("http://")).await;
    let headers = ["content-type: application/json", "content-length: 100"].map(str::to_owned);
    wire.head("POST /users", &headers).await;
    wire.send("{\"email\":").await;
    wire.answer().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_service_is_503_with_retry_after_and_heals_when_it_returns() {
    let mut system = System::start(Setup::EmbeddedSplit).await;
    let operator = system.operator().await;
    let event = system.api.event(&operator, &json!({})).await;
    let path = format!("/events/{event}");
    let mut seen = Seen::default();

    system.processes[2].kill().await;
    let answer = system.api.get(&path, &operator).await;
    assert!(!answer.text.contains("127.0.0.1"), "hosts are nobody's business: {}", answer.text);
    seen.note(answer, ProblemCode::Unavailable);
    system.api.get("/users/me", &operator).await.expect(200);
    system.revive(2).await;
    system.api.get(&path, &operator).await.expect(200);

    // Without auth nobody can tell whether a session is current: that is no reason to call it revoked.
    system.processes[1].kill().await;
    seen.note(system.api.get(&path, &operator).await, ProblemCode::Unavailable);
    let body = json!({ "email": "olga@example.com", "password": "12345678" });
    seen.note(system.api.post_anonymously("/auth/login", &body).await, ProblemCode::Unavailable);
    system.revive(1).await;
    let operator = system.api.log_in("olga@example.com").await;
    system.api.get(&path, &operator).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_hangs_is_503_in_bounded_time() {
    let system = System::start(Setup::EmbeddedSplit).await;
    let operator = system.operator().await;
    system.processes[2].pause().await;
    let answer = tokio::time::timeout(Duration::from_secs(30), system.api.get("/events", &operator)).await;
    Seen::default().note(answer.expect("an answer at all"), ProblemCode::Unavailable);
    system.processes[2].resume().await;
    system.api.get("/events", &operator).await.expect(200);
}
