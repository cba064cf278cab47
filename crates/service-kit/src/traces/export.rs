use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanProcessor},
};
use tokio::task::spawn_blocking;
use tracing::{Level, Subscriber};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use super::{
    TARGET,
    bounded_export::{BoundedQueue, CountedExport},
    collector_client::CollectorClient,
    settings::{SampledShare, TraceSettings},
};
use crate::budget;

/// The most spans that wait for their export; more are dropped.
const WAITING: usize = 8192;
/// The most spans in one request to the collector.
const BATCH: usize = 512;
/// How long a span waits for others to travel with.
const GATHERING: Duration = Duration::from_secs(1);

/// Hands finished spans to a collector, on a thread of its own: no request ever waits for it.
#[derive(Debug, Clone, Default)]
pub struct TraceExport(Option<SdkTracerProvider>);

impl TraceExport {
    /// Nothing is recorded.
    pub fn off() -> Self {
        Self(None)
    }

    /// Starts the export in this runtime. The collector need not be there.
    pub fn start(settings: &TraceSettings) -> Result<Self, ExporterBuildError> {
        let waiting = Arc::new(AtomicUsize::new(0));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(CollectorClient::new(settings.endpoint.clone(), &settings.headers))
            .with_endpoint(settings.endpoint.uri().to_string())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(budget::TRACE_EXPORT)
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(WAITING)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(GATHERING)
            .build();
        let exporter = CountedExport::new(exporter, Arc::clone(&waiting));
        let queue = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let queue = BoundedQueue::new(queue, waiting, WAITING);
        Ok(Self::with_processor(settings.service, settings.share, queue))
    }

    /// Over what takes finished spans.
    pub(super) fn with_processor(
        service: &'static str,
        share: SampledShare,
        processor: impl SpanProcessor + 'static,
    ) -> Self {
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder_empty().with_service_name(service).with_attribute(version).build();
        // Whoever began a trace has decided for the whole of it.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share.ratio())));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(sampler)
            .with_span_processor(processor)
            .build();
        Self(Some(provider))
    }

    /// What makes the process's spans known to the export.
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.0.as_ref()?.tracer("guerdon");
        // Where in the code a span comes from, and which thread it was on, tells operators nothing.
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_context_activation(false)
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(Targets::new().with_target(TARGET, Level::INFO)))
    }

    /// Hands over what still waits, for [`budget::FLUSH_TRACES`] at most. Later spans are lost.
    pub async fn flush(&self) {
        let Some(provider) = self.0.clone() else { return };
        let flushed = spawn_blocking(move || provider.shutdown_with_timeout(budget::FLUSH_TRACES)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("the last traces are not handed over yet: not waiting any longer");
        }
    }
}
