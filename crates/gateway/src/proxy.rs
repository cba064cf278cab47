use std::time::Duration;

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use service_kit::{
    identity::{Audience, IDENTITY_HEADER, Identity},
    observe::Actor,
    problem::{Code, Problem},
};
use tokio::time::timeout;

use crate::{
    guard::admit,
    router::Gateway,
    routes::{Route, Service},
};

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a refused request's body is read and dropped, and for how long.
const DRAIN_BYTES: usize = 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a service may take to answer.
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(10);

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

/// Guards a request, passes it to its service and the answer back.
pub(crate) async fn forward(gateway: &Gateway, route: &'static Route, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let invited = !parts.headers.contains_key(header::EXPECT);
    let identity = match admit(gateway, route, &parts).await {
        Ok(identity) => identity,
        Err(problem) => return refuse(problem, &mut body, invited).await,
    };
    let mut response = match pass(gateway, route, identity, parts, &mut body).await {
        Ok(response) => response,
        Err(problem) => refuse(problem, &mut body, invited).await,
    };
    if let Identity::User(caller) = identity {
        response.extensions_mut().insert(Actor(caller.id));
    }
    response
}

/// Answers with a problem, perhaps before the body was read. Closing on a client that is still sending can cost it the
/// answer, and its next request the connection: so the rest is read and dropped, and past a bound the answer says that
/// the connection ends (RFC 9112, 9.6).
async fn refuse(problem: Problem, body: &mut Body, invited: bool) -> Response {
    let on_its_way = invited && problem.code() != Code::RequestTimeout;
    let read = body.is_end_stream() || (on_its_way && drain(body).await);
    let mut response = problem.into_response();
    if !read {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether the body came to its end within the bounds.
async fn drain(body: &mut Body) -> bool {
    let mut left = DRAIN_BYTES;
    let to_the_end = async {
        while let Some(frame) = body.frame().await {
            left = left.checked_sub(frame.ok()?.data_ref().map_or(0, Bytes::len))?;
        }
        Some(())
    };
    matches!(timeout(DRAIN_TIMEOUT, to_the_end).await, Ok(Some(())))
}

async fn pass(
    gateway: &Gateway,
    route: &Route,
    identity: Identity,
    mut parts: Parts,
    body: &mut Body,
) -> Result<Response, Problem> {
    let body = read_body(&parts.headers, body, route.body_limit).await?;
    let (upstream, audience) = match route.service {
        Service::Auth => (&gateway.auth, Audience::Auth),
        Service::Event => (&gateway.event, Audience::Event),
    };
    prepare_headers(&mut parts.headers, route.service);
    parts.headers.insert(IDENTITY_HEADER, signed(gateway, audience, identity)?);
    parts.extensions.clear();
    let request = http::Request::from_parts(parts, Full::from(body));
    let mut response = timeout(UPSTREAM_TIMEOUT, upstream.call(request))
        .await
        .map_err(|late| Problem::new(Code::Unavailable).caused_by(late))?
        .map_err(|error| Problem::new(Code::Unavailable).caused_by(error))?;
    remove_hop_by_hop(response.headers_mut());
    Ok(response)
}

async fn read_body(headers: &HeaderMap, body: &mut Body, limit: usize) -> Result<Bytes, Problem> {
    let too_large =
        || Problem::new(Code::BodyTooLarge).detail(format!("The body may have at most {limit} bytes"));
    if limit == 0 {
        return Ok(Bytes::new());
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > limit) {
        return Err(too_large());
    }
    match timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(Code::MalformedBody).detail("The body ended early")),
        Err(_) => Err(Problem::new(Code::RequestTimeout)),
    }
}

/// What came from outside and must not be believed, or is not the service's business, goes.
fn prepare_headers(headers: &mut HeaderMap, service: Service) {
    remove_hop_by_hop(headers);
    headers.remove(IDENTITY_HEADER);
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::HOST);
    headers.remove(header::EXPECT);
    if service != Service::Auth {
        headers.remove(header::COOKIE);
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

fn signed(gateway: &Gateway, audience: Audience, identity: Identity) -> Result<HeaderValue, Problem> {
    let token = gateway
        .identity
        .sign(audience, identity)
        .map_err(|error| Problem::new(Code::Internal).caused_by(error))?;
    HeaderValue::try_from(token).map_err(|error| Problem::new(Code::Internal).caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forged_identities_credentials_and_connection_headers_never_reach_a_service() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-guerdon-identity", "forged"),
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
        prepare_headers(&mut headers, Service::Event);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["idempotency-key", "traceparent"]);
    }
}
