//! Traces: which part of a request took how long, across processes, for a collector that speaks OTLP.
//!
//! Spans are those of `tracing`, under a target of their own: no log filter touches them, and no line of the
//! log shows them. As long as no collector is set they are never built.
//!
//! Only the edge begins traces, or goes on with its caller's. Whatever is behind it joins the trace of
//! whoever asks, and where that is nobody (probes, workers) nothing is recorded.

mod bounded_export;
mod collector_client;
mod export;
mod place;
mod settings;
mod spans;

#[cfg(test)]
mod tests;

pub(crate) use self::bounded_export::show_figures;
pub use self::{
    export::TraceExport,
    place::{TracePlace, continue_trace},
    settings::{CollectorEndpoint, CollectorHeaders, SampledShare, TraceSettings},
    spans::{
        CallKind, CallSpan, RequestSpan, StoreSpan, mark_failed, record_status, refer_to_group,
        start_ask_span, start_group_span,
    },
};

/// The target of every span.
pub(crate) const TARGET: &str = "guerdon::trace";
