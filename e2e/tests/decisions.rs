//! Decisions: by staff, one or many, by servers, and by the event itself; and rewards of which there are not enough for all.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use domain::Timestamp;
use e2e::{Api, Setup, System, on_every_setup, text};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

on_every_setup!(
    operators_decide_requests_one_by_one_and_together,
    an_event_that_decides_by_itself_approves_within_a_second,
    limited_rewards_go_to_those_who_come_first_and_come_back_when_rejected,
);

/// Access tokens of as many new users.
async fn users(api: &Api, count: usize) -> Vec<String> {
    let mut tokens = Vec::new();
    for number in 0..count {
        let email = format!("user-{number}@example.com");
        api.register(&email).await;
        tokens.push(api.log_in(&email).await);
    }
    tokens
}

async fn decide(api: &Api, token: &str, id: &str, body: &Value) -> e2e::Answer {
    api.call(Method::PATCH, &format!("/events/requests/{id}"), Some(token), body).await
}

async fn operators_decide_requests_one_by_one_and_together(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let users = users(api, 4).await;
    let (spring, summer) = (api.event(&operator, &json!({})).await, api.event(&operator, &json!({})).await);
    let mut ids = Vec::new();
    for (user, event) in users.iter().flat_map(|user| [(user, &spring), (user, &summer)]) {
        ids.push(text(&api.claim(user, event).await.expect(201), "/id"));
    }
    let [first, ..] = &ids[..] else { panic!("there are claims") };
    let racers = ["APPROVED", "REJECTED"].repeat(10);
    let racers = racers.iter().map(|status| json!({ "status": status, "reason": "a race" }));
    let racers: Vec<_> = racers.collect();
    let answers = join_all(racers.iter().map(|body| decide(api, &operator, first, body))).await;
    let winners: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!((winners.len(), answers.iter().filter(|answer| answer.status == 409).count()), (1, 19));
    let seen = api.get(&format!("/events/requests/{first}"), &users[0]).await.expect(200);
    assert_eq!((&seen["status"], &seen["reason"]), (&winners[0].body["status"], &json!("a race")));

    // By ids: the one that is decided keeps no other from it.
    let unknown = "0".repeat(24);
    let body = json!({ "ids": [ids[1], first, unknown], "status": "APPROVED" });
    let decided = api.post("/events/requests/decisions", &operator, &body).await.expect(200);
    let outcomes: Vec<_> =
        decided["results"].as_array().expect("results").iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["DECIDED", "ALREADY_DECIDED", "NOT_FOUND"]);

    // By filter: only what was seen.
    let by_filter =
        |count: u32| json!({ "filter": { "eventId": spring }, "expectedCount": count, "status": "REJECTED" });
    let changed = api.post("/events/requests/decisions", &operator, &by_filter(4)).await;
    assert_eq!(changed.expect_problem(409, "COUNT_CHANGED")["count"], json!(3));
    let decided = api.post("/events/requests/decisions", &operator, &by_filter(3)).await.expect(200);
    assert_eq!(decided["results"].as_array().map(Vec::len), Some(3));

    let counts = api.get(&format!("/events/requests/counts?eventId={summer}"), &operator).await.expect(200);
    let numbers = ["pending", "approved", "rejected", "revoked"].map(|status| counts[status].as_u64());
    assert_eq!(numbers, [Some(3), Some(1), Some(0), Some(0)]);
    assert_eq!(counts["oldestPending"]["id"], json!(ids[3]));
    let all = api.get("/events/requests/counts", &operator).await.expect(200);
    assert_eq!(all["pending"], json!(3));
    let rejected =
        api.all_pages(&format!("/events/requests?eventId={spring}&status=REJECTED"), &operator, 2).await;
    assert!(rejected.len() >= 3 && rejected.iter().all(|claim| claim["decidedBy"].is_string()));
}

async fn an_event_that_decides_by_itself_approves_within_a_second(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let users = users(api, 3).await;
    let event = api.event(&operator, &json!({ "approval": "AUTO" })).await;
    let mut fastest = i64::MAX;
    for user in &users {
        let claimed = api.claim(user, &event).await.expect(201);
        assert_eq!(claimed["status"], json!("PENDING"));
        let path = format!("/events/requests/{}", text(&claimed, "/id"));
        let approved = async {
            loop {
                let seen = api.get(&path, user).await.expect(200);
                if seen["status"] != json!("PENDING") {
                    break seen;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(20), approved).await.expect("it is decided");
        assert_eq!((&seen["status"], &seen["decidedBy"]), (&json!("APPROVED"), &json!("AUTO")));
        let [stored, decided] = ["/createdAt", "/decidedAt"].map(|field| {
            let at: Timestamp = text(&seen, field).parse().expect("a time");
            at.as_millis()
        });
        fastest = fastest.min(decided - stored);
        decide(api, &operator, path.rsplit('/').next().expect("an id"), &json!({ "status": "REJECTED" }))
            .await
            .expect_problem(409, "ALREADY_DECIDED");
    }
    // A busy machine may delay one or the other.
    assert!(fastest < 1000, "{fastest} ms");
}

async fn limited_rewards_go_to_those_who_come_first_and_come_back_when_rejected(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let users = users(api, 6).await;
    let event = api.event(&operator, &json!({})).await;
    let rewards = format!("/events/{event}/rewards");
    for (name, stock) in [("Plenty", json!(100)), ("Few", json!(2)), ("Unlimited", Value::Null)] {
        let reward = json!({ "type": "POINT", "name": name, "points": 1, "stock": stock });
        assert_eq!(api.post(&rewards, &operator, &reward).await.expect(201)["name"], json!(name));
    }
    let left = async || {
        let listed = api.get(&rewards, &operator).await.expect(200);
        [0, 1, 2].map(|place| listed[place]["stock"]["remaining"].as_i64())
    };
    assert_eq!(left().await, [Some(100), Some(2), None]);
    let answers = join_all(users.iter().map(|user| api.claim(user, &event))).await;
    let stored: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    let sold_out = answers.iter().filter(|answer| answer.body["code"] == json!("SOLD_OUT")).count();
    assert_eq!((stored.len(), sold_out), (2, 4));
    assert_eq!(left().await, [Some(98), Some(0), None]);

    let id = text(&stored[0].body, "/id");
    let rejection = json!({ "status": "REJECTED" });
    let rejections = join_all((0..10).map(|_| decide(api, &operator, &id, &rejection))).await;
    assert_eq!(rejections.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(left().await, [Some(99), Some(1), None]);
    let rejected =
        answers.iter().position(|answer| answer.body["id"] == json!(id)).expect("it was one of them");
    api.claim(&users[rejected], &event).await.expect_problem(409, "ALREADY_REQUESTED");
    let next = answers.iter().position(|answer| answer.status == 409).expect("somebody was refused");
    api.claim(&users[next], &event).await.expect(201);
    assert_eq!(left().await, [Some(98), Some(0), None]);
}
