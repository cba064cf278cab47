use http::HeaderMap;
use tracing::{Level, Span, field::Empty, info_span};

use super::{TARGET, TracePlace};

/// The most spans that one refers to: who waits for a batch can be many.
const MOST_LINKS: usize = 64;

/// A request that arrives.
#[derive(Debug)]
pub struct RequestSpan<'a> {
    /// Who answers.
    pub service: &'static str,
    /// Whether a trace may begin here.
    pub is_edge: bool,
    /// How it is asked for.
    pub method: &'a str,
    /// The pattern of its path, if it has one.
    pub route: Option<&'a str>,
    /// By which the log names it.
    pub request_id: &'a str,
    /// They may name the span that asks.
    pub headers: &'a HeaderMap,
}

impl RequestSpan<'_> {
    /// Begins it.
    pub fn start(self) -> Span {
        if !tracing::span_enabled!(target: TARGET, Level::INFO) {
            return Span::none();
        }
        let sender = TracePlace::of_sender(self.headers);
        if !sender.is_known() && !self.is_edge {
            return Span::none();
        }
        let Self { service, method, route, request_id, .. } = self;
        let span = info_span!(
            target: TARGET,
            parent: None,
            "request",
            otel.name = %named(method, route),
            otel.kind = "server",
            otel.status_code = Empty,
            guerdon.service = service,
            guerdon.request_id = request_id,
            http.request.method = method,
            http.route = route,
            http.response.status_code = Empty,
        );
        sender.adopt(&span);
        span
    }
}

/// How the service that a gateway asks is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// By HTTP.
    Http,
    /// In the same process.
    InProcess,
}

/// A call of a service by its gateway.
#[derive(Debug)]
pub struct CallSpan<'a> {
    /// How it is reached.
    pub kind: CallKind,
    /// Who is asked.
    pub service: &'static str,
    /// For what.
    pub method: &'a str,
    /// The pattern of the path.
    pub route: &'a str,
}

impl CallSpan<'_> {
    /// Begins it, where a trace is recorded.
    pub fn start(self) -> Span {
        if !TracePlace::here().is_sampled() {
            return Span::none();
        }
        let Self { kind, service, method, route } = self;
        let kind = match kind {
            CallKind::Http => "client",
            CallKind::InProcess => "internal",
        };
        info_span!(
            target: TARGET,
            "call",
            otel.name = format_args!("{service} {method} {route}"),
            otel.kind = kind,
            otel.status_code = Empty,
            peer.service = service,
            http.request.method = method,
            url.template = route,
            http.response.status_code = Empty,
        )
    }
}

/// An operation on a store.
#[derive(Debug, Clone, Copy)]
pub struct StoreSpan {
    /// What the store runs on, by the name that OpenTelemetry has for it: `sqlite`, `mongodb`, `postgresql`,
    /// `redis`.
    pub system: &'static str,
    /// What operators call the store.
    pub store: &'static str,
    /// `read` or `write`; `request` where the store does not tell them apart.
    pub operation: &'static str,
}

impl StoreSpan {
    /// Begins it, where a trace is recorded.
    pub fn start(self) -> Span {
        if !TracePlace::here().is_sampled() {
            return Span::none();
        }
        let Self { system, store, operation } = self;
        info_span!(
            target: TARGET,
            "store",
            otel.name = format_args!("{operation} {store}"),
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = system,
            db.namespace = store,
            db.operation.name = operation,
        )
    }
}

/// Begins waiting for an answer from a queue, where a trace is recorded.
pub fn start_ask_span(queue: &'static str) -> Span {
    if !TracePlace::here().is_sampled() {
        return Span::none();
    }
    info_span!(target: TARGET, "ask", otel.name = format_args!("ask {queue}"), guerdon.queue = queue)
}

/// Begins one piece of work for everybody who waits at these places. It belongs to the first of them whose
/// trace is recorded, and refers to the others.
pub fn start_group_span<'a>(
    work: &'static str,
    queue: &'static str,
    askers: impl ExactSizeIterator<Item = &'a TracePlace>,
) -> Span {
    let size = askers.len();
    let mut recorded = askers.filter(|asker| asker.is_sampled());
    let Some(first) = recorded.next() else { return Span::none() };
    let span = info_span!(
        target: TARGET,
        parent: None,
        "group",
        otel.name = format_args!("{work} {queue}"),
        otel.status_code = Empty,
        guerdon.queue = queue,
        // As it stands here: of other types of integers OpenTelemetry would get a text.
        guerdon.group.size = i64::try_from(size).unwrap_or(i64::MAX),
    );
    first.adopt(&span);
    for other in recorded.take(MOST_LINKS) {
        other.link_from(&span);
    }
    span
}

/// Says in the span of one who waited where the work was done, if that belongs to the trace of another.
pub fn refer_to_group(asker: &Span, group: &TracePlace) {
    if group.is_known() && !asker.is_disabled() && !group.is_in_trace_of(&TracePlace::of(asker)) {
        group.link_from(asker);
    }
}

/// Says in a span that its work was not done.
pub fn mark_failed(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

/// Says in a span how a request was answered.
pub fn record_status(span: &Span, status: u16) {
    span.record("http.response.status_code", i64::from(status));
    if status >= 500 {
        mark_failed(span);
    }
}

fn named(method: &str, route: Option<&str>) -> String {
    route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
}
