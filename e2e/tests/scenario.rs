//! The specification's scenario (8.2), with its check points.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use e2e::{PASSWORD, System, Topology, in_both_topologies, text};
use serde_json::{Value, json};

in_both_topologies!(
    a_user_logs_in_claims_and_finds_the_one_stored_request,
    all_kinds_of_reward_can_be_attached
);

async fn a_user_logs_in_claims_and_finds_the_one_stored_request(topology: Topology) {
    let system = System::start(topology).await;
    let api = &system.api;
    let operator = system.operator().await;
    let event =
        api.event(&operator, &json!({ "condition": { "in": ["USER", { "var": "user.roles" }] } })).await;
    api.post(&format!("/events/{event}/rewards"), &operator, &points()).await.expect(201);
    let mina = api.register("mina@example.com").await;

    let session = api.log_in_with("mina@example.com", PASSWORD).await.expect(200);
    assert_eq!((&session["tokenType"], &session["expiresIn"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(session["user"]["id"], json!(mina));
    let token = text(&session, "/accessToken");

    let request = api.claim(&token, &event).await.expect(201);
    assert_eq!(request["eventId"], json!(event));
    assert_eq!(request["userId"], json!(mina));
    assert_eq!(request["status"], json!("PENDING"));

    let list = api.get(&format!("/events/requests?userId={mina}"), &token).await.expect(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["items"][0]["id"], request["id"]);
    assert_eq!(list["nextCursor"], Value::Null);
    assert_eq!(stored_requests(&system, &event, &mina).await, (1, 1));

    let again = api.claim(&token, &event).await.expect_problem(409, "ALREADY_REQUESTED");
    assert_eq!(again["requestId"], request["id"]);
    assert_eq!(stored_requests(&system, &event, &mina).await, (1, 1));

    auditor_sees_what_it_was_decided_on(&system, &request).await;
}

async fn auditor_sees_what_it_was_decided_on(system: &System, request: &Value) {
    let api = &system.api;
    let (_, auditor) = api.member(&system.admin().await, "anna@example.com", &["AUDITOR"]).await;
    let path = format!("/events/requests/{}", text(request, "/id"));
    let seen = api.get(&path, &auditor).await.expect(200);
    assert_eq!(seen["id"], request["id"]);
    let decision = &seen["decision"];
    assert_eq!(decision["eventRevision"], json!(1));
    assert_eq!(decision["condition"], json!({ "in": ["USER", { "var": "user.roles" }] }));
    assert_eq!(decision["facts"]["user"]["id"], request["userId"]);
    assert_eq!(decision["facts"]["user"]["roles"], json!(["USER"]));
    let evaluation = &decision["evaluation"];
    assert_eq!(evaluation["eligible"], json!(true));
    assert_eq!(
        (&evaluation["trace"]["operator"], &evaluation["trace"]["value"]),
        (&json!("in"), &json!(true))
    );
    assert_eq!(evaluation["progress"][0]["target"], json!("USER"));
    api.claim(&auditor, &text(request, "/eventId")).await.expect_problem(403, "FORBIDDEN");
}

async fn all_kinds_of_reward_can_be_attached(topology: Topology) {
    let system = System::start(topology).await;
    let api = &system.api;
    let operator = system.operator().await;
    let (_, user) = api.member(&system.admin().await, "mina@example.com", &["USER"]).await;
    let event = api.event(&operator, &json!({})).await;
    let path = format!("/events/{event}/rewards");
    let rewards = [
        points(),
        json!({ "type": "ITEM", "name": "Potions", "itemId": "potion-s", "quantity": 3 }),
        json!({ "type": "COUPON", "name": "Ten percent", "couponCode": "SPRING10",
            "expiry": "2099-01-01T00:00:00.000Z" }),
        json!({ "type": "BADGE", "name": "Early bird", "badgeId": "early-bird" }),
    ];
    for reward in &rewards {
        let made = api.post(&path, &operator, reward).await.expect(201);
        holds(&made, reward);
        assert_eq!(made["stock"], Value::Null);
    }
    let mut listed = api.get(&path, &operator).await.expect(200);
    let listed = listed.as_array_mut().map(std::mem::take).unwrap_or_default();
    assert_eq!(listed.len(), rewards.len());
    for reward in &rewards {
        let same = listed.iter().find(|listed| listed["type"] == reward["type"]);
        holds(same.unwrap_or(&Value::Null), reward);
    }
    let seen = api.get(&path, &user).await.expect(200);
    assert!(!seen.to_string().contains("SPRING10"), "a coupon's code is for staff only: {seen:#}");
    assert_eq!(seen.as_array().map(Vec::len), Some(rewards.len()));
}

fn points() -> Value {
    json!({ "type": "POINT", "name": "Starter points", "points": 500 })
}

/// The answer has everything that was sent.
#[track_caller]
fn holds(answer: &Value, sent: &Value) {
    for (name, value) in sent.as_object().into_iter().flatten() {
        assert_eq!(&answer[name], value, "{name} of {answer:#}");
    }
}

/// How many requests are stored, and how many of them are this user's for this event.
async fn stored_requests(system: &System, event: &str, user: &str) -> (i64, i64) {
    let mut database = system.database("event.db").await;
    let counted = sqlx::query_as(
        "SELECT COUNT(*), COALESCE(SUM(event_id = $1 AND user_id = $2), 0) FROM reward_requests",
    );
    counted.bind(event).bind(user).fetch_one(&mut database).await.expect("the table is there")
}
