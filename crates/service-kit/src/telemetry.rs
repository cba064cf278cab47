//! Logs: one JSON object a line on standard output. Traces, if there is a collector for them.

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::ParseError,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::traces::{self, TraceExport};

/// Starts logging at this level (`info`, or directives such as `info,sqlx=debug`), and recording what
/// `traces` exports. A second call changes nothing.
pub fn start(level: &str, traces: &TraceExport) -> Result<(), ParseError> {
    let registry = tracing_subscriber::registry().with(log_layer(level, std::io::stdout)?);
    // Only the first subscriber of a process can be set, and that is the one wanted.
    let _ = match traces.layer() {
        Some(layer) => registry.with(layer).try_init(),
        None => registry.try_init(),
    };
    Ok(())
}

/// The log alone: it knows nothing of the spans of traces, whatever the level.
pub(crate) fn log_layer<S, W>(level: &str, writer: W) -> Result<impl Layer<S> + use<S, W>, ParseError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let no_traces = format!("{}=off", traces::TARGET).parse()?;
    let filter = EnvFilter::builder().parse(level)?.add_directive(no_traces);
    let json = fmt::layer().json().flatten_event(true).with_current_span(false).with_target(false);
    Ok(json.with_writer(writer).with_filter(filter))
}
