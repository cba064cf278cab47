//! The audit logs: who changed what, and the proof that nobody changed that afterwards.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is how a test reports")]

use e2e::{Setup, System, on_every_setup, on_setup, text};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

on_every_setup!(
    what_staff_and_the_command_line_change_is_recorded_and_verified_also_after_a_restart,
    what_is_done_to_events_and_requests_is_recorded_and_verified,
);

on_setup!(
    embedded_split,
    EmbeddedSplit,
    what_staff_and_the_command_line_change_is_recorded_and_verified_also_after_a_restart,
);

on_setup!(
    mongo_redis_replicas,
    MongoRedis,
    of_fifty_changes_from_three_replicas_each_has_one_entry,
    of_fifty_changes_of_events_from_three_replicas_each_has_one_entry,
);

on_setup!(
    postgres_mongo_redis_replicas,
    PostgresMongoRedis,
    of_fifty_changes_from_three_replicas_each_has_one_entry,
);

/// What the command prints, and its exit code.
async fn audit(system: &System, arguments: &[&str]) -> (Option<i32>, String) {
    let done = system.command(&[&["audit"], arguments].concat(), "").await;
    (done.code, done.stdout + &done.stderr)
}

async fn head_of(system: &System) -> (i64, String) {
    head_of_log(system, "users").await
}

async fn head_of_log(system: &System, log: &str) -> (i64, String) {
    let head = system.api.get(&format!("/audit/{log}/head"), &system.admin().await).await.expect(200);
    (head["sequence"].as_i64().unwrap(), text(&head, "/hash"))
}

async fn what_staff_and_the_command_line_change_is_recorded_and_verified_also_after_a_restart(setup: Setup) {
    let mut system = System::start(setup).await;
    let admin = system.admin().await;
    // The administrator was made by the program, or by the command line.
    let (before, _) = head_of(&system).await;
    assert_eq!(before, 1);
    let (mina, _) = system.api.member(&admin, "mina@example.com", &["USER", "AUDITOR"]).await;
    let key = json!({ "name": "Shop", "scopes": ["events:read"] });
    let key = system.api.post("/api-keys", &admin, &key).await.expect(201);
    let path = format!("/api-keys/{}", text(&key, "/id"));
    system.api.call(Method::DELETE, &path, Some(&admin), &Value::Null).await.expect(204);
    system.command(&["user", "create", "--email", "cli@example.com"], "").await;

    // At once, newest first, to auditors too.
    let auditor = system.api.log_in("mina@example.com").await;
    let entries = system.api.all_pages("/audit/users", &auditor, 2).await;
    let actions: Vec<_> = entries.iter().map(|entry| text(entry, "/action")).collect();
    let expected =
        ["user.created", "api_key.deleted", "api_key.created", "user.roles.replaced", "user.created"];
    assert_eq!(actions, expected);
    let kinds: Vec<_> = entries.iter().map(|entry| text(entry, "/actor/kind")).collect();
    let first = if setup.is_embedded() { "worker" } else { "command" };
    assert_eq!(kinds, ["command", "user", "user", "user", first]);
    assert_eq!(entries[3]["object"], json!({ "kind": "user", "id": mina }));
    assert_eq!(entries[3]["after"], json!({ "roles": ["USER", "AUDITOR"] }));
    assert!(entries[1]["requestId"].is_string() && entries[0]["requestId"].is_null());
    assert!(!json!(entries).to_string().contains(&text(&key, "/key")));

    let (sequence, hash) = head_of(&system).await;
    let kept = format!("{sequence}:{hash}");
    assert_eq!(sequence, 5);
    assert_eq!(audit(&system, &["head", "users"]).await, (Some(0), format!("{kept}\n")));
    let whole = format!("users: 5 entries are as they were written. Head: {kept}\n");
    assert_eq!(audit(&system, &["verify", "users"]).await, (Some(0), whole.clone()));
    system.restart().await;
    assert_eq!(audit(&system, &["verify", "users", "--head", &kept]).await, (Some(0), whole));

    let longer = format!("9:{hash}");
    let (code, told) = audit(&system, &["verify", "users", "--head", &longer]).await;
    assert_eq!(code, Some(1));
    assert!(told.contains("entries 6 to 9 are missing at the end"), "{told}");
    if setup.is_embedded() {
        let file = SqliteConnectOptions::new().filename(system.data().join("user.db"));
        let mut db = file.connect().await.unwrap();
        let tamper = "UPDATE audit_log SET request_id = 'another' WHERE sequence = 3";
        sqlx::query(tamper).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
        let (code, told) = audit(&system, &["verify", "users"]).await;
        assert_eq!(code, Some(1));
        assert!(told.starts_with("guerdon: the audit log users is not whole: entry 3 "), "{told}");
    }
}

