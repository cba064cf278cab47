//! What operators rely on: health, figures, logs, documentation, an orderly end.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use e2e::{Answer, PASSWORD, SECRET, Setup, System, Wire, on_every_setup, sqlite_journals, text};
use gateway::routes::ROUTES;
use reqwest::Method;
use serde_json::{Value, json};

on_every_setup!(
    every_process_says_that_it_is_alive_and_ready,
    the_promised_figures_are_exposed,
    logs_are_json_with_request_user_and_route_and_without_secrets,
    the_documentation_is_served_from_the_binary_alone,
    a_request_id_is_kept_if_well_formed_and_else_replaced,
    sigterm_finishes_what_is_in_flight,
);

async fn every_process_says_that_it_is_alive_and_ready(setup: Setup) {
    let system = System::start(setup).await;
    for index in 0..system.processes.len() {
        assert_eq!(system.operations(index, "/healthz").await.expect(200), json!({ "status": "ok" }));
        let ready = system.operations(index, "/readyz").await.expect(200);
        assert_eq!(ready["status"], json!("ready"));
        let dependencies: &[&str] = match (setup, index) {
            (Setup::Embedded, _) => &["user-db", "token-db", "event-db"],
            (_, 0) => &["auth", "event"],
            (_, 1) => &["user-db", "token-db"],
            (_, _) => &["event-db"],
        };
        for name in dependencies {
            assert_eq!(ready["checks"][name], json!("up"), "{ready:#}");
        }
    }
    // Operations stay off the public address.
    let api = &system.api;
    api.call(Method::GET, "/metrics", None, &Value::Null).await.expect_problem(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_what_is_down_and_heals() {
    let mut system = System::start(Setup::EmbeddedSplit).await;
    for (index, dead, alive) in [(1, "auth", "event"), (2, "event", "auth")] {
        system.processes[index].kill().await;
        let answer = system.operations(0, "/readyz").await.expect(503);
        assert_eq!(answer["checks"], json!({ dead: "down", alive: "up" }));
        system.operations(0, "/healthz").await.expect(200);
        system.revive(index).await;
        system.operations(0, "/readyz").await.expect(200);
    }
}

/// A bit of everything; returns the secrets that passed over the wire, and the claim's request id and user.
async fn live(system: &System) -> (Vec<String>, String) {
    let api = &system.api;
    let operator = system.operator().await;
    let event = api.event(&operator, &json!({})).await;
    let mina = api.register("mina@example.com").await;
    api.log_in_with("mina@example.com", "a wrong password").await.expect(401);
    let session = api.log_in_with("mina@example.com", PASSWORD).await.expect(200);
    let token = text(&session, "/accessToken");
    let claim = api.client.post(format!("{}/events/{event}/request", api.base)).bearer_auth(&token);
    let claim = claim.header("x-request-id", "the-claim").send().await.expect("an answer");
    Answer::read(claim).await.expect("a whole answer").expect(201);
    api.claim(&token, &event).await.expect(409);
    let renewed =
        api.post_anonymously("/auth/refresh", &json!({ "refreshToken": session["refreshToken"] })).await;
    let renewed = renewed.expect(200);
    // Its successor was used: now the first one is a stolen one.
    let newest =
        api.post_anonymously("/auth/refresh", &json!({ "refreshToken": renewed["refreshToken"] })).await;
    let renewed = newest.expect(200);
    api.post_anonymously("/auth/refresh", &json!({ "refreshToken": session["refreshToken"] }))
        .await
        .expect(401);
    api.post_anonymously("/auth/login", &json!({ "email": "x", "password": PASSWORD, "more": PASSWORD }))
        .await
        .expect(400);
    api.get("/users/me", &text(&renewed, "/accessToken")).await.expect(401);
    let again = api.log_in("mina@example.com").await;
    api.post("/auth/logout", &again, &Value::Null).await.expect(204);
    let mut secrets: Vec<_> = [PASSWORD, "a wrong password", SECRET].map(str::to_owned).into();
    secrets.extend([operator, again]);
    for session in [&session, &renewed] {
        secrets.extend([text(session, "/accessToken"), text(session, "/refreshToken")]);
    }
    (secrets, mina)
}

async fn the_promised_figures_are_exposed(setup: Setup) {
    let system = System::start(setup).await;
    live(&system).await;
    let figures = system.figures().await;
    let requests = "guerdon_http_requests_total";
    let claim = [("service", "gateway"), ("method", "POST"), ("route", "/events/{eventId}/request")];
    for (status, count) in [("201", 1.0), ("409", 1.0)] {
        let labels = [claim.as_slice(), &[("status", status)]].concat();
        assert_eq!(figures.sum(requests, &labels), Some(count), "{status}");
    }
    assert_eq!(figures.sum("guerdon_http_request_duration_seconds_count", &claim), Some(2.0));
    assert!(figures.sum("guerdon_http_request_duration_seconds_bucket", &claim).is_some());
    assert!(figures.sum("guerdon_http_requests_in_flight", &[("service", "gateway")]).is_some());
    let outcomes = "guerdon_claims_total";
    let sum = |name, label, value| figures.sum(name, &[(label, value)]);
    assert_eq!(figures.sum(outcomes, &[]), Some(2.0));
    assert_eq!(sum(outcomes, "outcome", "stored"), Some(1.0));
    assert_eq!(sum(outcomes, "outcome", "already_requested"), Some(1.0));
    assert_eq!(sum("guerdon_logins_total", "outcome", "success"), Some(4.0));
    assert_eq!(sum("guerdon_logins_total", "outcome", "invalid_credentials"), Some(1.0));
    // Only SQLite has a queue of writes: it has one writer.
    let queues = if setup.is_embedded() { [Some(0.0); 3] } else { [Some(0.0), None, None] };
    for (queue, depth) in ["password", "user-db", "event-db"].into_iter().zip(queues) {
        assert_eq!(sum("guerdon_queue_depth", "queue", queue), depth, "{queue}");
    }
    for index in 0..system.processes.len() {
        let text = system.operations(index, "/metrics").await.text;
        for figure in ["process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"] {
            assert!(text.lines().any(|line| line.starts_with(figure)), "{figure} of process {index}");
        }
    }
}

async fn logs_are_json_with_request_user_and_route_and_without_secrets(setup: Setup) {
    let settings = [("RATE_LIMIT", "off"), ("LOG_LEVEL", "debug")];
    let mut system = System::start_with(setup, &settings).await;
    let (mut secrets, mina) = live(&system).await;
    for process in &mut system.processes {
        assert_eq!(process.terminate().await, Some(0));
        process.find(|line| line.contains("\"stopped\"").then_some(()), "that it stopped").await;
    }
    let lines: Vec<Value> = system
        .processes
        .iter()
        .flat_map(e2e::Process::logs)
        .map(|line| serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON object: {line}")))
        .collect();
    let claim = lines.iter().find(|line| line["request_id"] == "the-claim" && line["service"] == "gateway");
    let claim = claim.unwrap_or_else(|| panic!("the claim is not in the log of the gateway"));
    assert_eq!(claim["user_id"], json!(mina));
    assert_eq!(claim["route"], json!("/events/{eventId}/request"));
    assert_eq!((&claim["method"], &claim["status"]), (&json!("POST"), &json!(201)));
    assert_eq!(claim["level"], json!("INFO"));
    assert!(claim["millis"].is_number() && claim["timestamp"].is_string(), "{claim:#}");

    // Printed once for the person who started an embedded system, and never logged.
    let printed = system.printed();
    let password = &system.admin_password;
    assert_eq!(printed.matches(password).count(), usize::from(setup.is_embedded()));
    assert!(lines.iter().all(|line| !line.to_string().contains(password)));
    // How every JWT begins, the gateway's signed identities too.
    secrets.push("eyJ".to_owned());
    for secret in secrets {
        let leak = printed.lines().find(|line| line.contains(&secret));
        assert_eq!(leak, None, "a secret was printed");
    }
}

async fn the_documentation_is_served_from_the_binary_alone(setup: Setup) {
    let system = System::start(setup).await;
    let get = async |path: &str| system.api.call(Method::GET, path, None, &Value::Null).await;
    let document = get("/openapi.json").await.expect(200);
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        assert!(operation["operationId"].is_string(), "{} {} is not described", route.method, route.path);
    }
    let printed = system.command(&["openapi"], "").await;
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    assert_eq!(serde_json::from_str::<Value>(&printed.stdout).unwrap_or_default(), document);

    let page = get("/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    let parts: Vec<_> =
        page.text.split('"').filter(|part| part.contains(".js") || part.contains(".css")).collect();
    assert!(parts.len() >= 3, "{}", page.text);
    assert!(!page.text.contains("http://") && !page.text.contains("https://") && !page.text.contains("\"//"));
    for part in parts {
        let file = get(&format!("/docs/{}", part.trim_start_matches("./"))).await;
        assert_eq!(file.status, 200, "{part}");
        assert!(!file.text.is_empty(), "{part}");
    }
    let start = get("/docs/swagger-initializer.js").await.text;
    assert!(start.contains("/openapi.json") && !start.contains("https://"), "{start}");
}

async fn a_request_id_is_kept_if_well_formed_and_else_replaced(setup: Setup) {
    let system = System::start(setup).await;
    let ask = async |id: Option<&str>| {
        let mut request = system.api.client.get(format!("{}/users/me", system.api.base));
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        let answer = Answer::read(request.send().await.expect("an answer")).await.expect("a whole answer");
        let given = answer.header("x-request-id").to_owned();
        assert_eq!(answer.expect_problem(401, "UNAUTHENTICATED")["requestId"], json!(given));
        given
    };
    let longest = "x".repeat(128);
    for good in ["a", "Order-17_b.c", longest.as_str()] {
        assert_eq!(ask(Some(good)).await, good);
    }
    let too_long = "x".repeat(129);
    for bad in [None, Some(""), Some("two words"), Some("<script>"), Some(too_long.as_str())] {
        let replaced = ask(bad).await;
        assert!(replaced.len() == 32 && replaced.bytes().all(|byte| byte.is_ascii_hexdigit()), "{replaced}");
    }
    assert_ne!(ask(None).await, ask(None).await);
}

async fn sigterm_finishes_what_is_in_flight(setup: Setup) {
    let mut system = System::start(setup).await;
    let address = system.api.base.trim_start_matches("http://").to_owned();
    let body = json!({ "email": "late@example.com", "password": PASSWORD }).to_string();
    let (first, rest) = body.split_at(10);
    let mut wire = Wire::connect(&address).await;
    let headers = ["content-type: application/json".to_owned(), format!("content-length: {}", body.len())];
    wire.head("POST /users", &headers).await;
    wire.send(first).await;
    in_flight(&system).await;

    system.processes[0].signal_end();
    system.processes[0].find(|line| line.contains("stopping").then_some(()), "that it is stopping").await;
    until_nobody_listens(&address).await;
    wire.send(rest).await;
    wire.answer().await.expect(201);
    assert_eq!(system.processes[0].wait().await, Some(0));
    for service in &mut system.processes[1..] {
        assert_eq!(service.terminate().await, Some(0));
    }
    if setup.is_embedded() {
        assert_eq!(
            sqlite_journals(&system.data()),
            Vec::<String>::new(),
            "each SQLite file is whole by itself"
        );
    }
    system.restart().await;
    let taken = json!({ "email": "late@example.com", "password": PASSWORD });
    system.api.post_anonymously("/users", &taken).await.expect_problem(409, "EMAIL_TAKEN");
}

/// Waits until the gateway works on a request.
async fn in_flight(system: &System) {
    for _ in 0..200 {
        let figures = system.figures().await;
        if figures.sum("guerdon_http_requests_in_flight", &[("service", "gateway")]) == Some(1.0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the request never arrived");
}

async fn until_nobody_listens(address: &str) {
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(address).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it still accepts connections");
}
