use std::sync::Arc;

use http::{HeaderMap, HeaderName, header::Entry};
use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::TARGET;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A span of some trace, here or in another process, to which others can refer. Cheap to clone, and nothing
/// where no trace is recorded.
#[derive(Debug, Clone, Default)]
pub struct TracePlace(Option<Arc<SpanContext>>);

impl TracePlace {
    /// The span that what runs now belongs to.
    pub fn here() -> Self {
        if tracing::span_enabled!(target: TARGET, Level::INFO) {
            Self::of(&Span::current())
        } else {
            Self(None)
        }
    }

    /// This span.
    pub fn of(span: &Span) -> Self {
        if span.is_disabled() {
            return Self(None);
        }
        Self::from_context(&span.context())
    }

    /// Whoever sends a request with these headers (W3C Trace Context). What is malformed or there twice
    /// counts for nothing.
    pub(super) fn of_sender(headers: &HeaderMap) -> Self {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        match (parents.next(), parents.next()) {
            (Some(parent), None) if is_well_formed(parent.as_bytes()) => {
                let propagator = TraceContextPropagator::new();
                Self::from_context(
                    &propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers)),
                )
            }
            _ => Self(None),
        }
    }

    fn from_context(context: &Context) -> Self {
        let span = context.span().span_context().clone();
        Self(span.is_valid().then(|| Arc::new(span)))
    }

    /// Whether there is one.
    pub(super) fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// Whether its trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.0.as_ref().is_some_and(|place| place.is_sampled())
    }

    /// The id of its trace, for the log.
    pub fn trace_id(&self) -> Option<String> {
        self.0.as_ref().map(|place| place.trace_id().to_string())
    }

    /// Whether both are in one trace.
    pub(super) fn is_in_trace_of(&self, other: &Self) -> bool {
        let trace = |place: &Self| place.0.as_ref().map(|place| place.trace_id());
        trace(self) == trace(other)
    }

    /// Makes a span that has not begun a child of this one.
    pub(super) fn adopt(&self, child: &Span) {
        // Fails where the span is not built at all, and then there is nothing to do.
        let _ = child.set_parent(self.context());
    }

    /// Refers to this span from another.
    pub(super) fn link_from(&self, span: &Span) {
        if let Some(place) = &self.0 {
            span.add_link(SpanContext::clone(place));
        }
    }

    fn context(&self) -> Context {
        match &self.0 {
            Some(place) => Context::new().with_remote_span_context(SpanContext::clone(place)),
            None => Context::new(),
        }
    }
}

/// Tells whoever gets these headers which span asks. Where no trace is known they stay as they are.
pub fn continue_trace(headers: &mut HeaderMap) {
    let place = TracePlace::here();
    if !place.is_known() {
        return;
    }
    TraceContextPropagator::new().inject_context(&place.context(), &mut HeaderInjector(headers));
    // The propagator writes it even where there is nothing to say.
    if let Entry::Occupied(state) = headers.entry(TRACESTATE)
        && state.get().is_empty()
    {
        state.remove();
    }
}

/// `00-` trace `-` span `-` flags, all in lower-case hexadecimal digits; later versions may say more behind
/// that (W3C Trace Context, 3.2). The library is more lenient.
fn is_well_formed(parent: &[u8]) -> bool {
    const LENGTH: usize = 55;
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let Some((known, rest)) = parent.split_at_checked(LENGTH) else { return false };
    let has_right_form = known.iter().enumerate().all(|(index, byte)| match index {
        2 | 35 | 52 => *byte == b'-',
        _ => is_digit(byte),
    });
    let is_right_length =
        if known.starts_with(b"00") { rest.is_empty() } else { matches!(rest, [] | [b'-', ..]) };
    has_right_form && is_right_length
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn trace_of(parents: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for parent in parents {
            headers.append(TRACEPARENT, HeaderValue::from_str(parent).unwrap());
        }
        TracePlace::of_sender(&headers).trace_id()
    }

    #[test]
    fn a_well_formed_parent_is_taken_with_its_flag() {
        for (flags, sampled) in [("00", false), ("01", true), ("03", true)] {
            let mut headers = HeaderMap::new();
            let parent = format!("00-{TRACE}-b7ad6b7169203331-{flags}");
            headers.insert(TRACEPARENT, parent.parse().unwrap());
            let place = TracePlace::of_sender(&headers);
            assert_eq!((place.trace_id().as_deref(), place.is_sampled()), (Some(TRACE), sampled), "{flags}");
        }
        let later = format!("01-{TRACE}-b7ad6b7169203331-01-what-comes-later");
        assert_eq!(trace_of(&[&later]).as_deref(), Some(TRACE));
    }

    #[test]
    fn a_malformed_parent_counts_for_nothing() {
        let good = format!("00-{TRACE}-b7ad6b7169203331-01");
        for bad in [
            "",
            "garbage",
            &good.to_uppercase(),
            &good.replace("00-", "ff-"),
            &good.replace("-01", ""),
            &good.replace("-01", "-1"),
            &good.replace("-01", "-01-more"),
            &good.replace(TRACE, &"0".repeat(32)),
            &good.replace("b7ad6b7169203331", &"0".repeat(16)),
            &good.replace("0af7", "0a+7"),
            &good.replace("00-", "+0-"),
            &good.replace('-', "_"),
        ] {
            assert_eq!(trace_of(&[bad]), None, "{bad}");
        }
        assert_eq!(trace_of(&[&good, &good]), None);
        assert_eq!(trace_of(&[]), None);
    }

    #[test]
    fn without_a_trace_headers_stay_as_they_are() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static("a client's own"));
        continue_trace(&mut headers);
        assert_eq!(headers[TRACEPARENT], "a client's own");
        assert_eq!(headers.len(), 1);
    }
}
