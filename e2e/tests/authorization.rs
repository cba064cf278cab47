//! Who may do what: every route of the gateway's table, with every kind of caller: every role, and keys with
//! every scope.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use domain::{ApiKeyScope, Clock, Role, SystemClock, Timestamp};
use e2e::{PASSWORD, Setup, System, forge, on_every_setup, on_setup, text};
use gateway::routes::{ROUTES, Route, RouteAccess};
use reqwest::Method;
use serde_json::{Value, json};

on_every_setup!(
    every_route_answers_each_role_as_promised,
    every_route_answers_a_key_with_each_scope_as_promised,
    every_route_but_the_open_ones_refuses_every_bad_token,
    users_see_active_events_only_and_staff_sees_all,
);

on_setup!(
    embedded_split,
    EmbeddedSplit,
    every_route_answers_each_role_as_promised,
    every_route_answers_a_key_with_each_scope_as_promised,
    every_route_but_the_open_ones_refuses_every_bad_token,
    users_see_active_events_only_and_staff_sees_all,
);

/// A valid request to a route, and what USER, OPERATOR, AUDITOR and ADMIN, each alone, get for it.
struct Row {
    path: String,
    body: Value,
    expected: [u16; 4],
    /// What a server sends, and gets with a key that has the route's scope.
    with_key: (Value, u16),
}

/// Servers send the same and get what an administrator gets, if they get in.
fn row(path: impl Into<String>, body: Value, expected: [u16; 4]) -> Row {
    Row { path: path.into(), body: body.clone(), expected, with_key: (body, expected[3]) }
}

impl Row {
    fn with_key(self, body: Value, status: u16) -> Self {
        Self { with_key: (body, status), ..self }
    }
}

/// A system with one of each, and somebody whose things they try to reach.
struct World {
    system: System,
    operator: String,
    /// Somebody with the role USER, who has claimed nothing.
    claimant: String,
    bystander: String,
    event: String,
    request: String,
    serial: AtomicUsize,
}

const EVERYBODY: [u16; 4] = [200; 4];
const STAFF: [u16; 4] = [403, 200, 200, 200];
const OPERATORS: [u16; 4] = [403, 201, 403, 201];
const ADMINS: [u16; 4] = [403, 403, 403, 200];

impl World {
    async fn new(setup: Setup) -> Self {
        let system = System::start(setup).await;
        let admin = system.admin().await;
        let mut claimant = String::new();
        for role in Role::ALL {
            let (id, _) = system.api.member(&admin, &email(role), &[role.name()]).await;
            if role == Role::User {
                claimant = id;
            }
        }
        let operator = system.api.log_in(&email(Role::Operator)).await;
        let event = system.api.event(&operator, &json!({})).await;
        let bystander = system.api.register("bystander@example.com").await;
        let token = system.api.log_in("bystander@example.com").await;
        let request = system.api.claim(&token, &event).await.expect(201);
        let request = text(&request, "/id");
        Self {
            system,
            operator: email(Role::Operator),
            claimant,
            bystander,
            event,
            request,
            serial: AtomicUsize::new(0),
        }
    }

