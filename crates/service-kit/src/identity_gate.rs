//! The gate of a service: nobody passes without an identity that its gateway vouches for.

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, Request as HttpRequest, StatusCode};
use tower::ServiceBuilder;

use crate::{
    extract::{DeclaredInputs, refuse_undeclared},
    identity::{Audience, IDENTITY_HEADER, Identity, IdentityKey, VouchedCall},
    observe::{RequestObserver, observe_request},
    problem::{Problem, ProblemCode},
};

/// Where a gateway asks whether a service is reached and accepts its signature.
pub const READY_PATH: &str = "/internal/ready";
/// What [`IDENTITY_HEADER`] says in the answer to a request whose identity was not accepted. It tells the
/// gateway that it was itself refused, and not its caller.
pub const IDENTITY_REFUSED: HeaderValue = HeaderValue::from_static("refused");

/// How a service learns on whose behalf a request is made.
#[derive(Debug, Clone)]
pub enum IdentitySource {
    /// From a header that the gateway, another process, signed with this key.
    Signed(IdentityKey),
    /// From the gateway in the same process, which puts an [`Identity`] into the request's extensions.
    /// Extensions never come from outside, and a header counts for nothing.
    InProcess,
}

impl From<IdentityKey> for IdentitySource {
    fn from(key: IdentityKey) -> Self {
        Self::Signed(key)
    }
}

/// Puts a service's routes behind its gate, and refuses what they do not take.
///
/// Between processes the service is observed by itself and answers [`READY_PATH`]. In one process the gateway
/// does that for both.
pub fn protect_service<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    audience: Audience,
    identity: impl Into<IdentitySource>,
    declared: DeclaredInputs,
) -> Router<S> {
    // Inside of the gate: strangers learn nothing from it.
    let inputs = from_fn_with_state(declared, refuse_undeclared);
    match identity.into() {
        IdentitySource::InProcess => {
            routes.layer(ServiceBuilder::new().layer(from_fn(require_given_identity)).layer(inputs))
        }
        IdentitySource::Signed(key) => {
            let observer = RequestObserver::for_service(audience.name());
            let layers = ServiceBuilder::new()
                .layer(from_fn_with_state(observer, observe_request))
                .layer(from_fn_with_state(SignatureGate { key, audience }, require_signed_identity))
                .layer(inputs);
            routes.route(READY_PATH, get(answer_ready)).layer(layers)
        }
    }
}

/// Whoever got here has shown an identity; only the gateway itself has a use for the answer.
async fn answer_ready() -> StatusCode {
    StatusCode::NO_CONTENT
}

#[derive(Debug, Clone)]
struct SignatureGate {
    key: IdentityKey,
    audience: Audience,
}

/// Lets only requests through that the gateway signed, and tells handlers who calls.
async fn require_signed_identity(
    State(gate): State<SignatureGate>,
    mut request: Request,
    next: Next,
) -> Response {
    let token = request.headers_mut().remove(IDENTITY_HEADER);
    let token = token.as_ref().and_then(|value| value.to_str().ok());
    match token.map(|token| gate.key.verify(gate.audience, token)) {
        Some(Ok(call)) => {
            vouch_for(&mut request, call);
            next.run(request).await
        }
        _ => refuse_stranger(),
    }
}

/// Tells handlers who calls, and about whom. The gateway does so by itself where it calls a service in its
/// own process.
pub fn vouch_for<B>(request: &mut HttpRequest<B>, VouchedCall { identity, subject }: VouchedCall) {
    request.extensions_mut().insert(identity);
    if let Some(subject) = subject {
        request.extensions_mut().insert(subject);
    }
}

/// Lets only requests through that the gateway of this process made.
async fn require_given_identity(request: Request, next: Next) -> Response {
    if request.extensions().get::<Identity>().is_some() { next.run(request).await } else { refuse_stranger() }
}

fn refuse_stranger() -> Response {
    let problem =
        Problem::new(ProblemCode::Unauthenticated).detail("This service answers only to its gateway");
    ([(IDENTITY_HEADER, IDENTITY_REFUSED)], problem).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use domain::ManualClock;
    use tower::ServiceExt;

    use super::*;
    use crate::extract::FromGateway;

    fn key_from(secret: &[u8]) -> IdentityKey {
        let clock = ManualClock::new("2026-05-01T09:00:00Z".parse().unwrap());
        IdentityKey::derive(secret, Arc::new(clock))
    }

    fn gated_service(identity: IdentitySource) -> Router {
        let routes = Router::new().route("/mine", get(|_: FromGateway| async { "hello" }));
        protect_service(routes, Audience::Auth, identity, DeclaredInputs::default())
    }

    async fn status_of(identity: IdentitySource, request: Request) -> StatusCode {
        gated_service(identity).oneshot(request).await.unwrap().status()
    }

    fn signed_request(path: &str, key: &IdentityKey) -> Request {
        let token = key.sign(Audience::Auth, Identity::Gateway).unwrap();
        Request::get(path).header(IDENTITY_HEADER, token).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn between_processes_only_the_signature_counts() {
        let key = key_from(b"0123456789abcdef0123456789abcdef");
        let signed = || IdentitySource::Signed(key.clone());
        assert_eq!(status_of(signed(), signed_request("/mine", &key)).await, StatusCode::OK);
        let mut unsigned = Request::get("/mine").body(Body::empty()).unwrap();
        unsigned.extensions_mut().insert(Identity::Gateway);
        assert_eq!(status_of(signed(), unsigned).await, StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn in_one_process_a_header_counts_for_nothing_however_well_it_is_signed() {
        let key = key_from(b"0123456789abcdef0123456789abcdef");
        let request = signed_request("/mine", &key);
        assert_eq!(status_of(IdentitySource::InProcess, request).await, StatusCode::UNAUTHORIZED);
        let mut given = Request::get("/mine").body(Body::empty()).unwrap();
        given.extensions_mut().insert(Identity::Gateway);
        assert_eq!(status_of(IdentitySource::InProcess, given).await, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_gateway_with_another_secret_learns_that_it_is_refused_itself() {
        let ours = key_from(b"0123456789abcdef0123456789abcdef");
        let theirs = key_from(b"another secret of at least 32 bytes");
        for path in ["/mine", READY_PATH] {
            let service = gated_service(IdentitySource::Signed(ours.clone()));
            let answer = service.oneshot(signed_request(path, &theirs)).await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            assert_eq!(answer.headers()[IDENTITY_HEADER], IDENTITY_REFUSED);
        }
        let request = signed_request(READY_PATH, &ours);
        assert_eq!(status_of(IdentitySource::Signed(ours), request).await, StatusCode::NO_CONTENT);
    }
}
