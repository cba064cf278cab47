//! Clients that speak HTTP in other ways than most, or not at all.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use e2e::{Api, Setup, System, Wire, on_setup};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

on_setup!(
    embedded,
    Embedded,
    clients_of_http_2_are_served,
    whatever_host_a_request_names_only_the_services_are_called
);
on_setup!(
    embedded_split,
    EmbeddedSplit,
    clients_of_http_2_are_served,
    whatever_host_a_request_names_only_the_services_are_called
);

async fn clients_of_http_2_are_served(setup: Setup) {
    let system = System::start(setup).await;
    let client = Client::builder().http2_prior_knowledge().build().expect("a client");
    let api = Api { client, base: system.api.base.clone() };
    api.register("mina@example.com").await;
    let token = api.log_in("mina@example.com").await;
    assert_eq!(api.get("/events", &token).await.expect(200)["items"], json!([]));
    api.call(Method::GET, "/events", None, &Value::Null).await.expect_problem(401, "UNAUTHENTICATED");
}

async fn whatever_host_a_request_names_only_the_services_are_called(setup: Setup) {
    let system = System::start(setup).await;
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let host = elsewhere.local_addr().expect("it is bound");
    let body = json!({ "email": "mina@example.com", "password": "a wrong password" }).to_string();
    let mut wire = Wire::connect(system.api.base.trim_start_matches("http://")).await;
    let headers = ["content-type: application/json".to_owned(), format!("content-length: {}", body.len())];
    wire.head(&format!("POST http://{host}/auth/login"), &headers).await;
    wire.send(&body).await;
    wire.answer().await.expect_problem(401, "INVALID_CREDENTIALS");
    let called = tokio::time::timeout(Duration::from_millis(100), elsewhere.accept()).await;
    assert!(called.is_err(), "the host of the request was called");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_connects_and_sends_no_request_is_not_waited_for() {
    let system = System::start(Setup::Embedded).await;
    let address = system.api.base.trim_start_matches("http://").to_owned();
    for beginning in ["", "PRI * HT", "GET /events HTTP/1.1\r\nhost: "] {
        let mut stream = TcpStream::connect(&address).await.expect("the system listens");
        stream.write_all(beginning.as_bytes()).await.expect("the system reads");
        let mut said = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut said)).await;
        closed.expect("the connection is closed").expect("in an orderly way");
        assert!(!String::from_utf8_lossy(&said).contains("200 OK"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_who_gives_up_is_counted_and_no_longer_in_flight() {
    let system = System::start(Setup::EmbeddedSplit).await;
    system.api.register("mina@example.com").await;
    let token = system.api.log_in("mina@example.com").await;
    system.processes[2].pause().await;
    let client = Client::builder().timeout(Duration::from_millis(500)).build().expect("a client");
    let impatient = Api { client, base: system.api.base.clone() };
    let answer = impatient.try_call(Method::GET, "/events", Some(&token), &Value::Null).await;
    assert!(answer.is_err(), "a service that hangs has answered");
    system.processes[2].resume().await;
    let counted = async {
        loop {
            let figures = system.figures().await;
            let gateway = ("service", "gateway");
            let left = figures.sum("guerdon_http_requests_total", &[gateway, ("status", "499")]);
            let in_flight = figures.sum("guerdon_http_requests_in_flight", &[gateway]);
            if left == Some(1.0) && in_flight == Some(0.0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), counted).await.expect("the client who left is counted");
}

/// What a flood of connections may cost the process, in bytes.
const FLOOD_BYTES: f64 = 100.0 * 1024.0 * 1024.0;

/// Keeps `flood` open and unread until the system has closed all of it; gives the memory it cost meanwhile, in bytes.
async fn cost_until_closed(system: &System, resident_before: f64, flood: Vec<TcpStream>) -> f64 {
    let all_closed = async {
        let mut most = 0.0_f64;
        loop {
            let figures = system.figures().await;
            let resident = figures.sum("process_resident_memory_bytes", &[]).expect("the figure");
            most = most.max(resident - resident_before);
            // The connection that asks for the figures is one of the few left.
            if figures.sum("guerdon_connections_open", &[]).is_some_and(|open| open < 5.0) {
                return most;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let most = tokio::time::timeout(Duration::from_secs(40), all_closed).await;
    drop(flood);
    most.expect("the connections are closed within their limits")
}

async fn flood(system: &System, connections: usize, bytes: &[u8]) -> (f64, Vec<TcpStream>) {
    let address = system.api.base.trim_start_matches("http://").to_owned();
    let before = system.figures().await.sum("process_resident_memory_bytes", &[]).expect("the figure");
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut stream = TcpStream::connect(&address).await.expect("the system listens");
        // A head that is too large is refused before its end: then the rest cannot be written.
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.write_all(bytes)).await;
        streams.push(stream);
    }
    (before, streams)
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_do_not_end_cost_little_memory_and_are_gone_in_time() {
    let system = System::start(Setup::Embedded).await;
    for length in [60_000, 380_000] {
        let head = format!("GET /events HTTP/1.1\r\nhost: x\r\nx-long: {}", "a".repeat(length));
        let (before, streams) = flood(&system, 600, head.as_bytes()).await;
        let cost = cost_until_closed(&system, before, streams).await;
        assert!(cost < FLOOD_BYTES, "{length}: {cost} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_read_cost_little_memory_and_are_gone_in_time() {
    let system = System::start(Setup::Embedded).await;
    let requests = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n".repeat(4);
    let (before, streams) = flood(&system, 500, requests.as_bytes()).await;
    let cost = cost_until_closed(&system, before, streams).await;
    assert!(cost < FLOOD_BYTES, "{cost} bytes");
    let figures = system.figures().await;
    let cut = figures.sum("guerdon_connections_closed_total", &[("reason", "write_timeout")]);
    assert!(cut.is_some_and(|cut| cut > 0.0), "{cut:?}");
}
