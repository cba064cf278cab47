mod export;
mod spans;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, middleware::from_fn_with_state, routing::get};
use http::{HeaderMap, StatusCode};
use opentelemetry::Context;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span as SdkSpan, SpanData, SpanProcessor},
};
use tower::ServiceExt;
use tracing::{Instrument, Span, subscriber::DefaultGuard};
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt};

use super::*;
use crate::{
    observe::{RequestObserver, observe_request},
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

/// A request that nobody else's trace comes with.
fn begin_trace() -> Span {
    let headers = HeaderMap::new();
    let (service, method, request_id) = ("gateway", "GET", "the-request");
    RequestSpan { service, is_edge: true, method, route: None, request_id, headers: &headers }.start()
}
