//! Requests that pages of other origins make.

use std::str::FromStr;

use http::{HeaderName, HeaderValue, Method, header, request::Parts, uri::Authority};
use service_kit::{
    budget,
    observe::REQUEST_ID_HEADER,
    problem::{Problem, ProblemCode},
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::host::requested_host;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origins whose pages may call the API with a bearer token: `CORS_ORIGINS`. By default none.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins(Vec<HeaderValue>);

/// The text was no list of origins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no origin; an origin is written https://app.example.com or http://localhost:5173, without a path"
)]
pub struct InvalidOrigin(String);

/// Origins with commas between them, each as browsers write it (RFC 6454, 6.2).
impl FromStr for AllowedOrigins {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        origins.map(parse_origin).collect::<Result<_, _>>().map(Self)
    }
}

fn parse_origin(origin: &str) -> Result<HeaderValue, InvalidOrigin> {
    let invalid = || InvalidOrigin(origin.to_owned());
    let (scheme, host) = origin.split_once("://").ok_or_else(invalid)?;
    let authority: Authority = host.parse().map_err(|_| invalid())?;
    let written_as_browsers_do = matches!(scheme, "http" | "https")
        && !host.contains('@')
        && !host.bytes().any(|byte| byte.is_ascii_uppercase())
        && !authority.host().is_empty();
    if written_as_browsers_do { HeaderValue::from_str(origin).map_err(|_| invalid()) } else { Err(invalid()) }
}

/// Where the page that made a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestingSite {
    /// From this host, or the request was not made by a page at all.
    Own,
    /// From another origin, which `CORS_ORIGINS` lists.
    Listed,
}

impl AllowedOrigins {
    /// Answers browsers that ask whether a page may call. Never with credentials: cookies are for our own
    /// pages.
    pub(crate) fn cors_layer(&self) -> Option<CorsLayer> {
        let idempotency_key = HeaderName::from_static("idempotency-key");
        let token_delivery = HeaderName::from_static("x-token-delivery");
        let trace_parent = HeaderName::from_static("traceparent");
        let layer = CorsLayer::new()
            .allow_origin(AllowOrigin::list(self.0.iter().cloned()))
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_MATCH,
                idempotency_key,
                token_delivery,
                trace_parent,
                REQUEST_ID_HEADER,
            ])
            .expose_headers([
                REQUEST_ID_HEADER,
                header::RETRY_AFTER,
                header::ETAG,
                header::LOCATION,
                header::WWW_AUTHENTICATE,
            ])
            .max_age(budget::PREFLIGHT);
        (!self.0.is_empty()).then_some(layer)
    }

    /// Refuses requests that a page of another site made, unless its origin is listed.
    ///
    /// Browsers say where a request comes from in `Sec-Fetch-Site`, which pages cannot set, and older ones in
    /// `Origin` alone. Who sends neither is no browser, and cannot be made to send a stranger's cookie.
    pub(crate) fn check_site(&self, request: &Parts) -> Result<RequestingSite, Problem> {
        let site = request.headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
        let origin = request.headers.get(header::ORIGIN);
        if site == Some(b"same-origin") {
            return Ok(RequestingSite::Own);
        }
        if origin.is_some_and(|origin| self.0.contains(origin)) {
            return Ok(RequestingSite::Listed);
        }
        let is_own = match (site, origin) {
            (None | Some(b"none"), None) => true,
            (None | Some(b"none"), Some(origin)) => is_own_origin(origin, request),
            (Some(_), _) => false,
        };
        if is_own {
            return Ok(RequestingSite::Own);
        }
        Err(Problem::new(ProblemCode::Forbidden).detail("Pages of other sites may not do this"))
    }
}

/// Compares the host alone: behind a proxy that ends TLS the scheme is not known here.
fn is_own_origin(origin: &HeaderValue, request: &Parts) -> bool {
    let host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    match (host, requested_host(request)) {
        (Some(origin), Some(own)) => origin.eq_ignore_ascii_case(own),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site_of_request(origins: &str, headers: &[(&str, &str)]) -> Option<RequestingSite> {
        let request = http::Request::post("/auth/login").header("host", "api.example.com");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        origins.parse::<AllowedOrigins>().unwrap().check_site(&parts).ok()
    }

    #[test]
    fn pages_of_other_sites_are_refused_and_programs_are_not() {
        use RequestingSite::{Listed, Own};
        assert_eq!(site_of_request("", &[]), Some(Own));
        assert_eq!(
            site_of_request("", &[("sec-fetch-site", "same-origin"), ("origin", "https://api.example.com")]),
            Some(Own)
        );
        assert_eq!(site_of_request("", &[("sec-fetch-site", "none")]), Some(Own));
        assert_eq!(site_of_request("", &[("origin", "https://api.example.com")]), Some(Own));
        for refused in ["cross-site", "same-site", "nonsense"] {
            assert_eq!(site_of_request("", &[("sec-fetch-site", refused)]), None, "{refused}");
        }
        for refused in ["https://evil.example", "null", "", "https://api.example.com.evil.example"] {
            assert_eq!(site_of_request("", &[("origin", refused)]), None, "{refused}");
        }
        let listed = [("sec-fetch-site", "cross-site"), ("origin", "https://app.example.com")];
        assert_eq!(site_of_request("", &listed), None);
        assert_eq!(site_of_request("http://localhost:5173, https://app.example.com", &listed), Some(Listed));
    }

    #[test]
    fn only_origins_as_browsers_write_them_can_be_listed() {
        for bad in
            ["*", "null", "app.example.com", "https://a/", "https://A", "ftp://a", "https://u@a", "https://"]
        {
            assert!(bad.parse::<AllowedOrigins>().is_err(), "{bad}");
        }
        assert!("".parse::<AllowedOrigins>().unwrap().cors_layer().is_none());
    }
}