    /// The expectations. A route that is not here fails the tests.
    #[allow(clippy::too_many_lines, reason = "a table")]
    async fn rows(&self, route: &Route) -> Vec<Row> {
        let Self { claimant, bystander, event, request, .. } = self;
        let credentials = |email: &str| json!({ "email": email, "password": PASSWORD });
        match (route.method.as_str(), route.path) {
            ("POST", "/users") => {
                let fresh = format!("fresh-{}@example.com", self.serial.fetch_add(1, Ordering::Relaxed));
                vec![row("/users", credentials(&fresh), [201; 4])]
            }
            ("GET", "/users") => vec![
                row("/users", Value::Null, ADMINS),
                row("/users?email=bystander@example.com", Value::Null, STAFF),
            ],
            ("GET", "/users/me") => vec![row("/users/me", Value::Null, EVERYBODY)],
            ("GET", "/users/{id}") => vec![
                row(format!("/users/{bystander}"), Value::Null, STAFF),
                row(format!("/users/{}", "0".repeat(24)), Value::Null, [403, 404, 404, 404]),
            ],
            // Whose password it is can change it, whatever their roles: here it stays the same.
            ("PUT", "/users/me/password") => {
                let same = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
                vec![row("/users/me/password", same, [204; 4])]
            }
            ("PUT", "/users/{id}/roles") => {
                vec![row(format!("/users/{bystander}/roles"), json!({ "roles": ["USER"] }), ADMINS)]
            }
            ("POST", "/auth/login") => {
                vec![row("/auth/login", credentials("bystander@example.com"), EVERYBODY)]
            }
            ("POST", "/auth/refresh") => vec![row("/auth/refresh", self.refresh_token().await, EVERYBODY)],
            ("POST", "/auth/logout") => vec![row("/auth/logout", Value::Null, [204; 4])],
            ("POST", "/api-keys") => {
                let key = json!({ "name": "New", "scopes": ["events:read"] });
                vec![row("/api-keys", key, [403, 403, 403, 201])]
            }
            ("GET", "/api-keys") => vec![row("/api-keys", Value::Null, [403, 403, 200, 200])],
            ("DELETE", "/api-keys/{id}") => {
                let (id, _) = self.make_key(&["events:read"], None).await;
                vec![row(format!("/api-keys/{id}"), Value::Null, [403, 403, 403, 204])]
            }
            ("GET", "/audit/users") => vec![row("/audit/users", Value::Null, [403, 403, 200, 200])],
            ("GET", "/audit/events") => vec![row("/audit/events", Value::Null, [403, 403, 200, 200])],
            ("GET", "/audit/events/head") => {
                vec![row("/audit/events/head", Value::Null, [403, 403, 200, 200])]
            }
            ("GET", "/audit/users/head") => vec![row("/audit/users/head", Value::Null, [403, 403, 200, 200])],
            ("POST", "/events") => {
                let event = json!({ "name": "New", "condition": {}, "periodStart": "2020-01-01T00:00:00Z" });
                vec![row("/events", event, OPERATORS)]
            }
            ("GET", "/events") => vec![row("/events", Value::Null, EVERYBODY)],
            ("GET", "/events/requests") => vec![
                row("/events/requests", Value::Null, EVERYBODY),
                row(format!("/events/requests?userId={bystander}"), Value::Null, STAFF),
            ],
            ("GET", "/events/requests/counts") => vec![row("/events/requests/counts", Value::Null, STAFF)],
            ("POST", "/events/requests/decisions") => {
                let decision = json!({ "ids": ["0".repeat(24)], "status": "APPROVED" });
                vec![row("/events/requests/decisions", decision, [403, 200, 403, 200])]
            }
            ("PATCH", "/events/requests/{requestId}") => {
                let decision = json!({ "status": "REJECTED", "reason": "No" });
                let unknown = format!("/events/requests/{}", "0".repeat(24));
                let fresh = format!("/events/requests/{}", self.fresh_request().await);
                let expected = [403, 200, 403, 200];
                vec![row(unknown, decision.clone(), [403, 404, 403, 404]), row(fresh, decision, expected)]
            }
            ("GET", "/events/requests/{requestId}") => {
                vec![row(format!("/events/requests/{request}"), Value::Null, [404, 200, 200, 200])]
            }
            ("GET", "/events/{eventId}") => {
                vec![row(format!("/events/{event}"), Value::Null, EVERYBODY)]
            }
            ("PATCH", "/events/{eventId}") => {
                let rename = json!({ "name": "Renamed" });
                vec![row(format!("/events/{event}"), rename, [403, 200, 403, 200])]
            }
            // It has been claimed.
            ("DELETE", "/events/{eventId}") => {
                vec![row(format!("/events/{event}"), Value::Null, [403, 403, 403, 409])]
            }
            ("GET", "/events/{eventId}/revisions") => {
                vec![row(format!("/events/{event}/revisions"), Value::Null, STAFF)]
            }
            ("POST", "/events/{eventId}/clone") => {
                vec![row(format!("/events/{event}/clone"), Value::Null, OPERATORS)]
            }
            ("POST", "/events/{eventId}/preflight") => {
                vec![row(format!("/events/{event}/preflight"), Value::Null, STAFF)]
            }
            ("POST", "/events/requests/{requestId}/revoke") => {
                let unknown = format!("/events/requests/{}/revoke", "0".repeat(24));
                vec![row(unknown, json!({ "reason": "No" }), [403, 403, 403, 404])]
            }
            ("GET", "/admin/invariants") => vec![row("/admin/invariants", Value::Null, [403, 403, 200, 200])],
            ("GET", "/grants") => vec![
                row("/grants", Value::Null, EVERYBODY),
                row(format!("/grants?userId={bystander}"), Value::Null, STAFF),
            ],
            ("GET", "/users/{id}/wallet") => {
                vec![row(format!("/users/{bystander}/wallet"), Value::Null, STAFF)]
            }
            ("GET", "/rewards") => vec![row("/rewards", Value::Null, STAFF)],
            ("POST", "/rewards/{rewardId}/codes") => {
                let nothing = format!("/rewards/{}/codes", "0".repeat(24));
                vec![row(nothing, json!({ "codes": ["A"] }), [403, 404, 403, 404])]
            }
            ("DELETE", "/events/{eventId}/rewards/{rewardId}") => {
                let nothing = format!("/events/{event}/rewards/{}", "0".repeat(24));
                vec![row(nothing, Value::Null, [403, 404, 403, 404])]
            }
            ("PATCH", "/events/{eventId}/rewards/{rewardId}") => {
                let nothing = format!("/events/{event}/rewards/{}", "0".repeat(24));
                vec![row(nothing, json!({ "stock": 5 }), [403, 404, 403, 404])]
            }
            ("POST", "/events/{eventId}/rewards") => {
                let reward = json!({ "type": "POINT", "name": "Points", "points": 1 });
                vec![row(format!("/events/{event}/rewards"), reward, OPERATORS)]
            }
            ("GET", "/events/{eventId}/rewards") => {
                vec![row(format!("/events/{event}/rewards"), Value::Null, EVERYBODY)]
            }
            ("POST", "/events/{eventId}/request") => {
                let row = row(format!("/events/{event}/request"), Value::Null, [201, 403, 403, 403]);
                vec![row.with_key(json!({ "userId": claimant }), 201)]
            }
            ("GET", "/events/{eventId}/eligibility") => vec![
                row(format!("/events/{event}/eligibility"), Value::Null, [200, 400, 400, 400]),
                row(format!("/events/{event}/eligibility?userId={bystander}"), Value::Null, STAFF),
            ],
            ("POST", "/events/{eventId}/condition/backtest") => {
                vec![row(format!("/events/{event}/condition/backtest"), json!({ "condition": {} }), STAFF)]
            }
            ("GET", "/facts") => vec![row("/facts", Value::Null, STAFF)],
            ("POST", "/conditions/evaluate") => vec![
                row("/conditions/evaluate", json!({ "condition": {}, "facts": {} }), STAFF),
                row(
                    "/conditions/evaluate",
                    json!({ "condition": {}, "userId": bystander, "eventId": event }),
                    STAFF,
                ),
            ],
            ("POST", "/activities") => {
                vec![row("/activities", json!({ "activities": [] }), [403, 200, 403, 200])]
            }
            ("GET", "/activities") => vec![row("/activities", Value::Null, STAFF)],
            ("PUT", "/users/{id}/attributes") => {
                let attributes = json!({ "attributes": { "level": 1 } });
                vec![row(format!("/users/{bystander}/attributes"), attributes, [403, 200, 403, 200])]
            }
            ("GET", "/users/{id}/attributes") => {
                vec![row(format!("/users/{bystander}/attributes"), Value::Null, STAFF)]
            }
            (method, path) => panic!("{method} {path} has no row: say here who may use it"),
        }
    }

