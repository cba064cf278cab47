//! What operators say about traces.

use std::{fmt, str::FromStr};

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use percent_encoding::percent_decode_str;

/// Where the collector takes spans, below the address that operators name (OTLP, "endpoint URLs for
/// OTLP/HTTP").
const TRACES_PATH: &str = "v1/traces";

/// What a process needs to hand its spans to a collector.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// What the process calls itself: `guerdon-gateway`.
    pub service: &'static str,
    /// Where the collector is.
    pub endpoint: CollectorEndpoint,
    /// What else each request to it says.
    pub headers: CollectorHeaders,
    /// How many of the traces that begin here are recorded.
    pub share: SampledShare,
}

/// Where a collector takes spans by OTLP over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorEndpoint(Uri);

/// The text was no address of a collector. It is not repeated: people put passwords there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// No URL with a host, or more than a scheme, a host, a port and a path.
    #[error("must be the URL of a collector, such as http://collector:4318")]
    NoUrl,
    /// It asks for TLS, which would be one more library for what a collector beside the process does anyway.
    #[error(
        "must begin with http://: spans that have to travel by TLS need a collector nearby that passes them on"
    )]
    Tls,
}

impl CollectorEndpoint {
    /// The address that spans are sent to.
    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }
}

impl FromStr for CollectorEndpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let mut parts = text.parse::<Uri>().map_err(|_| InvalidEndpoint::NoUrl)?.into_parts();
        match parts.scheme.as_ref() {
            Some(scheme) if *scheme == Scheme::HTTP => {}
            Some(scheme) if *scheme == Scheme::HTTPS => return Err(InvalidEndpoint::Tls),
            _ => return Err(InvalidEndpoint::NoUrl),
        }
        let is_plain = parts.authority.as_ref().is_some_and(is_host_and_port);
        let base = parts.path_and_query.as_ref().filter(|path| path.query().is_none() && is_plain);
        let base = base.ok_or(InvalidEndpoint::NoUrl)?.path().trim_end_matches('/');
        let path =
            PathAndQuery::try_from(format!("{base}/{TRACES_PATH}")).map_err(|_| InvalidEndpoint::NoUrl)?;
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).map(Self).map_err(|_| InvalidEndpoint::NoUrl)
    }
}

fn is_host_and_port(authority: &Authority) -> bool {
    let (host, port) = (authority.host(), authority.port_u16());
    let written = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    authority.as_str() == written
}

/// Headers of every request to the collector. They may hold a secret: nothing shows them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CollectorHeaders(HeaderMap);

/// The text was no list of headers. It is not repeated: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be headers as name=value with commas between them, special characters percent-encoded")]
pub struct InvalidHeaders;

impl CollectorHeaders {
    /// As a request carries them.
    pub(super) fn map(&self) -> &HeaderMap {
        &self.0
    }
}

impl fmt::Debug for CollectorHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CollectorHeaders({})", self.0.len())
    }
}

impl FromStr for CollectorHeaders {
    type Err = InvalidHeaders;

    fn from_str(text: &str) -> Result<Self, InvalidHeaders> {
        let mut headers = HeaderMap::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, value) = entry.split_once('=').ok_or(InvalidHeaders)?;
            let name: HeaderName = name.trim().parse().map_err(|_| InvalidHeaders)?;
            let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| InvalidHeaders)?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| InvalidHeaders)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self(headers))
    }
}

/// How many of all traces are recorded: from 0, none, to 1, all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampledShare(f64);

/// The text was no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 0 to 1")]
pub struct InvalidShare;

impl SampledShare {
    /// Every trace.
    pub const ALL: Self = Self(1.0);

    /// As a number.
    pub(super) fn ratio(self) -> f64 {
        self.0
    }
}

impl fmt::Display for SampledShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SampledShare {
    type Err = InvalidShare;

    fn from_str(text: &str) -> Result<Self, InvalidShare> {
        let ratio: f64 = text.trim().parse().map_err(|_| InvalidShare)?;
        if (0.0..=1.0).contains(&ratio) { Ok(Self(ratio)) } else { Err(InvalidShare) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces_url(text: &str) -> Result<String, InvalidEndpoint> {
        text.parse::<CollectorEndpoint>().map(|endpoint| endpoint.uri().to_string())
    }

    #[test]
    fn spans_go_below_the_address_that_is_named_whatever_its_path() {
        for (named, sent_to) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("http://[::1]:4318/otlp", "http://[::1]:4318/otlp/v1/traces"),
            ("http://10.0.0.7/a/b/", "http://10.0.0.7/a/b/v1/traces"),
        ] {
            assert_eq!(traces_url(named).as_deref(), Ok(sent_to), "{named}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_collector_is_refused_without_being_repeated() {
        for text in [
            "",
            "collector:4318",
            "collector",
            "/v1/traces",
            "grpc://collector:4317",
            "http://",
            "http://a b",
            "http://collector:99999999",
            "http://me:hunter2@collector:4318",
            "http://collector:4318/?key=hunter2",
        ] {
            let error = traces_url(text).unwrap_err();
            assert_eq!(error, InvalidEndpoint::NoUrl, "{text}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        assert_eq!(traces_url("https://collector:4318"), Err(InvalidEndpoint::Tls));
    }

    #[test]
    fn headers_are_read_as_the_specification_writes_them_and_never_shown() {
        let headers: CollectorHeaders = "api-key=hunter2, x-tenant = a%20b%2Cc,".parse().unwrap();
        assert_eq!(headers.map()["api-key"], "hunter2");
        assert_eq!(headers.map()["x-tenant"], "a b,c");
        assert_eq!(format!("{headers:?}"), "CollectorHeaders(2)");
        assert!(!format!("{:?}", headers.map()).contains("hunter2"));
        for text in ["hunter2", "a b=hunter2", "a=hunter2%0A", "=hunter2", "a=%FF"] {
            let error = text.parse::<CollectorHeaders>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_share_is_a_number_from_none_to_all() {
        for (text, ratio) in [("0", 0.0), ("0.25", 0.25), ("1", 1.0), ("1.0", 1.0)] {
            assert_eq!(text.parse(), Ok(SampledShare(ratio)), "{text}");
        }
        for text in ["", "-0.1", "1.01", "NaN", "inf", "all", "50%"] {
            assert_eq!(text.parse::<SampledShare>(), Err(InvalidShare), "{text}");
        }
    }
}
