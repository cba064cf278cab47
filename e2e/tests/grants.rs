//! Grants: what approved requests give, at most once, also through crashes, and what revocations take back.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use e2e::{Api, Setup, System, on_every_setup, text};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

on_every_setup!(what_is_approved_reaches_the_wallet_and_what_is_revoked_leaves_it);

/// What is asked for until it is as expected: workers do it some moments later.
async fn until(api: &Api, path: &str, token: &str, is_expected: impl Fn(&Value) -> bool) -> Value {
    let mut seen = Value::Null;
    for _ in 0..600 {
        seen = api.get(path, token).await.expect(200);
        if is_expected(&seen) {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{path} is never as expected: {seen}");
}

async fn attach(api: &Api, operator: &str, event: &str, reward: &Value) {
    api.post(&format!("/events/{event}/rewards"), operator, reward).await.expect(201);
}

async fn what_is_approved_reaches_the_wallet_and_what_is_revoked_leaves_it(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator, admin) = (&system.api, system.operator().await, system.admin().await);
    let id = api.register("mina@example.com").await;
    let user = api.log_in("mina@example.com").await;
    let (manual, auto) =
        (api.event(&operator, &json!({})).await, api.event(&operator, &json!({"approval": "AUTO"})).await);
    attach(api, &operator, &manual, &json!({"type": "POINT", "name": "p", "points": 500})).await;
    let coupon =
        json!({"type": "COUPON", "name": "c", "couponCode": "SPRING10", "expiry": "2099-01-01T00:00:00Z"});
    attach(api, &operator, &manual, &coupon).await;
    attach(api, &operator, &auto, &json!({"type": "BADGE", "name": "b", "badgeId": "early"})).await;
    let claim = text(&api.claim(&user, &manual).await.expect(201), "/id");
    api.claim(&user, &auto).await.expect(201);
    let wallet = format!("/users/{id}/wallet");
    let has_badge = |wallet: &Value| wallet["badges"] == json!([{"badgeId": "early", "count": 1}]);
    let seen = until(api, &wallet, &user, has_badge).await;
    assert_eq!(seen["points"], 0);
    // An edit of the event changes nothing for the request that was made before.
    attach(api, &operator, &manual, &json!({"type": "POINT", "name": "late", "points": 7})).await;
    let request = format!("/events/requests/{claim}");
    api.call(Method::PATCH, &request, Some(&operator), &json!({"status": "APPROVED"})).await.expect(200);
    let seen = until(api, &wallet, &user, |wallet| wallet["points"] == 500).await;
    assert_eq!(seen["coupons"][0]["couponCode"], "SPRING10");
    let revoke = format!("{request}/revoke");
    let reason = json!({"reason": "Fraud"});
    let answers = join_all((0..10).map(|_| api.post(&revoke, &admin, &reason))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let seen = until(api, &wallet, &user, |wallet| wallet["points"] == 0).await;
    assert_eq!((&seen["coupons"], has_badge(&seen)), (&json!([]), true));
    let entries = api.all_pages(&format!("/grants?userId={id}"), &user, 2).await;
    let kinds: Vec<_> = entries.iter().map(|entry| entry["kind"].as_str().expect("a kind")).collect();
    let count = |kind: &str| kinds.iter().filter(|it| **it == kind).count();
    assert_eq!((count("GRANT"), count("REVERSAL")), (3, 2));
    let report = until(api, "/admin/invariants", &admin, |report| report["holds"] == true).await;
    assert_eq!(report["invariants"][0]["inFlightSince"], Value::Null);
}

const POINTS: i64 = 10;
const SEATS: i64 = 6;

/// Servers and an administrator at work while the service is killed again and again.
struct CrashWorld {
    system: System,
    key: String,
    users: Vec<String>,
    events: Vec<String>,
}

impl CrashWorld {
    async fn new(setup: Setup) -> Self {
        let system = System::start(setup).await;
        let admin = system.admin().await;
        let scopes = json!({"name": "game", "scopes": ["requests:read", "requests:write", "requests:decide", "grants:read"]});
        let key = text(&system.api.post("/api-keys", &admin, &scopes).await.expect(201), "/key");
        let mut users = Vec::new();
        for number in 0..8 {
            users.push(system.api.register(&format!("player-{number}@example.com")).await);
        }
        Self { system, key, users, events: Vec::new() }
    }

    async fn new_event(&mut self, round: usize) {
        let operator = self.system.admin().await;
        let approval = if round.is_multiple_of(2) { "AUTO" } else { "MANUAL" };
        let event = self.system.api.event(&operator, &json!({ "approval": approval })).await;
        for reward in [
            json!({"type": "POINT", "name": "p", "points": POINTS, "stock": SEATS}),
            json!({"type": "BADGE", "name": "b", "badgeId": "b"}),
        ] {
            attach(&self.system.api, &operator, &event, &reward).await;
        }
        self.events.push(event);
    }

    async fn kill_and_restart(&mut self) {
        let service = self.system.processes.len() - 1;
        self.system.processes[service].kill().await;
        if self.system.processes.len() == 1 {
            self.system.restart().await;
        } else {
            self.system.revive(service).await;
        }
    }

    /// Claims for everybody, decisions on what waits, and revocations of some, all at the same moment.
    async fn busy_moment(api: Api, key: String, admin: String, event: String, users: Vec<String>) {
        let path = format!("/events/{event}/request");
        let bodies: Vec<_> = users.iter().map(|user| json!({ "userId": user })).collect();
        let claims = join_all(bodies.iter().map(|body| api.try_call(Method::POST, &path, Some(&key), body)));
        let decisions = async {
            for _ in 0..3 {
                let waiting =
                    api.try_call(Method::GET, "/events/requests?status=PENDING", Some(&key), &Value::Null);
                let Ok(waiting) = waiting.await else { return };
                let ids = waiting.body["items"].as_array().cloned().unwrap_or_default();
                let ids: Vec<_> = ids.iter().map(|claim| claim["id"].clone()).collect();
                let (some, others) = ids.split_at(ids.len() / 4);
                for (ids, status) in [(some, "REJECTED"), (others, "APPROVED")] {
                    let body = json!({ "ids": ids, "status": status });
                    drop(api.try_call(Method::POST, "/events/requests/decisions", Some(&key), &body).await);
                }
            }
        };
        let revocations = async {
            let approved =
                api.try_call(Method::GET, "/events/requests?status=APPROVED", Some(&key), &Value::Null);
            let Ok(approved) = approved.await else { return };
            let items = approved.body["items"].as_array().cloned().unwrap_or_default();
            let paths: Vec<_> = items.iter().take(3).filter_map(|claim| claim["id"].as_str()).collect();
            let paths: Vec<_> = paths.iter().map(|id| format!("/events/requests/{id}/revoke")).collect();
            let reason = json!({ "reason": "Fraud" });
            join_all(paths.iter().map(|path| api.try_call(Method::POST, path, Some(&admin), &reason))).await;
        };
        tokio::join!(claims, decisions, revocations);
    }

    /// What everybody has is what their requests say, and so is every stock.
    async fn check(&self) {
        let (api, admin) = (&self.system.api, self.system.admin().await);
        // What a crash left of MongoDB's stock is counted anew a minute later.
        until(api, "/admin/invariants", &admin, |report| {
            report["holds"] == true && report["invariants"][0]["inFlightSince"].is_null()
        })
        .await;
        for user in &self.users {
            let approved = api
                .all_pages(&format!("/events/requests?userId={user}&status=APPROVED"), &self.key, 50)
                .await;
            let wallet = api.get(&format!("/users/{user}/wallet"), &self.key).await.expect(200);
            let count = i64::try_from(approved.len()).expect("few");
            assert_eq!(wallet["points"], count * POINTS, "{user}");
            assert_eq!(wallet["badges"][0]["count"].as_i64().unwrap_or_default(), count, "{user}");
        }
        for event in &self.events {
            let counts =
                api.get(&format!("/events/requests/counts?eventId={event}"), &admin).await.expect(200);
            let live = counts["pending"].as_i64().expect("a number")
                + counts["approved"].as_i64().expect("a number");
            let rewards = api.get(&format!("/events/{event}/rewards"), &admin).await.expect(200);
            let stock = &rewards[0]["stock"];
            assert_eq!(
                (&stock["total"], stock["remaining"].as_i64()),
                (&json!(SEATS), Some(SEATS - live)),
                "{event}"
            );
        }
    }
}

async fn crash_amid_grants(setup: Setup, rounds: usize) {
    let mut world = CrashWorld::new(setup).await;
    for round in 0..rounds {
        world.new_event(round).await;
        let admin = world.system.admin().await;
        let event = world.events.last().expect("an event").clone();
        let busy = tokio::spawn(CrashWorld::busy_moment(
            world.system.api.clone(),
            world.key.clone(),
            admin,
            event,
            world.users.clone(),
        ));
        tokio::time::sleep(Duration::from_millis(u64::try_from(round * 13 % 120).expect("small"))).await;
        world.kill_and_restart().await;
        busy.await.expect("the clients end");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_five_crashes_amid_claims_decisions_grants_and_revocations_on_sqlite() {
    crash_amid_grants(Setup::Embedded, 25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_five_crashes_amid_claims_decisions_grants_and_revocations_on_mongodb() {
    crash_amid_grants(Setup::MongoRedis, 25).await;
}
