use std::{net::SocketAddr, time::Instant};

use opentelemetry_sdk::trace::SpanExporter;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    budget,
    server::{self, BoundListener, ServerSettings},
    traces::bounded_export::{BoundedQueue, CountedExport},
};

/// Notes how many spans come together.
#[derive(Debug)]
struct NotedBatches(Arc<Mutex<Vec<usize>>>);

impl SpanExporter for NotedBatches {
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
    let export = CountedExport::new(NotedBatches(Arc::clone(&sizes)), waiting);
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
