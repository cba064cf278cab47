//! One trace shows a request's whole way, through the gateway, the services and their stores.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::time::{Duration, Instant};

use e2e::{Answer, CollectedSpan, Collector, PASSWORD, Setup, System, on_every_setup, on_setup, text};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

on_every_setup!(a_claim_and_a_login_are_one_trace_each);

on_setup!(embedded_split, EmbeddedSplit, a_claim_and_a_login_are_one_trace_each);

const CLAIM_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const LOGIN_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN: &str = "b7ad6b7169203331";

/// Within this time a process that was told to stop is gone (contract, 7).
const STOP: Duration = Duration::from_secs(10);

/// Sends a request as a client that traces itself does.
async fn call_traced(system: &System, trace: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
    let api = &system.api;
    let parent = format!("00-{trace}-{CLIENT_SPAN}-01");
    let mut request =
        api.client.request(Method::POST, format!("{}{path}", api.base)).header("traceparent", parent);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if !body.is_null() {
        request = request.json(body);
    }
    Answer::read(request.send().await.expect("an answer")).await.expect("a whole answer")
}

/// Finds spans of a trace by their way: each is called so, was recorded by that process, and is a child of
/// the one before; the first one's parent is the client's.
#[track_caller]
fn assert_way(spans: &[CollectedSpan], way: &[(&str, &str)]) {
    let mut parents = vec![CLIENT_SPAN.to_owned()];
    for (service, name) in way {
        let is_next = |span: &&CollectedSpan| {
            span.service == *service && span.name == *name && parents.contains(&span.parent)
        };
        let next: Vec<_> = spans.iter().filter(is_next).map(|span| span.id.clone()).collect();
        let all: Vec<_> =
            spans.iter().map(|span| (&span.service, &span.name, &span.id, &span.parent)).collect();
        assert!(!next.is_empty(), "no {name:?} of {service} below {parents:?} in {all:#?}");
        parents = next;
    }
}

/// What the processes of a set-up are called in traces, and what is between the gateway and a service.
struct SetupNames {
    gateway: &'static str,
    auth: &'static str,
    event: &'static str,
    setup: Setup,
}

impl SetupNames {
    fn of(setup: Setup) -> Self {
        if setup.is_split() {
            return Self { gateway: "guerdon-gateway", auth: "guerdon-auth", event: "guerdon-event", setup };
        }
        Self { gateway: "guerdon", auth: "guerdon", event: "guerdon", setup }
    }

    /// From the client's request to where a service begins to work on it. In one process that is the call
    /// itself.
    fn way_to<'a>(
        &self,
        request: &'a str,
        call: &'a str,
        service: &'static str,
        asked: &'a str,
    ) -> Vec<(&'static str, &'a str)> {
        let mut way = vec![(self.gateway, request), (self.gateway, call)];
        if self.setup.is_split() {
            way.push((service, asked));
        }
        way
    }

    /// From where event works on a claim to where its store does, through these queues.
    fn claim_store_ways(&self) -> [Vec<(&'static str, &'static str)>; 2] {
        let event = self.event;
        let reads = vec![(event, "ask event_reads"), (event, "batch event_reads")];
        let claims = vec![(event, "ask claims"), (event, "batch claims")];
        if self.setup.is_embedded() {
            let stored = [(event, "write event-db"), (event, "commit event-db")];
            return [[reads, vec![(event, "read event-db")]].concat(), [claims, stored.to_vec()].concat()];
        }
        [reads, claims].map(|way| [way, vec![(event, "request event-db")]].concat())
    }

    fn login_store_ways(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        let auth = self.auth;
        let password = vec![(auth, "ask password")];
        match self.setup {
            Setup::Embedded | Setup::EmbeddedSplit => vec![
                password,
                vec![(auth, "read user-db")],
                vec![(auth, "write user-db"), (auth, "commit user-db")],
            ],
            Setup::PostgresMongoRedis => vec![
                password,
                vec![(auth, "read user-db")],
                vec![(auth, "write user-db")],
                vec![(auth, "request token-db")],
            ],
            Setup::MongoRedis | Setup::Specified => {
                vec![password, vec![(auth, "request user-db")], vec![(auth, "request token-db")]]
            }
        }
    }

    /// How the gateway asks whether a session is current.
    fn session_way(&self) -> Vec<(&'static str, &'static str)> {
        const ASKED: &str = "POST /internal/sessions/check";
        const CALL: &str = "auth POST /internal/sessions/check";
        const CLAIM: &str = "POST /events/{eventId}/request";
        let gateway = self.gateway;
        match self.setup {
            Setup::Embedded => vec![(gateway, CLAIM), (gateway, CALL)],
            Setup::EmbeddedSplit => vec![
                (gateway, CLAIM),
                (gateway, "ask session_checks"),
                (gateway, "batch session_checks"),
                (gateway, CALL),
                (self.auth, ASKED),
            ],
            _ => vec![
                (gateway, CLAIM),
                (gateway, "ask session_checks"),
                (gateway, "batch session_checks"),
                (gateway, CALL),
                (self.auth, ASKED),
                (self.auth, "request token-db"),
            ],
        }
    }
}

