use std::sync::{Arc, Mutex, PoisonError};

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, Span, Status, span::SpanKind, status::StatusCode},
};
use prost::Message;
use reqwest::header::{CONTENT_TYPE, HeaderMap};

/// A collector of traces on this machine, which takes OTLP over HTTP as real ones do and keeps what it is
/// sent. It ends with the test.
#[derive(Debug, Clone)]
pub struct Collector {
    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` says to send traces here.
    pub endpoint: String,
    collected: Arc<Mutex<CollectedTraces>>,
}

#[derive(Debug, Default)]
struct CollectedTraces {
    spans: Vec<CollectedSpan>,
    /// The bodies, for what must not be in them.
    bodies: Vec<Bytes>,
    /// Of the last request.
    headers: HeaderMap,
}

/// A span as it came.
#[derive(Debug, Clone)]
pub struct CollectedSpan {
    /// The process that recorded it: `guerdon-gateway`.
    pub service: String,
    /// What it is called.
    pub name: String,
    /// On which side of a call it is.
    pub kind: SpanKind,
    /// Its trace, in hexadecimal digits as in all ids.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// Of its parent; empty if it begins a trace.
    pub parent: String,
    /// The ids of the spans it links to.
    pub links: Vec<String>,
    /// How long it took, in nanoseconds.
    pub nanoseconds: u64,
    /// Whether it says that its work was not done.
    pub has_failed: bool,
    /// What else it says, as `name=value`.
    pub attributes: Vec<String>,
}

impl Collector {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let collector = Self { endpoint, collected: Arc::default() };
        let routes = Router::new().route("/v1/traces", post(take_traces)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        collector
    }

    /// The spans of this trace so far.
    pub fn trace(&self, trace: &str) -> Vec<CollectedSpan> {
        self.locked().spans.iter().filter(|span| span.trace == trace).cloned().collect()
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<CollectedSpan> {
        self.locked().spans.clone()
    }

    /// Whether this text was anywhere in what came.
    pub fn has_seen(&self, text: &str) -> bool {
        let is_in = |body: &Bytes| body.windows(text.len()).any(|part| part == text.as_bytes());
        self.locked().bodies.iter().any(is_in)
    }

    /// A header of the last request, empty if it had none.
    pub fn header(&self, name: &str) -> String {
        let collected = self.locked();
        collected.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, CollectedTraces> {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn take_traces(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) -> Vec<u8> {
    assert_eq!(headers[CONTENT_TYPE], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body.clone()).expect("the body is OTLP");
    let mut collected = collector.locked();
    for resource in request.resource_spans {
        collected.spans.extend(read_spans(resource));
    }
    collected.bodies.push(body);
    collected.headers = headers;
    ExportTraceServiceResponse::default().encode_to_vec()
}

fn read_spans(resource: ResourceSpans) -> Vec<CollectedSpan> {
    let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
    let name = attributes.iter().find(|pair| pair.key == "service.name");
    let service = name.map(|pair| value_text(pair.value.as_ref())).unwrap_or_default();
    let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(|span| read_span(&service, &span)).collect()
}

fn read_span(service: &str, span: &Span) -> CollectedSpan {
    let failed = |status: &Status| status.code() == StatusCode::Error;
    CollectedSpan {
        service: service.to_owned(),
        name: span.name.clone(),
        kind: span.kind(),
        trace: hex_text(&span.trace_id),
        id: hex_text(&span.span_id),
        parent: hex_text(&span.parent_span_id),
        links: span.links.iter().map(|link| hex_text(&link.span_id)).collect(),
        nanoseconds: span.end_time_unix_nano - span.start_time_unix_nano,
        has_failed: span.status.as_ref().is_some_and(failed),
        attributes: span.attributes.iter().map(attribute_text).collect(),
    }
}

fn attribute_text(pair: &KeyValue) -> String {
    format!("{}={}", pair.key, value_text(pair.value.as_ref()))
}

fn value_text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex_text(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
