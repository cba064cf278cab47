//! A bound to how many spans wait, and figures of what becomes of them.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use enum_map::Enum;
use opentelemetry::Context;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter, SpanProcessor},
};

use crate::metrics::{LabelCounters, TRACE_SPANS};

/// What became of a span.
#[derive(Debug, Clone, Copy, Enum)]
enum SpanOutcome {
    /// The collector took it.
    Exported,
    /// The collector did not.
    Failed,
    /// Too many waited.
    Dropped,
}

impl SpanOutcome {
    fn name(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

static FIGURES: LazyLock<LabelCounters<SpanOutcome>> =
    LazyLock::new(|| LabelCounters::new(TRACE_SPANS, "outcome", SpanOutcome::name));

/// Has the figures there, with 0, also where nothing is exported. There must be a recorder.
pub(crate) fn show_figures() {
    LazyLock::force(&FIGURES);
}

/// Passes spans on to a queue unless too many wait there already. The queue has a bound of its own, but tells
/// nobody what it drops.
#[derive(Debug)]
pub(super) struct BoundedQueue<P> {
    next: P,
    waiting: Arc<AtomicUsize>,
    most: usize,
}

impl<P> BoundedQueue<P> {
    /// Before this queue. `waiting` is what its [`CountedExport`] counts down.
    pub(super) fn new(next: P, waiting: Arc<AtomicUsize>, most: usize) -> Self {
        Self { next, waiting, most }
    }
}

impl<P: SpanProcessor> SpanProcessor for BoundedQueue<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            FIGURES.count(SpanOutcome::Dropped);
            return;
        }
        self.next.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// Counts what is exported and what is lost.
#[derive(Debug)]
pub(super) struct CountedExport<E> {
    next: E,
    waiting: Arc<AtomicUsize>,
}

impl<E> CountedExport<E> {
    /// Around this exporter, behind a [`BoundedQueue`].
    pub(super) fn new(next: E, waiting: Arc<AtomicUsize>) -> Self {
        Self { next, waiting }
    }
}

impl<E: SpanExporter> SpanExporter for CountedExport<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let size = batch.len();
        self.waiting.fetch_sub(size, Ordering::Relaxed);
        let exported = self.next.export(batch).await;
        let outcome = if exported.is_ok() { SpanOutcome::Exported } else { SpanOutcome::Failed };
        FIGURES.count_many(outcome, size);
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}