async fn a_claim_and_a_login_are_one_trace_each(setup: Setup) {
    let collector = Collector::start().await;
    let settings = [
        ("RATE_LIMIT", "off"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20key"),
    ];
    let mut system = System::start_with(setup, &settings).await;
    let event = system.api.event(&system.operator().await, &json!({})).await;
    let mina = system.api.register("mina@example.com").await;
    let login = json!({ "email": "mina@example.com", "password": PASSWORD });
    let session = call_traced(&system, LOGIN_TRACE, "/auth/login", None, &login).await.expect(200);
    let token = text(&session, "/accessToken");
    let claim = format!("/events/{event}/request");
    call_traced(&system, CLAIM_TRACE, &claim, Some(&token), &Value::Null).await.expect(201);
    // What has not been sent yet is sent now.
    for process in &mut system.processes {
        assert_eq!(process.terminate().await, Some(0));
    }

    let names = SetupNames::of(setup);
    let spans = collector.trace(CLAIM_TRACE);
    assert_way(&spans, &names.session_way());
    let (request, call) = ("POST /events/{eventId}/request", "event POST /events/{eventId}/request");
    for rest in names.claim_store_ways() {
        assert_way(&spans, &[names.way_to(request, call, names.event, request), rest].concat());
    }
    assert_eq!(spans.iter().filter(|span| span.parent == CLIENT_SPAN).count(), 1);
    let spans = collector.trace(LOGIN_TRACE);
    for rest in names.login_store_ways() {
        let way = names.way_to("POST /auth/login", "auth POST /auth/login", names.auth, "POST /auth/login");
        assert_way(&spans, &[way, rest].concat());
    }
    assert!(spans.iter().all(|span| !span.has_failed && span.nanoseconds > 0), "{spans:#?}");

    assert_eq!(collector.header("api-key"), "a key");
    for secret in [PASSWORD, &token, &text(&session, "/refreshToken"), "mina@example.com", "eyJ", &mina] {
        assert!(!collector.has_seen(secret), "a span holds {secret}");
    }
    let id = |name: &str| name.split(['/', ' ']).any(|part| part.len() == 24);
    let spans = collector.spans();
    assert_eq!(spans.iter().find(|span| id(&span.name)).map(|span| &span.name), None);
    // Probes and workers begin no traces: each has the answer to somebody's request in it.
    let roots = spans.iter().filter(|span| span.parent.is_empty());
    assert!(roots.clone().count() > 0 && roots.clone().all(|root| root.service == names.gateway));
    assert!(roots.clone().all(|root| root.attributes.iter().any(|pair| pair.starts_with("http.route="))));
    let logged = system.processes[0].logs();
    let of_claim = |line: &&String| {
        line.contains(CLAIM_TRACE) && line.contains("\"route\":\"/events/{eventId}/request\"")
    };
    assert_eq!(logged.iter().filter(of_claim).count(), 1);
    assert!(logged.iter().all(|line| !line.contains("\"spans\"")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_none_records_nothing_but_what_a_caller_records() {
    let collector = Collector::start().await;
    let settings = [
        ("RATE_LIMIT", "off"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str()),
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
    ];
    let mut system = System::start_with(Setup::EmbeddedSplit, &settings).await;
    system.api.register("mina@example.com").await;
    let login = json!({ "email": "mina@example.com", "password": PASSWORD });
    call_traced(&system, LOGIN_TRACE, "/auth/login", None, &login).await.expect(200);
    for process in &mut system.processes {
        assert_eq!(process.terminate().await, Some(0));
    }
    let spans = collector.spans();
    assert!(spans.len() > 5 && spans.iter().all(|span| span.trace == LOGIN_TRACE), "{spans:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_is_done_for_many_is_found_from_each_of_their_traces() {
    let collector = Collector::start().await;
    let settings = [("RATE_LIMIT", "off"), ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str())];
    let mut system = System::start_with(Setup::EmbeddedSplit, &settings).await;
    let operator = system.operator().await;
    // Each is read for the first time, so that nobody is answered from memory.
    let mut paths = Vec::new();
    for _ in 0..64 {
        paths.push(format!("/events/{}/rewards", system.api.event(&operator, &json!({})).await));
    }
    let reads = paths.iter().map(async |path| drop(system.api.get(path, &operator).await.expect(200)));
    let writes = (0..64).map(|_| async { drop(system.api.event(&operator, &json!({})).await) });
    tokio::join!(futures::future::join_all(reads), futures::future::join_all(writes));
    for process in &mut system.processes {
        assert_eq!(process.terminate().await, Some(0));
    }
    let spans = collector.spans();
    for (group, asker) in [
        ("batch session_checks", "ask session_checks"),
        ("batch reward_reads", "ask reward_reads"),
        ("commit event-db", "write event-db"),
    ] {
        let groups = spans.iter().filter(|span| span.name == group);
        let largest = groups.max_by_key(|span| span.links.len()).expect("there is one");
        assert!(!largest.links.is_empty(), "{group} was never for more than one");
        for link in &largest.links {
            let other = spans.iter().find(|span| span.id == *link).expect("it was sent, too");
            assert_eq!(other.name, asker);
            assert!(other.trace != largest.trace && other.links == [largest.id.clone()], "{other:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_or_hangs_costs_no_request_anything() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addresses = [&hanging, &gone].map(|listener| listener.local_addr().expect("an address"));
    drop(gone);
    for address in addresses {
        let endpoint = format!("http://{address}");
        let settings = [("RATE_LIMIT", "off"), ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
        let mut system = System::start_with(Setup::Embedded, &settings).await;
        let event = system.api.event(&system.operator().await, &json!({})).await;
        system.api.register("mina@example.com").await;
        let token = system.api.log_in("mina@example.com").await;
        system.api.claim(&token, &event).await.expect(201);
        // More spans than may wait, so that some are dropped where none are taken.
        let path = format!("/events/{event}/rewards");
        let slowest = ask_often(&system, &path, &token).await;
        assert!(slowest < Duration::from_secs(1), "{address}: {slowest:?}");
        until_spans_are_lost(&system).await;
        system.processes[0]
            .find(|line| line.contains("takes no traces").then_some(()), "that the collector takes none")
            .await;
        let told = Instant::now();
        assert_eq!(system.processes[0].terminate().await, Some(0));
        assert!(told.elapsed() < STOP, "{address}: {:?}", told.elapsed());
    }
}

/// Asks a few thousand times, many at a time; returns the longest time an answer took.
async fn ask_often(system: &System, path: &str, token: &str) -> Duration {
    let rounds = (0..16).map(|_| async {
        let mut slowest = Duration::ZERO;
        for _ in 0..200 {
            let asked = Instant::now();
            system.api.get(path, token).await.expect(200);
            slowest = slowest.max(asked.elapsed());
        }
        slowest
    });
    futures::future::join_all(rounds).await.into_iter().max().unwrap_or_default()
}

/// Waits until the figures say that spans were not taken, and that others were dropped since too many waited.
async fn until_spans_are_lost(system: &System) {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let figures = system.figures().await;
        let number = |outcome| figures.sum("guerdon_trace_spans_total", &[("outcome", outcome)]);
        assert_eq!(number("exported"), Some(0.0));
        if number("failed") > Some(0.0) && number("dropped") > Some(0.0) {
            return;
        }
        assert!(Instant::now() < deadline, "{:?} failed, {:?} dropped", number("failed"), number("dropped"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
