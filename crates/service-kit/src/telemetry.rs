//! Logs: one JSON object a line on standard output.

use tracing_subscriber::{EnvFilter, filter::ParseError, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging at this level (`info`, or directives such as `info,sqlx=debug`). A second call changes nothing.
pub fn start(level: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(level)?;
    let json = fmt::layer().json().flatten_event(true).with_current_span(false).with_target(false);
    // Only the first subscriber of a process can be set, and that is the one wanted.
    let _ = tracing_subscriber::registry().with(filter).with(json).try_init();
    Ok(())
}