async fn of_fifty_changes_from_three_replicas_each_has_one_entry(setup: Setup) {
    let system = System::start(setup).await;
    let admin = system.admin().await;
    let (before, _) = head_of(&system).await;
    let mut users = Vec::new();
    for number in 0..10 {
        users.push(system.api.register(&format!("user{number}@example.com")).await);
    }
    let (two, three) = (system.replica().await, system.replica().await);
    let apis = [system.api.clone(), two.api.clone(), three.api.clone()];
    let changes: Vec<_> = (0..50)
        .zip(apis.into_iter().cycle())
        .map(|(number, api)| {
            let (admin, path) = (admin.clone(), format!("/users/{}/roles", users[number % 10]));
            let role = ["USER", "OPERATOR", "AUDITOR"][number % 3];
            let roles = json!({ "roles": [role] });
            tokio::spawn(async move { api.put(&path, &admin, &roles).await.status })
        })
        .collect();
    for change in changes {
        assert_eq!(change.await.unwrap(), 200);
    }
    let (sequence, hash) = head_of(&system).await;
    assert_eq!(sequence, before + 50);
    let kept = format!("{sequence}:{hash}");
    let (code, told) = audit(&system, &["verify", "users", "--head", &kept]).await;
    assert_eq!(code, Some(0), "{told}");
}

async fn what_is_done_to_events_and_requests_is_recorded_and_verified(setup: Setup) {
    let system = System::start(setup).await;
    let (api, admin) = (&system.api, system.admin().await);
    let (_, operator) = api.member(&admin, "olga@example.com", &["OPERATOR"]).await;
    let (_, mina) = api.member(&admin, "mina@example.com", &["USER"]).await;
    let event = api.event(&operator, &json!({})).await;
    let reward = json!({ "type": "POINT", "name": "p", "points": 5, "stock": 5 });
    let reward = api.post(&format!("/events/{event}/rewards"), &operator, &reward).await.expect(201);
    let path = format!("/events/{event}/rewards/{}", text(&reward, "/id"));
    api.call(Method::PATCH, &path, Some(&operator), &json!({ "stock": 7 })).await.expect(200);
    let request = api.claim(&mina, &event).await.expect(201);
    let request = format!("/events/requests/{}", text(&request, "/id"));
    let approval = json!({ "status": "APPROVED", "reason": "ok" });
    api.call(Method::PATCH, &request, Some(&operator), &approval).await.expect(200);
    let reason = json!({ "reason": "by mistake" });
    api.post(&format!("{request}/revoke"), &admin, &reason).await.expect(200);
    let unclaimed = format!("/events/{}", api.event(&operator, &json!({})).await);
    api.call(Method::DELETE, &unclaimed, Some(&admin), &Value::Null).await.expect(204);

    let entries = api.all_pages("/audit/events", &admin, 3).await;
    let actions: Vec<_> = entries.iter().rev().map(|entry| text(entry, "/action")).collect();
    let expected = [
        "event.created",
        "event.reward.attached",
        "event.stock.changed",
        "request.approved",
        "request.revoked",
        "event.created",
        "event.deleted",
    ];
    assert_eq!(actions, expected);
    assert!(entries.iter().all(|entry| entry["requestId"].is_string()));
    let (sequence, hash) = head_of_log(&system, "events").await;
    let kept = format!("{sequence}:{hash}");
    assert_eq!(sequence, 7);
    assert_eq!(audit(&system, &["head", "events"]).await, (Some(0), format!("{kept}\n")));
    let whole = format!("events: 7 entries are as they were written. Head: {kept}\n");
    assert_eq!(audit(&system, &["verify", "events", "--head", &kept]).await, (Some(0), whole));
    let report = api.get("/admin/invariants", &admin).await.expect(200);
    assert_eq!(report["holds"], true, "{report}");
}

async fn of_fifty_changes_of_events_from_three_replicas_each_has_one_entry(setup: Setup) {
    let system = System::start(setup).await;
    let admin = system.admin().await;
    let mut events = Vec::new();
    for _ in 0..10 {
        events.push(system.api.event(&admin, &json!({})).await);
    }
    let (two, three) = (system.replica().await, system.replica().await);
    let apis = [system.api.clone(), two.api.clone(), three.api.clone()];
    let changes: Vec<_> = (0..50)
        .zip(apis.into_iter().cycle())
        .map(|(number, api)| {
            let (admin, path) = (admin.clone(), format!("/events/{}", events[number % 10]));
            let name = json!({ "name": format!("Name {number}") });
            tokio::spawn(async move { api.call(Method::PATCH, &path, Some(&admin), &name).await.status })
        })
        .collect();
    for change in changes {
        assert_eq!(change.await.unwrap(), 200);
    }
    let (sequence, hash) = head_of_log(&system, "events").await;
    assert_eq!(sequence, 60);
    let kept = format!("{sequence}:{hash}");
    let (code, told) = audit(&system, &["verify", "events", "--head", &kept]).await;
    assert_eq!(code, Some(0), "{told}");
}
