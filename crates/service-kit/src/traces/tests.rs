use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, body::Body, extract::Request, middleware::from_fn_with_state, routing::get};
use http::{HeaderMap, StatusCode, header::HeaderName};
use opentelemetry::{
    Context,
    trace::{SpanKind, Status},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span as SdkSpan, SpanData, SpanExporter, SpanProcessor},
};
use tokio::{
    net::TcpListener,
    sync::{Barrier, mpsc},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{Instrument, subscriber::DefaultGuard};
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt};

use super::{
    bounded_export::{BoundedQueue, CountedExport},
    *,
};
use crate::{
    batch::{Batcher, Limits},
    budget,
    observe::{RequestObserver, observe_request},
    server::{self, BoundListener, ServerSettings},
    telemetry::log_layer,
};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Keeps what ends.
#[derive(Debug, Clone, Default)]
struct RecordedSpans(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for RecordedSpans {
    fn on_start(&self, _: &mut SdkSpan, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl RecordedSpans {
    fn named(&self, name: &str) -> SpanData {
        let mut found: Vec<_> =
            self.0.lock().unwrap().iter().filter(|span| span.name == name).cloned().collect();
        assert_eq!(found.len(), 1, "{name}: {:?}", self.names());
        found.remove(0)
    }

    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|span| span.name.to_string()).collect()
    }
}

/// What is written to the log.
#[derive(Debug, Clone, Default)]
struct WrittenLog(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for WrittenLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'writer> MakeWriter<'writer> for WrittenLog {
    type Writer = Self;

    fn make_writer(&'writer self) -> Self {
        self.clone()
    }
}

impl WrittenLog {
    fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// For the rest of the test's thread: spans are recorded, and logs at this level are kept.
fn record_traces(level: &str, share: SampledShare) -> (RecordedSpans, WrittenLog, DefaultGuard) {
    let (spans, log) = (RecordedSpans::default(), WrittenLog::default());
    let export = TraceExport::with_processor("guerdon-test", share, spans.clone());
    let subscriber = tracing_subscriber::registry()
        .with(log_layer(level, log.clone()).unwrap())
        .with(export.layer().unwrap());
    (spans, log, tracing::subscriber::set_default(subscriber))
}

/// A service that asks a store, and answers with the headers with which it would ask another service.
fn observed_service(observer: RequestObserver) -> Router {
    let answer = async || {
        let call = CallSpan { kind: CallKind::Http, service: "event", method: "GET", route: "/things/{id}" };
        let headers = async {
            let mut headers = HeaderMap::new();
            continue_trace(&mut headers);
            headers
        };
        let headers = headers.instrument(call.start()).await;
        let store = StoreSpan { system: "sqlite", store: "event-db", operation: "read" };
        async { tracing::warn!("a line of the log") }.instrument(store.start()).await;
        headers
    };
    let failing = async || StatusCode::SERVICE_UNAVAILABLE;
    let routes = Router::new().route("/things/{id}", get(answer)).route("/failing", get(failing));
    routes.layer(from_fn_with_state(observer, observe_request))
}

async fn ask(service: Router, path: &str, parent: Option<&str>) -> HeaderMap {
    let mut request = Request::get(path).header("x-request-id", "the-request");
    if let Some(parent) = parent {
        request = request.header("traceparent", parent);
    }
    service.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().headers().clone()
}

#[tokio::test]
async fn a_request_goes_on_with_its_callers_trace_and_hands_it_on() {
    let (spans, log, _guard) = record_traces("info", SampledShare::ALL);
    let edge = observed_service(RequestObserver::for_edge("gateway"));
    let handed_on = ask(edge, "/things/6b061a5c02d71ce3a16a478d", Some(PARENT)).await;

    let request = spans.named("GET /things/{id}");
    assert_eq!(request.span_context.trace_id().to_string(), TRACE);
    assert_eq!(request.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!((&request.span_kind, &request.status), (&SpanKind::Server, &Status::Unset));
    let attributes: Vec<_> =
        request.attributes.iter().map(|pair| format!("{}={}", pair.key, pair.value)).collect();
    assert_eq!(
        attributes,
        [
            "guerdon.service=gateway",
            "guerdon.request_id=the-request",
            "http.request.method=GET",
            "http.route=/things/{id}",
            "http.response.status_code=200",
        ]
    );
    let call = spans.named("event GET /things/{id}");
    assert_eq!(call.span_kind, SpanKind::Client);
    assert_eq!(handed_on["traceparent"], format!("00-{TRACE}-{}-01", call.span_context.span_id()));
    assert!(!handed_on.contains_key(HeaderName::from_static("tracestate")));
    for child in [&call, &spans.named("read event-db")] {
        assert_eq!(child.parent_span_id, request.span_context.span_id());
        assert_eq!(child.span_context.trace_id().to_string(), TRACE);
        assert!(child.start_time <= child.end_time);
    }
    assert!(log.lines().iter().all(|line| line.get("spans").is_none() && line.get("span").is_none()));
}

#[tokio::test]
async fn the_edge_begins_a_trace_of_its_own_where_the_callers_is_malformed() {
    let (spans, _, _guard) = record_traces("info", SampledShare::ALL);
    for parent in [None, Some("garbage")] {
        ask(observed_service(RequestObserver::for_edge("gateway")), "/things/1", parent).await;
        let request = spans.named("GET /things/{id}");
        assert_eq!(request.parent_span_id.to_string(), "0".repeat(16));
        assert_ne!(request.span_context.trace_id().to_string(), TRACE);
        spans.0.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn a_service_behind_the_edge_joins_traces_and_begins_none() {
    let (spans, _, _guard) = record_traces("info", SampledShare::ALL);
    let service = observed_service(RequestObserver::for_service("event"));
    let handed_on = ask(service.clone(), "/things/1", None).await;
    assert_eq!((spans.names().len(), handed_on.contains_key("traceparent")), (0, false));
    ask(service, "/things/1", Some(PARENT)).await;
    assert_eq!(spans.names().len(), 3);
}

#[tokio::test]
async fn an_answer_that_failed_and_a_caller_who_left_show_in_the_span() {
    let (spans, _, _guard) = record_traces("info", SampledShare::ALL);
    ask(observed_service(RequestObserver::for_edge("gateway")), "/failing", None).await;
    let failed = spans.named("GET /failing");
    assert_eq!(failed.status, Status::error(""));

    let routes = Router::new().route("/slow", get(std::future::pending::<()>));
    let slow = routes.layer(from_fn_with_state(RequestObserver::for_edge("gateway"), observe_request));
    let asked = tokio::time::timeout(Duration::from_millis(20), ask(slow, "/slow", None)).await;
    assert!(asked.is_err());
    let left = spans.named("GET /slow");
    let status = left.attributes.iter().find(|pair| pair.key.as_str() == "http.response.status_code");
    assert_eq!(status.map(|pair| pair.value.to_string()).as_deref(), Some("499"));
}

#[tokio::test]
async fn no_log_level_hides_a_span_and_no_span_changes_the_log() {
    for level in ["off", "error", "info", "trace"] {
        let (spans, log, _guard) = record_traces(level, SampledShare::ALL);
        ask(observed_service(RequestObserver::for_edge("gateway")), "/things/1", Some(PARENT)).await;
        assert_eq!(spans.names().len(), 3, "{level}");
        let shown = log.lines();
        let line = shown.iter().find(|line| line["message"] == "a line of the log");
        assert_eq!(line.is_some(), ["info", "trace"].contains(&level), "{level}");
        if let Some(line) = line {
            let names: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(names, ["level", "message", "timestamp"], "{level}");
        }
    }
}

#[tokio::test]
async fn the_access_log_names_the_trace() {
    let (_spans, log, _guard) = record_traces("debug", SampledShare::ALL);
    ask(observed_service(RequestObserver::for_edge("gateway")), "/things/1", Some(PARENT)).await;
    let lines = log.lines();
    let line = lines.iter().find(|line| line["message"] == "request").unwrap();
    assert_eq!((&line["trace_id"], &line["request_id"]), (&TRACE.into(), &"the-request".into()));
}

#[tokio::test]
async fn whoever_began_a_trace_decides_whether_it_is_recorded() {
    let (spans, _, _guard) = record_traces("info", "0".parse().unwrap());
    let edge = || observed_service(RequestObserver::for_edge("gateway"));
    let handed_on = ask(edge(), "/things/1", None).await;
    assert_eq!(spans.names(), Vec::<String>::new());
    let parent = handed_on["traceparent"].to_str().unwrap();
    assert!(parent.ends_with("-00"), "{parent}");
    ask(edge(), "/things/1", Some(PARENT)).await;
    assert_eq!(spans.names().len(), 3);
    spans.0.lock().unwrap().clear();
    drop(_guard);

    let (spans, _, _guard) = record_traces("info", SampledShare::ALL);
    ask(edge(), "/things/1", Some(&PARENT.replace("-01", "-00"))).await;
    assert_eq!(spans.names(), Vec::<String>::new());
}

#[tokio::test]
async fn a_batch_belongs_to_its_first_asker_and_refers_to_the_others_and_they_to_it() {
    let (spans, _, _guard) = record_traces("info", SampledShare::ALL);
    let limits = Limits { batch: 512, waiting: 512, concurrent: 1, patience: Duration::from_secs(10) };
    let batcher = Batcher::spawn("letters", limits, async |letters: Vec<usize>| letters);
    // All ask before the batcher's task has its turn, on this one thread.
    let together = Arc::new(Barrier::new(100));
    let asked: Vec<_> = (0..100)
        .map(|number| {
            let (batcher, together) = (batcher.clone(), Arc::clone(&together));
            let asker = async move {
                together.wait().await;
                batcher.ask(number).await.unwrap()
            };
            let headers = HeaderMap::new();
            let request = RequestSpan {
                service: "gateway",
                is_edge: true,
                method: "GET",
                route: None,
                request_id: "r",
                headers: &headers,
            };
            tokio::spawn(asker.instrument(request.start()))
        })
        .collect();
    for (number, task) in asked.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), number);
    }
    let recorded = spans.0.lock().unwrap().clone();
    let of_name = |name: &str| recorded.iter().filter(|span| span.name == name).cloned().collect::<Vec<_>>();
    let (asks, batches) = (of_name("ask letters"), of_name("batch letters"));
    assert_eq!(asks.len(), 100);
    assert!(batches.len() <= 3, "{} batches", batches.len());
    let largest = batches.iter().max_by_key(|batch| batch.links.len()).unwrap();
    let first = asks.iter().find(|ask| ask.span_context.span_id() == largest.parent_span_id).unwrap();
    assert_eq!(first.span_context.trace_id(), largest.span_context.trace_id());
    // Many more wait than a span refers to.
    assert_eq!(largest.links.len(), 64);
    let others = asks.iter().filter(|ask| {
        ask.links.iter().any(|link| link.span_context.span_id() == largest.span_context.span_id())
    });
    assert!(others.count() > 90);
    assert!(first.links.is_empty());
}

#[tokio::test]
async fn without_a_collector_nothing_is_built() {
    let log = WrittenLog::default();
    let subscriber = tracing_subscriber::registry().with(log_layer("trace", log.clone()).unwrap());
    let _guard = tracing::subscriber::set_default(subscriber);
    let headers = HeaderMap::new();
    let request = RequestSpan {
        service: "gateway",
        is_edge: true,
        method: "GET",
        route: None,
        request_id: "r",
        headers: &headers,
    };
    assert!(request.start().is_none());
    assert!(!TracePlace::here().is_known());
    assert!(TraceExport::off().layer::<tracing_subscriber::Registry>().is_none());
}

/// Takes its time.
#[derive(Debug)]
struct SlowExporter(Arc<Mutex<Vec<usize>>>);

impl SpanExporter for SlowExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().push(batch.len());
        Ok(())
    }
}

#[tokio::test]
async fn spans_beyond_the_bound_are_dropped_and_room_is_made_by_an_export() {
    let (recorded, _, guard) = record_traces("info", SampledShare::ALL);
    ask(observed_service(RequestObserver::for_edge("gateway")), "/failing", None).await;
    drop(guard);
    let span = recorded.named("GET /failing");
    let (kept, waiting, sizes) = (RecordedSpans::default(), Arc::default(), Arc::default());
    let queue = BoundedQueue::new(kept.clone(), Arc::clone(&waiting), 3);
    let export = CountedExport::new(SlowExporter(Arc::clone(&sizes)), waiting);
    for _ in 0..5 {
        queue.on_end(span.clone());
    }
    assert_eq!(kept.names().len(), 3);
    export.export(vec![span.clone(); 2]).await.unwrap();
    for _ in 0..5 {
        queue.on_end(span.clone());
    }
    assert_eq!(kept.names().len(), 5);
    assert_eq!(*sizes.lock().unwrap(), [2]);
}

fn settings_for(address: SocketAddr) -> TraceSettings {
    TraceSettings {
        service: "guerdon-test",
        endpoint: format!("http://{address}").parse().unwrap(),
        headers: "api-key=hunter2".parse().unwrap(),
        share: SampledShare::ALL,
    }
}

/// Records a span and hands it over; returns how long that took.
async fn flush_to(collector: SocketAddr) -> Duration {
    let export = TraceExport::start(&settings_for(collector)).unwrap();
    let subscriber = tracing_subscriber::registry().with(export.layer().unwrap());
    let guard = tracing::subscriber::set_default(subscriber);
    ask(observed_service(RequestObserver::for_edge("gateway")), "/failing", None).await;
    drop(guard);
    let started = Instant::now();
    export.flush().await;
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_is_sent_to_the_collector_with_the_headers_it_wants() {
    let (seen, mut requests) = mpsc::channel(8);
    let note_request = async move |request: Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 100_000).await.unwrap();
        seen.send((parts, body)).await.unwrap();
    };
    let collector = BoundListener::bind("127.0.0.1", 0, Router::new().fallback(note_request)).await.unwrap();
    let address = collector.address().unwrap();
    tokio::spawn(server::serve(vec![collector], ServerSettings::default(), CancellationToken::new()));
    flush_to(address).await;
    let (parts, body) = requests.try_recv().unwrap();
    assert_eq!((parts.method.as_str(), parts.uri.path()), ("POST", "/v1/traces"));
    assert_eq!(parts.headers["content-type"], "application/x-protobuf");
    assert_eq!(parts.headers["api-key"], "hunter2");
    let body = String::from_utf8_lossy(&body);
    assert!(body.contains("guerdon-test") && body.contains("GET /failing"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_or_is_not_there_holds_nothing_up_at_the_end() {
    // It takes connections and never reads.
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let took = flush_to(hanging.local_addr().unwrap()).await;
    let promised = budget::FLUSH_TRACES..budget::FLUSH_TRACES + Duration::from_millis(500);
    assert!(promised.contains(&took), "{took:?}");
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let took = flush_to(address).await;
    assert!(took < promised.end, "{took:?}");
}
