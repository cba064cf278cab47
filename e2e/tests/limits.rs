//! Limits: how often, how large, and what a body may say.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use e2e::{Answer, Api, PASSWORD, Setup, System, Wire, on_every_setup};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

on_every_setup!(
    a_flood_of_logins_is_told_to_wait_while_others_go_on,
    one_account_cannot_be_tried_for_ever,
    everything_of_one_client_and_of_one_account_is_limited,
    limits_can_be_turned_off,
    a_body_over_256_kib_is_refused,
    a_refusal_does_not_cost_the_client_its_connection_unless_it_says_so,
    a_body_that_is_no_json_is_refused,
    every_fault_of_a_body_is_told_and_nothing_is_stored,
);

#[track_caller]
fn must_wait(answer: Answer) {
    let seconds: u64 = answer.header("retry-after").parse().unwrap_or_default();
    assert!((1..=60).contains(&seconds), "Retry-After: {seconds}");
    answer.expect_problem(429, "RATE_LIMITED");
}

async fn a_flood_of_logins_is_told_to_wait_while_others_go_on(setup: Setup) {
    // The defaults: thirty logins a minute.
    let system = System::start_with(setup, &[]).await;
    let api = &system.api;
    api.register("mina@example.com").await;
    let token = api.log_in("mina@example.com").await;
    let (mut tried, mut refused) = (0, None);
    while refused.is_none() && tried < 60 {
        tried += 1;
        let answer = api.log_in_with(&format!("nobody-{tried}@example.com"), PASSWORD).await;
        refused = (answer.status != 401).then_some(answer);
    }
    assert!(tried >= 30, "{tried}");
    must_wait(refused.unwrap_or_else(|| panic!("sixty logins passed")));
    must_wait(api.log_in_with("mina@example.com", PASSWORD).await);
    api.get("/users/me", &token).await.expect(200);
    api.register("juno@example.com").await;
}

async fn one_account_cannot_be_tried_for_ever(setup: Setup) {
    let settings = [("RATE_LIMIT_LOGIN", "1000/min"), ("RATE_LIMIT_LOGIN_ACCOUNT", "3/min")];
    let system = System::start_with(setup, &settings).await;
    let api = &system.api;
    api.register("mina@example.com").await;
    api.register("juno@example.com").await;
    for guess in 0..3 {
        let answer = api.log_in_with("mina@example.com", &format!("guess number {guess}")).await;
        answer.expect_problem(401, "INVALID_CREDENTIALS");
    }
    must_wait(api.log_in_with("mina@example.com", PASSWORD).await);
    must_wait(api.log_in_with("MINA@Example.com", PASSWORD).await);
    api.log_in("juno@example.com").await;
}

async fn everything_of_one_client_and_of_one_account_is_limited(setup: Setup) {
    let system = System::start_with(setup, &[("RATE_LIMIT_ACCOUNT", "5/min")]).await;
    system.api.register("mina@example.com").await;
    let token = system.api.log_in("mina@example.com").await;
    for _ in 0..5 {
        system.api.get("/users/me", &token).await.expect(200);
    }
    must_wait(system.api.get("/users/me", &token).await);

    let system = System::start_with(setup, &[("RATE_LIMIT_CLIENT", "5/min")]).await;
    let get = async || system.api.get("/users/me", "nonsense").await;
    for _ in 0..5 {
        get().await.expect_problem(401, "UNAUTHENTICATED");
    }
    must_wait(get().await);
}

async fn limits_can_be_turned_off(setup: Setup) {
    let system = System::start(setup).await;
    system.api.register("mina@example.com").await;
    for _ in 0..40 {
        system.api.log_in_with("mina@example.com", "not the password").await.expect(401);
    }
    system.api.log_in("mina@example.com").await;
}

async fn post(api: &Api, kind: Option<&str>, body: String) -> Answer {
    let mut request = api.client.post(format!("{}/users", api.base)).body(body);
    if let Some(kind) = kind {
        request = request.header(CONTENT_TYPE, kind);
    }
    Answer::read(request.send().await.expect("an answer")).await.expect("a whole answer")
}

async fn a_body_over_256_kib_is_refused(setup: Setup) {
    let system = System::start(setup).await;
    let sized = |email: &str, size: usize| {
        let body = json!({ "email": email, "password": PASSWORD }).to_string();
        format!("{}{body}", " ".repeat(size - body.len()))
    };
    let limit = 256 * 1024;
    let json = Some("application/json");
    post(&system.api, json, sized("fits@example.com", limit)).await.expect(201);
    let answer = post(&system.api, json, sized("large@example.com", limit + 1)).await;
    answer.expect_problem(413, "BODY_TOO_LARGE");
    // Without a length in the head it is counted as it comes.
    let mut wire = Wire::connect(system.api.base.trim_start_matches("http://")).await;
    let headers = ["content-type: application/json", "transfer-encoding: chunked"].map(str::to_owned);
    wire.head("POST /users", &headers).await;
    let body = sized("chunked@example.com", limit + 1);
    wire.send(&format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())).await;
    wire.answer().await.expect_problem(413, "BODY_TOO_LARGE");
    assert_eq!(registered(&system).await, ["fits@example.com"]);
}

