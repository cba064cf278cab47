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
