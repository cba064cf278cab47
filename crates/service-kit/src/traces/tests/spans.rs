use http::header::HeaderName;
use opentelemetry::trace::{SpanKind, Status};
use tokio::sync::Barrier;

use super::*;
use crate::batch::{Batcher, Limits};

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
    let (spans, _, guard) = record_traces("info", "0".parse().unwrap());
    let edge = || observed_service(RequestObserver::for_edge("gateway"));
    let handed_on = ask(edge(), "/things/1", None).await;
    assert_eq!(spans.names(), Vec::<String>::new());
    let parent = handed_on["traceparent"].to_str().unwrap();
    assert!(parent.ends_with("-00"), "{parent}");
    ask(edge(), "/things/1", Some(PARENT)).await;
    assert_eq!(spans.names().len(), 3);
    spans.0.lock().unwrap().clear();
    drop(guard);

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
            tokio::spawn(asker.instrument(begin_trace()))
        })
        .collect();
    for (number, task) in asked.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), number);
    }
    let recorded = spans.0.lock().unwrap().clone();
    let of_name = |name: &str| recorded.iter().filter(|span| span.name == name).cloned().collect::<Vec<_>>();
    let (asks, groups) = (of_name("ask letters"), of_name("batch letters"));
    assert_eq!(asks.len(), 100);
    assert!(groups.len() <= 3, "{} batches", groups.len());
    let largest = groups.iter().max_by_key(|group| group.links.len()).unwrap();
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
    assert!(begin_trace().is_none());
    assert!(!TracePlace::here().is_known());
    assert!(TraceExport::off().layer::<tracing_subscriber::Registry>().is_none());
}