async fn a_refusal_does_not_cost_the_client_its_connection_unless_it_says_so(setup: Setup) {
    let system = System::start(setup).await;
    let address = system.api.base.trim_start_matches("http://");
    // Not logged in, and too large: both are clear before the body has come.
    for (path, size, status) in [("/events", 50, 401), ("/users", 300 * 1024, 413)] {
        let mut wire = Wire::connect(address).await;
        wire.send(&format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {size}\r\n\r\n")).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        wire.send(&" ".repeat(size)).await;
        wire.head("GET /nowhere", &[]).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (status, ""));
        assert!(answer.text.contains("HTTP/1.1 404"), "{}", answer.text);
    }
    let mut wire = Wire::connect(address).await;
    wire.send("POST /users HTTP/1.1\r\nhost: test\r\ncontent-length: 50000000\r\n\r\n").await;
    wire.send(&" ".repeat(1000)).await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (413, "close"));
}

async fn a_body_that_is_no_json_is_refused(setup: Setup) {
    let system = System::start(setup).await;
    let body = json!({ "email": "mina@example.com", "password": PASSWORD }).to_string();
    for kind in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonp")]
    {
        post(&system.api, kind, body.clone()).await.expect_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    for half in ["", "{", "{\"email\":\"a@example.com\"", &body[1..], &format!("{body}{body}")] {
        let answer = post(&system.api, Some("application/json"), half.to_owned()).await;
        answer.expect_problem(400, "MALFORMED_BODY");
    }
    assert!(registered(&system).await.is_empty());
    post(&system.api, Some("application/json; charset=utf-8"), body).await.expect(201);
}

async fn every_fault_of_a_body_is_told_and_nothing_is_stored(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let user = json!({ "email": "no address", "password": "short", "roles": ["ADMIN"], "id": 1 });
    let faults = pointers(api.post_anonymously("/users", &user).await);
    assert_eq!(faults, ["/email", "/id", "/password", "/roles"]);

    let event = json!({ "name": "", "periodStart": "tomorrow", "status": "MAYBE", "revision": 7,
        "timezone": "Mars/Olympus", "condition": { "and": [{ "shout": [] }, { "var": "user.shoeSize" }] } });
    let faults = pointers(api.post("/events", &operator, &event).await);
    let conditions = ["/condition/and/0/shout", "/condition/and/1/var"];
    assert_eq!(faults[..2], conditions);
    assert_eq!(faults[2..], ["/name", "/periodStart", "/revision", "/status", "/timezone"]);
    assert_eq!(
        pointers(api.post("/events", &operator, &json!({})).await),
        ["/condition", "/name", "/periodStart"]
    );
    let event = json!({ "name": "Odd", "condition": {}, "periodStart": "2020-01-02T00:00:00Z",
        "periodEnd": "2020-01-02T00:00:00Z" });
    assert_eq!(pointers(api.post("/events", &operator, &event).await), ["/periodEnd"]);
    assert!(api.all_pages("/events", &operator, 100).await.is_empty());

    let event = api.event(&operator, &json!({})).await;
    let rewards = format!("/events/{event}/rewards");
    for (reward, pointer) in [
        (json!({ "type": "POINT", "name": "Points", "points": 0 }), "/points"),
        (json!({ "type": "ITEM", "name": "Item", "itemId": "x", "quantity": -1 }), "/quantity"),
        (json!({ "type": "COUPON", "name": "Coupon", "couponCode": "X" }), "/expiry"),
        (json!({ "type": "BADGE", "name": "Badge", "badgeId": "b", "points": 5 }), "/points"),
        (json!({ "type": "CAKE", "name": "Cake" }), "/type"),
    ] {
        assert_eq!(pointers(api.post(&rewards, &operator, &reward).await), [pointer], "{reward}");
    }
    assert_eq!(api.get(&rewards, &operator).await.expect(200), json!([]));
    assert_eq!(registered(&system).await, ["olga@example.com"]);
}

fn pointers(answer: Answer) -> Vec<String> {
    let problem = answer.expect_problem(400, "VALIDATION_FAILED");
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut pointers: Vec<_> = errors.iter().map(|error| e2e::text(error, "/pointer")).collect();
    pointers.sort_unstable();
    pointers
}

/// Everybody but the first administrator.
async fn registered(system: &System) -> Vec<String> {
    let users: Vec<Value> = system.api.all_pages("/users", &system.admin().await, 100).await;
    let emails = users.iter().map(|user| e2e::text(user, "/email"));
    emails.filter(|email| email != e2e::ADMIN).collect()
}
