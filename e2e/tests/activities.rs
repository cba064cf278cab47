//! What users do becomes what they may claim: reported by a server, or a login; counted once, whatever crashes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

use std::{collections::BTreeMap, time::Duration};

use domain::{Clock, SystemClock};
use e2e::{Api, Setup, System, on_every_setup, on_setup, text};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

on_every_setup!(
    seven_days_of_logins_open_an_attendance_event,
    what_the_game_says_of_a_user_decides_a_claim,
    a_batch_from_eight_clients_counts_once,
);

on_setup!(embedded_split, EmbeddedSplit, seven_days_of_logins_open_an_attendance_event);

const DAY: i64 = 24 * 60 * 60 * 1000;

fn now_millis() -> i64 {
    SystemClock.now().as_millis()
}

/// So many milliseconds since 1970, as RFC 3339 has it.
fn time_text(millis: i64) -> String {
    domain::Timestamp::from_millis(millis).to_string()
}

async fn server_key(system: &System, scopes: &[&str]) -> String {
    let body = json!({ "name": "Game server", "scopes": scopes });
    text(&system.api.post("/api-keys", &system.admin().await, &body).await.expect(201), "/key")
}

/// How far a user is, once a fact is at this value: a login is recorded some moments after it.
async fn until_actual(api: &Api, event: &str, token: &str, actual: i64) -> Value {
    let mut seen = Value::Null;
    for _ in 0..200 {
        seen = api.get(&format!("/events/{event}/eligibility"), token).await.expect(200);
        if seen["progress"][0]["actual"] == actual {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it stays {seen:#}");
}

async fn seven_days_of_logins_open_an_attendance_event(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let key = server_key(&system, &["activities:write", "requests:write"]).await;
    let condition = json!({ ">=": [{ "var": "activity.login.streak" }, 7] });
    let event = api.event(&operator, &json!({ "condition": condition, "timezone": "Asia/Seoul" })).await;
    let mina = api.register("mina@example.com").await;
    // The login of today is recorded by itself.
    let token = api.log_in("mina@example.com").await;
    let now = now_millis();
    for days_ago in 0..7 {
        if days_ago > 0 {
            let at = time_text(now - days_ago * DAY);
            let login = json!({ "id": format!("day-{days_ago}"), "userId": mina, "type": "login", "at": at });
            let receipt = api.post("/activities", &key, &json!({ "activities": [login] })).await.expect(200);
            assert_eq!(receipt, json!({ "accepted": 1, "duplicates": 0, "rejected": [] }));
        }
        let seen = until_actual(api, &event, &token, days_ago + 1).await;
        assert_eq!(seen["eligible"], days_ago == 6);
        if days_ago == 5 {
            let refused = api.claim(&token, &event).await.expect_problem(422, "CONDITION_NOT_MET");
            assert_eq!(refused["progress"], seen["progress"]);
        }
    }
    // The server may claim for her as well: the first answer stands.
    let claimed = api.claim(&token, &event).await.expect(201);
    let again = api.post(&format!("/events/{event}/request"), &key, &json!({ "userId": mina })).await;
    assert_eq!(again.expect_problem(409, "ALREADY_REQUESTED")["rewardRequestId"], claimed["id"]);
    let kept = api.get(&format!("/events/requests/{}", text(&claimed, "/id")), &operator).await.expect(200);
    assert_eq!(kept["decision"]["facts"]["activity"], json!({ "login": { "streak": 7 } }));
}

async fn what_the_game_says_of_a_user_decides_a_claim(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let key = server_key(&system, &["activities:write", "attributes:write"]).await;
    let condition = json!({ "and": [
        { ">=": [{ "var": "attributes.level" }, 30] },
        { ">=": [{ "var": "activity.purchase.sum" }, 10] },
    ] });
    let event = api.event(&operator, &json!({ "condition": condition })).await;
    let mina = api.register("mina@example.com").await;
    let token = api.log_in("mina@example.com").await;
    let refused = api.claim(&token, &event).await.expect_problem(422, "CONDITION_NOT_MET");
    assert_eq!(
        (&refused["progress"][0]["actual"], &refused["progress"][1]["actual"]),
        (&Value::Null, &json!(0))
    );
    let attributes = json!({ "attributes": { "level": 30, "guild": "Ärger" } });
    api.put(&format!("/users/{mina}/attributes"), &key, &attributes).await.expect(200);
    let purchases: Vec<_> = (0..100)
        .map(|n| json!({ "id": format!("p{n}"), "userId": mina, "type": "purchase", "value": 0.1 }))
        .collect();
    api.post("/activities", &key, &json!({ "activities": purchases })).await.expect(200);
    let path = format!("/events/{event}/eligibility?userId={mina}");
    let seen = api.get(&path, &operator).await.expect(200);
    assert_eq!((&seen["eligible"], &seen["progress"][1]["actual"]), (&json!(true), &json!(10)));
    api.claim(&token, &event).await.expect(201);
    // Nobody else is meant.
    api.register("jun@example.com").await;
    let other = api.log_in("jun@example.com").await;
    api.get(&path, &other).await.expect_problem(403, "FORBIDDEN");
    api.claim(&other, &event).await.expect_problem(422, "CONDITION_NOT_MET");
    let seen = api.get("/facts", &operator).await.expect(200);
    assert!(seen["attributeNames"].as_array().unwrap().contains(&json!("guild")));
    let tried = json!({ "condition": condition, "userId": mina, "eventId": event });
    assert_eq!(api.post("/conditions/evaluate", &operator, &tried).await.expect(200)["eligible"], true);
    let draft = json!({ "condition": { "<": [{ "var": "activity.purchase.sum" }, 10] } });
    let backtest =
        api.post(&format!("/events/{event}/condition/backtest"), &operator, &draft).await.expect(200);
    assert_eq!(backtest["lost"]["sampleUserIds"], json!([mina]));
}

/// Activities of a few users on a few days; every second one is worth something.
fn some_batch(users: &[String], prefix: &str, count: usize) -> Vec<Value> {
    let now = now_millis();
    let activity = |n: usize| {
        let at =
            time_text(now - i64::try_from(n % 5).unwrap() * DAY - i64::try_from(n % 96).unwrap() * 900_000);
        let value = if n.is_multiple_of(2) { json!(n) } else { Value::Null };
        let user = &users[n % users.len()];
        json!({ "id": format!("{prefix}-{n}"), "userId": user, "type": "play", "at": at, "value": value })
    };
    (0..count).map(activity).collect()
}

/// What the facts of a user must be: from the activities that are listed.
async fn counted_and_listed(system: &System, event: &str, user: &str) -> [(i64, i64); 2] {
    let operator = system.api.log_in("olga@example.com").await;
    let tried = json!({
        "condition": { "and": [
            { ">=": [{ "var": "activity.play.count" }, 1_000_000] }, { ">=": [{ "var": "activity.play.sum" }, 1_000_000] },
        ] },
        "userId": user, "eventId": event,
    });
    let counted = system.api.post("/conditions/evaluate", &operator, &tried).await.expect(200);
    let counted = &counted["facts"]["activity"]["play"];
    let listed = system.api.all_pages(&format!("/activities?userId={user}&type=play"), &operator, 100).await;
    let by_id: BTreeMap<_, _> =
        listed.iter().map(|one| (text(one, "/id"), one["value"].as_i64().unwrap_or(0))).collect();
    assert_eq!(by_id.len(), listed.len(), "an id is stored twice");
    let naive = (i64::try_from(listed.len()).unwrap(), by_id.values().sum());
    [(counted["count"].as_i64().unwrap(), counted["sum"].as_i64().unwrap()), naive]
}

async fn registered_users(system: &System) -> Vec<String> {
    let mut users = Vec::new();
    for number in 0..3 {
        users.push(system.api.register(&format!("player-{number}@example.com")).await);
    }
    users
}

/// Reports a batch as servers do: those who are told to come back send the same again.
async fn report_until_taken(api: &Api, key: &str, batch: &Value) -> Value {
    for _ in 0..20 {
        let answer = api.post("/activities", key, batch).await;
        if answer.header("retry-after").is_empty() {
            return answer.expect(200);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    panic!("the batch is never taken");
}

async fn a_batch_from_eight_clients_counts_once(setup: Setup) {
    let system = System::start(setup).await;
    let event = system.api.event(&system.operator().await, &Value::Null).await;
    let key = server_key(&system, &["activities:write"]).await;
    let users = registered_users(&system).await;
    let batch = json!({ "activities": some_batch(&users, "same", 400) });
    let receipts = join_all((0..8).map(|_| report_until_taken(&system.api, &key, &batch))).await;
    assert!(receipts.iter().all(|receipt| receipt["rejected"] == json!([])));
    let accepted: u64 = receipts.iter().map(|receipt| receipt["accepted"].as_u64().unwrap()).sum();
    // A client whose first attempt was stored but answered 503 is told at its second that all were there.
    assert!(accepted <= 400);
    let mut total = 0;
    for user in &users {
        let [counted, naive] = counted_and_listed(&system, &event, user).await;
        assert_eq!(counted, naive);
        total += counted.0;
    }
    assert_eq!(total, 400);
}

/// Kills the service amid batches and has them reported again: what is counted is what is stored, and each once.
async fn crash_amid_batches(setup: Setup, rounds: usize) {
    let mut system = System::start(setup).await;
    let service = system.processes.len() - 1;
    let event = system.api.event(&system.operator().await, &Value::Null).await;
    let key = server_key(&system, &["activities:write"]).await;
    let users = registered_users(&system).await;
    let mut reported = 0;
    for round in 0..rounds {
        let batches: Vec<_> = (0..4)
            .map(|n| json!({ "activities": some_batch(&users, &format!("r{round}-{n}"), 60) }))
            .collect();
        let (api, key_copy, sent) = (system.api.clone(), key.clone(), batches.clone());
        let reports = tokio::spawn(async move {
            let sends =
                sent.iter().map(|batch| api.try_call(Method::POST, "/activities", Some(&key_copy), batch));
            join_all(sends).await
        });
        tokio::time::sleep(Duration::from_millis(u64::try_from(round * 7 % 90).unwrap())).await;
        system.processes[service].kill().await;
        drop(reports.await.unwrap());
        if system.processes.len() == 1 {
            system.restart().await;
        } else {
            system.revive(service).await;
        }
        for batch in &batches {
            let receipt = system.api.post("/activities", &key, batch).await.expect(200);
            assert_eq!(receipt["accepted"].as_u64().unwrap() + receipt["duplicates"].as_u64().unwrap(), 60);
        }
        reported += 4 * 60;
    }
    let mut total = 0;
    for user in &users {
        let [counted, naive] = counted_and_listed(&system, &event, user).await;
        assert_eq!(counted, naive);
        total += counted.0;
    }
    assert_eq!(total, reported);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_crashes_amid_batches_count_each_activity_once_on_sqlite() {
    crash_amid_batches(Setup::Embedded, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_crashes_amid_batches_count_each_activity_once_on_mongodb() {
    crash_amid_batches(Setup::MongoRedis, 20).await;
}