    /// A new key: its id, and what a server holds.
    async fn make_key(&self, scopes: &[&str], expires_at: Option<Timestamp>) -> (String, String) {
        let body = json!({ "name": "Shop", "scopes": scopes, "expiresAt": expires_at });
        let made = self.system.api.post("/api-keys", &self.system.admin().await, &body).await.expect(201);
        (text(&made, "/id"), text(&made, "/key"))
    }

    /// The id of a request that nobody has decided.
    async fn fresh_request(&self) -> String {
        let api = &self.system.api;
        let event = api.event(&self.system.admin().await, &json!({})).await;
        let bystander = api.log_in("bystander@example.com").await;
        text(&api.claim(&bystander, &event).await.expect(201), "/id")
    }

    /// A refresh token works once, so every request needs its own.
    async fn refresh_token(&self) -> Value {
        let session = self.system.api.log_in_with("bystander@example.com", PASSWORD).await.expect(200);
        json!({ "refreshToken": session["refreshToken"] })
    }
}

fn email(role: Role) -> String {
    format!("{}@example.com", role.name().to_lowercase())
}

async fn every_route_answers_each_role_as_promised(setup: Setup) {
    let world = World::new(setup).await;
    for route in ROUTES {
        for (index, role) in Role::ALL.into_iter().enumerate() {
            // Logged in anew for each route: one of them logs out.
            let token = world.system.api.log_in(&email(role)).await;
            for Row { path, body, expected, .. } in world.rows(route).await {
                let answer = world.system.api.call(route.method.clone(), &path, Some(&token), &body).await;
                assert_eq!(answer.status, expected[index], "{role} {} {path}: {}", route.method, answer.text);
                if answer.status == 403 {
                    answer.expect_problem(403, "FORBIDDEN");
                }
            }
        }
    }
}

