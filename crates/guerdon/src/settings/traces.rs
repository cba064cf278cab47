//! Traces, as flags and variables. The names are OpenTelemetry's own.

use clap::Args;
use service_kit::traces::{CollectorEndpoint, CollectorHeaders, SampledShare, TraceSettings};

/// Where traces go, and how many.
#[derive(Debug, Clone, Args)]
#[allow(clippy::doc_markdown, reason = "the comments are the help, which knows no backticks")]
#[allow(clippy::struct_field_names, reason = "the fields are named as the variables and flags are")]
pub(crate) struct CollectorSettings {
    /// A collector that takes traces by OTLP over HTTP, below /v1/traces: http://collector:4318. Default:
    /// none are recorded.
    #[arg(long, env)]
    pub(crate) otel_exporter_otlp_endpoint: Option<CollectorEndpoint>,
    /// What each request to the collector says besides: name=value, with commas between them.
    #[arg(long, env, hide_env_values = true)]
    pub(crate) otel_exporter_otlp_headers: Option<CollectorHeaders>,
    /// How many of the traces that begin here are recorded: from 0, none, to 1, all.
    #[arg(long, env, default_value_t = SampledShare::ALL)]
    pub(crate) otel_traces_sampler_arg: SampledShare,
}

impl CollectorSettings {
    /// For a process that calls itself so; `None` where no collector is named.
    pub(crate) fn traces_of(&self, service: &'static str) -> Option<TraceSettings> {
        Some(TraceSettings {
            service,
            endpoint: self.otel_exporter_otlp_endpoint.clone()?,
            headers: self.otel_exporter_otlp_headers.clone().unwrap_or_default(),
            share: self.otel_traces_sampler_arg,
        })
    }
}
