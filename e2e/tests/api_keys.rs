//! API keys: a shop's server claims for its users, until its key is deleted.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use e2e::{Answer, Setup, System, on_every_setup, on_setup, text};
use reqwest::Method;
use serde_json::{Value, json};

on_every_setup!(
    a_server_claims_for_a_user_until_its_key_is_deleted,
    of_requests_that_race_a_deletion_none_passes_after_it,
    keys_have_limits_of_their_own,
);

on_setup!(
    embedded_split,
    EmbeddedSplit,
    a_server_claims_for_a_user_until_its_key_is_deleted,
    of_requests_that_race_a_deletion_none_passes_after_it,
);

/// A new key with these scopes: its id, and what a server holds.
async fn make_key(system: &System, scopes: &[&str]) -> (String, String) {
    let body = json!({ "name": "Shop", "scopes": scopes });
    let made = system.api.post("/api-keys", &system.admin().await, &body).await.expect(201);
    (text(&made, "/id"), text(&made, "/key"))
}

async fn delete_key(system: &System, id: &str) -> Answer {
    let path = format!("/api-keys/{id}");
    system.api.call(Method::DELETE, &path, Some(&system.admin().await), &Value::Null).await
}

/// The keys as an administrator sees them, once the newest has been used.
async fn keys_after_use(system: &System) -> Value {
    for _ in 0..100 {
        let keys = system.api.get("/api-keys", &system.admin().await).await.expect(200);
        if !keys["items"][0]["lastUsedAt"].is_null() {
            return keys;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no use was noted");
}

async fn a_server_claims_for_a_user_until_its_key_is_deleted(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let auditors = json!({ "condition": { "in": ["AUDITOR", { "var": "user.roles" }] } });
    let (event, staff_event) =
        (api.event(&operator, &json!({})).await, api.event(&operator, &auditors).await);
    let mina = api.register("mina@example.com").await;
    let (ada, _) = api.member(&system.admin().await, "ada@example.com", &["USER", "AUDITOR"]).await;
    let (id, key) = make_key(&system, &["events:read", "requests:write", "users:read"]).await;
    let claim =
        async |event: &str, body: Value| api.post(&format!("/events/{event}/request"), &key, &body).await;

    // The server finds the event and its user, and claims.
    let listed = api.all_pages("/events", &key, 1).await;
    assert!(listed.iter().any(|found| found["id"] == json!(event)));
    let user = api.get(&format!("/users/{mina}"), &key).await.expect(200);
    assert_eq!(user["email"], "mina@example.com");
    let claimed = claim(&event, json!({ "userId": mina })).await.expect(201);
    assert_eq!(claimed["userId"], json!(mina));
    let again = claim(&event, json!({ "userId": mina })).await.expect_problem(409, "ALREADY_REQUESTED");
    assert_eq!(again["rewardRequestId"], claimed["id"]);
    let token = api.log_in("mina@example.com").await;
    assert_eq!(api.get("/events/requests", &token).await.expect(200)["items"][0]["id"], claimed["id"]);

    // Conditions are about the user and not about the server.
    claim(&staff_event, json!({ "userId": mina })).await.expect_problem(422, "CONDITION_NOT_MET");
    claim(&staff_event, json!({ "userId": ada })).await.expect(201);

    // Whom it claims for must be said, and be there.
    for body in [Value::Null, json!({})] {
        let refused = claim(&event, body).await.expect_problem(400, "VALIDATION_FAILED");
        assert_eq!(refused["errors"][0]["pointer"], "/userId");
    }
    claim(&event, json!({ "userId": "mina" })).await.expect_problem(400, "VALIDATION_FAILED");
    let unknown = claim(&event, json!({ "userId": "0".repeat(24) })).await.expect_problem(404, "NOT_FOUND");
    assert!(text(&unknown, "/detail").contains("userId"));
    let others = api.post(&format!("/events/{event}/request"), &token, &json!({ "userId": ada })).await;
    others.expect_problem(403, "FORBIDDEN");

    // What it has no scope for it does not get.
    let refused = api.get("/events/requests", &key).await;
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));
    refused.expect_problem(403, "FORBIDDEN");
    api.get("/api-keys", &key).await.expect_problem(403, "FORBIDDEN");

    let keys = keys_after_use(&system).await;
    assert!(text(&keys, "/items/0/lastUsedAt").ends_with(":00.000Z"), "{keys:#}");
    assert!(!keys.to_string().contains(&key));

    delete_key(&system, &id).await.expect(204);
    let refused = api.get("/events", &key).await;
    assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
    refused.expect_problem(401, "UNAUTHENTICATED");
    claim(&event, json!({ "userId": ada })).await.expect_problem(401, "UNAUTHENTICATED");
    delete_key(&system, &id).await.expect_problem(404, "NOT_FOUND");
    assert!(!system.printed().contains(&key[4..]), "a key is in the log");
}

async fn of_requests_that_race_a_deletion_none_passes_after_it(setup: Setup) {
    let system = Arc::new(System::start(setup).await);
    for _ in 0..3 {
        let (id, key) = make_key(&system, &["events:read"]).await;
        let deleted = Arc::new(AtomicBool::new(false));
        let askers: Vec<_> = (0..8)
            .map(|_| {
                let (system, key, deleted) = (Arc::clone(&system), key.clone(), Arc::clone(&deleted));
                tokio::spawn(async move {
                    let mut passed = 0;
                    loop {
                        let was_deleted = deleted.load(Ordering::SeqCst);
                        let status = system.api.get("/events", &key).await.status;
                        match status {
                            200 => assert!(!was_deleted, "a deleted key was used"),
                            401 => return passed,
                            other => panic!("{other}"),
                        }
                        passed += 1;
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        delete_key(&system, &id).await.expect(204);
        deleted.store(true, Ordering::SeqCst);
        for asker in askers {
            assert!(asker.await.unwrap() > 0, "it was used before");
        }
    }
}

async fn keys_have_limits_of_their_own(setup: Setup) {
    let limits = [("RATE_LIMIT_API_KEY", "5/min"), ("RATE_LIMIT_ACCOUNT", "1000/s")];
    let system = System::start_with(setup, &limits).await;
    let (_, key) = make_key(&system, &["events:read"]).await;
    let (_, other) = make_key(&system, &["events:read"]).await;
    for _ in 0..5 {
        system.api.get("/events", &key).await.expect(200);
    }
    let refused = system.api.get("/events", &key).await;
    assert!(!refused.header("retry-after").is_empty());
    refused.expect_problem(429, "RATE_LIMITED");
    system.api.get("/events", &other).await.expect(200);
}