async fn every_route_answers_a_key_with_each_scope_as_promised(setup: Setup) {
    let world = World::new(setup).await;
    for scope in ApiKeyScope::ALL {
        let (_, key) = world.make_key(&[scope.name()], None).await;
        for route in ROUTES {
            for Row { path, body, expected, with_key } in world.rows(route).await {
                let (body, status) = match route.access {
                    // Whoever needs no login needs no scope.
                    RouteAccess::Anyone => (&body, expected[0]),
                    _ if route.key_scope == Some(scope) => (&with_key.0, with_key.1),
                    _ => (&with_key.0, 403),
                };
                let api = &world.system.api;
                let answer = api.call(route.method.clone(), &path, Some(&key), body).await;
                assert_eq!(answer.status, status, "{scope} {} {path}: {}", route.method, answer.text);
                if status == 403 {
                    let named = answer.header("www-authenticate").to_owned();
                    answer.expect_problem(403, "FORBIDDEN");
                    let needed = route.key_scope.map(|needed| format!("scope=\"{needed}\""));
                    assert!(named.ends_with(&needed.unwrap_or_default()), "{named}");
                }
            }
        }
    }
}

async fn every_route_but_the_open_ones_refuses_every_bad_token(setup: Setup) {
    let world = World::new(setup).await;
    let api = &world.system.api;
    let revoked = api.log_in(&world.operator).await;
    api.post("/auth/logout", &revoked, &Value::Null).await.expect(204);
    let user = &world.bystander;
    let scopes = ApiKeyScope::ALL.map(ApiKeyScope::name);
    let (_, expired_key) = world.make_key(&scopes, Some(SystemClock.now().plus_seconds(2))).await;
    let (deleted, deleted_key) = world.make_key(&scopes, None).await;
    let path = format!("/api-keys/{deleted}");
    api.call(Method::DELETE, &path, Some(&world.system.admin().await), &Value::Null).await.expect(204);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let bad = [
        ("none", None, "UNAUTHENTICATED"),
        ("garbage", Some("garbage".to_owned()), "UNAUTHENTICATED"),
        ("expired", Some(forge::expired_access_token(user)), "TOKEN_EXPIRED"),
        ("logged out", Some(revoked), "SESSION_REVOKED"),
        ("signed with another secret", Some(forge::forged_access_token(user)), "UNAUTHENTICATED"),
        ("an expired key", Some(expired_key), "TOKEN_EXPIRED"),
        ("a deleted key", Some(deleted_key), "UNAUTHENTICATED"),
        ("half a key", Some("gdn_half".to_owned()), "UNAUTHENTICATED"),
        ("not signed", Some(forge::unsigned_access_token(user)), "UNAUTHENTICATED"),
        ("well signed but never handed out", Some(forge::access_token(user)), "SESSION_REVOKED"),
    ];
    for route in ROUTES {
        for (kind, token, code) in &bad {
            for Row { path, body, expected, .. } in world.rows(route).await {
                let answer = api.call(route.method.clone(), &path, token.as_deref(), &body).await;
                if route.access == RouteAccess::Anyone {
                    assert_eq!(
                        answer.status, expected[0],
                        "{kind}: {} {path}: {}",
                        route.method, answer.text
                    );
                    continue;
                }
                assert_eq!(answer.status, 401, "{kind}: {} {path}: {}", route.method, answer.text);
                assert!(answer.header("www-authenticate").starts_with("Bearer"), "{kind}");
                answer.expect_problem(401, code);
            }
        }
    }
}

async fn users_see_active_events_only_and_staff_sees_all(setup: Setup) {
    let World { system, operator, event, .. } = World::new(setup).await;
    let api = &system.api;
    let operator = api.log_in(&operator).await;
    let hidden = api.event(&operator, &json!({ "status": "INACTIVE" })).await;
    for (role, sees) in
        [(Role::User, false), (Role::Operator, true), (Role::Auditor, true), (Role::Admin, true)]
    {
        let token = api.log_in(&email(role)).await;
        let listed: Vec<_> =
            api.all_pages("/events", &token, 1).await.iter().map(|event| text(event, "/id")).collect();
        assert_eq!(listed.contains(&hidden), sees, "{role}");
        assert!(listed.contains(&event), "{role}");
        for path in [format!("/events/{hidden}"), format!("/events/{hidden}/rewards")] {
            assert_eq!(api.get(&path, &token).await.status, if sees { 200 } else { 404 }, "{role} {path}");
        }
    }
}
