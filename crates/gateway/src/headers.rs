//! Which headers pass from a client to a service and back.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use service_kit::identity::{CLIENT_HEADER, IDENTITY_HEADER};

use crate::{edge::ClientKey, origins::RequestingSite, routes::ServiceName};

/// Headers that belong to one connection (RFC 9110, 7.6.1), not to the message.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Headers of a request that only the gateway reads, or only it sets.
const NOT_FOR_SERVICES: [HeaderName; 6] = [
    IDENTITY_HEADER,
    CLIENT_HEADER,
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::EXPECT,
];

/// What came from outside and must not be believed, or is not the service's business, goes.
///
/// A listed origin's page never gets to use the cookie, also where browsers would send it (pages of the same
/// site).
pub(crate) fn prepare_request(
    headers: &mut HeaderMap,
    service: ServiceName,
    site: RequestingSite,
    client: Option<&ClientKey>,
) {
    let drops_cookie = service != ServiceName::Auth || site == RequestingSite::Listed;
    remove_headers(headers, |name| {
        NOT_FOR_SERVICES.contains(name) || (drops_cookie && name == header::COOKIE)
    });
    // Auth counts wrong passwords by account and client.
    let client = client.filter(|_| service == ServiceName::Auth);
    if let Some(client) = client.and_then(|ClientKey(key)| HeaderValue::from_str(key).ok()) {
        headers.insert(CLIENT_HEADER, client);
    }
}

/// What is between gateway and service stays there.
pub(crate) fn prepare_answer(headers: &mut HeaderMap) {
    remove_headers(headers, |name| name == IDENTITY_HEADER);
}

/// Removes what belongs to the connection, and what else is not to be passed on. It goes through the headers
/// that there are, since those are fewer than the names that might be.
fn remove_headers(headers: &mut HeaderMap, stays_here: impl Fn(&HeaderName) -> bool) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let goes = |name: &&HeaderName| HOP_BY_HOP.contains(name) || named.contains(name) || stays_here(name);
    let gone: Vec<HeaderName> = headers.keys().filter(goes).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_left(service: ServiceName, site: RequestingSite) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-guerdon-identity", "forged"),
            ("x-guerdon-client", "forged"),
            ("authorization", "Bearer secret"),
            ("cookie", "refreshToken=secret"),
            ("connection", "close, x-private"),
            ("x-private", "1"),
            ("transfer-encoding", "chunked"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("idempotency-key", "k"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        prepare_request(&mut headers, service, site, None);
        let mut left: Vec<_> = headers.keys().map(|name| name.as_str().to_owned()).collect();
        left.sort_unstable();
        left
    }

    #[test]
    fn forged_identities_credentials_and_connection_headers_never_reach_a_service() {
        let own = RequestingSite::Own;
        assert_eq!(names_left(ServiceName::Event, own), ["idempotency-key", "traceparent"]);
        assert_eq!(names_left(ServiceName::Auth, own), ["cookie", "idempotency-key", "traceparent"]);
        assert_eq!(names_left(ServiceName::Auth, RequestingSite::Listed), ["idempotency-key", "traceparent"]);
    }
}
