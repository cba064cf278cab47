use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use axum::{
    Extension,
    body::Body,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use domain::{IdGenerator, ManualClock, ObjectId, Role, RoleSet, UserId};
use futures::stream;
use http::{HeaderMap, StatusCode, header, request::Builder};
use service_kit::{
    access_token::AccessTokenKey,
    api_key::ApiKeyHash,
    extract::DeclaredInputs,
    identity::{Audience, CLIENT_HEADER, IDENTITY_HEADER, Identity, IdentityKey, Subject},
    identity_gate::{IdentitySource, protect_service},
    internal_api::KeyStanding,
    problem::{Problem, ProblemCode},
    ratelimit::{MemoryRateLimits, NoRateLimits, RateLimits, RateQuotas},
    server::PeerAddress,
};
use tower::ServiceExt;

use super::*;
use crate::{
    ClientAddressRule, CredentialsAnswer, CredentialsQuestion, SessionCheck, SessionLookup,
    SessionsUnavailable, SubjectLookup, SubjectsUnavailable, UploadTurns, Upstream, UserRoles,
    login_activities,
};

mod keys;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const USER: UserId = UserId(ObjectId::from_bytes([7; 12]));

/// What the services behind the gateway saw, and whether sessions live.
#[derive(Debug, Default)]
struct FakeServices {
    session_ended: AtomicBool,
    keys: Mutex<HashMap<ApiKeyHash, KeyStanding>>,
    calls: Mutex<Vec<(String, Identity, HeaderMap)>>,
    subjects: Mutex<Vec<Option<Subject>>>,
}

#[async_trait]
impl SessionCheck for FakeServices {
    async fn check(&self, question: CredentialsQuestion) -> Result<CredentialsAnswer, SessionsUnavailable> {
        let keys = self.keys.lock().unwrap();
        let standing = |key| keys.get(key).copied().unwrap_or(KeyStanding::Unknown);
        Ok(CredentialsAnswer {
            sessions: vec![!self.session_ended.load(Ordering::SeqCst); question.sessions.len()],
            keys: question.keys.iter().map(standing).collect(),
        })
    }
}

/// There is one user.
#[async_trait]
impl UserRoles for FakeServices {
    async fn roles_of(&self, users: Vec<UserId>) -> Result<Vec<Option<RoleSet>>, SubjectsUnavailable> {
        Ok(users.into_iter().map(|user| (user == USER).then_some(RoleSet::CLAIMANTS)).collect())
    }
}

impl FakeServices {
    /// Stands for both services: it notes each call and answers as its path says.
    fn service(self: &Arc<Self>, audience: Audience, identity: IdentitySource) -> Router {
        let world = Arc::clone(self);
        let record = move |Extension(identity): Extension<Identity>, request: Request| {
            let world = Arc::clone(&world);
            async move {
                let path = request.uri().path().to_owned();
                let answer = match (path.as_str(), identity, request.headers().contains_key(header::COOKIE)) {
                    ("/auth/logout", Identity::Anonymous, false) => {
                        Problem::new(ProblemCode::Unauthenticated).into_response()
                    }
                    _ => StatusCode::NO_CONTENT.into_response(),
                };
                world.subjects.lock().unwrap().push(request.extensions().get().copied());
                world.calls.lock().unwrap().push((path, identity, request.headers().clone()));
                answer
            }
        };
        let frozen = || async { std::future::pending::<Response>().await };
        let routes = Router::new()
            .route("/users/{id}/roles", put(record.clone()))
            .route("/users/me", get(record.clone()))
            .route("/users/{id}", get(record.clone()))
            .route("/auth/logout", post(record.clone()))
            .route("/auth/login", post(record.clone()))
            .route("/events/{eventId}/request", post(record.clone()))
            .route("/rewards/{rewardId}/codes", post(record.clone()))
            .route("/events", get(record).post(frozen));
        protect_service(routes, audience, identity, DeclaredInputs::default())
    }
}

struct TestGateway {
    world: Arc<FakeServices>,
    tokens: AccessTokenKey,
    clock: ManualClock,
    router: Router,
}

impl TestGateway {
    fn new() -> Self {
        Self::build(Arc::new(NoRateLimits), "", None)
    }

    fn with_origins(origins: &str) -> Self {
        Self::build(Arc::new(NoRateLimits), origins, None)
    }

    fn build(limits: Arc<dyn RateLimits>, origins: &str, auth: Option<Upstream>) -> Self {
        let world = Arc::new(FakeServices::default());
        let clock = ManualClock::new("2026-05-01T09:00:00Z".parse().unwrap());
        let tokens = AccessTokenKey::new(SECRET, Arc::new(clock.clone()));
        let in_process = |audience| Upstream::InProcess(world.service(audience, IdentitySource::InProcess));
        let ids = IdGenerator::new(Arc::new(clock.clone()));
        let (logins, _) = login_activities(in_process(Audience::Event), ids);
        let gateway = Gateway {
            auth: auth.unwrap_or_else(|| in_process(Audience::Auth)),
            event: in_process(Audience::Event),
            tokens: tokens.clone(),
            sessions: SessionLookup::direct(Arc::<FakeServices>::clone(&world)),
            subjects: SubjectLookup::direct(Arc::<FakeServices>::clone(&world)),
            limits,
            clients: ClientAddressRule::new(0),
            origins: origins.parse().unwrap(),
            logins,
            uploads: UploadTurns::new(),
        };
        Self { world, tokens, clock, router: router(gateway, &crate::document([])) }
    }

    fn token(&self, roles: &[Role]) -> String {
        format!("Bearer {}", self.tokens.issue(USER, RoleSet::from_roles(roles)).unwrap().token)
    }

    async fn send(&self, request: Builder, body: impl Into<Body>) -> GatewayAnswer {
        let mut request = request.body(body.into()).unwrap();
        request.headers_mut().entry(header::HOST).or_insert("localhost:3333".parse().unwrap());
        self.send_as_is(request).await
    }

    async fn send_as_is(&self, mut request: Request) -> GatewayAnswer {
        request.extensions_mut().insert(PeerAddress(SocketAddr::from(([127, 0, 0, 1], 5000))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        GatewayAnswer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    fn calls(&self) -> Vec<(String, Identity, HeaderMap)> {
        std::mem::take(&mut self.world.calls.lock().unwrap())
    }
}

#[derive(Debug)]
struct GatewayAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl GatewayAnswer {
    #[track_caller]
    fn expect_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.body.contains(&format!("\"code\":\"{code}\"")), "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[tokio::test]
async fn a_session_that_ends_while_the_body_arrives_is_not_used() {
    let gateway = TestGateway::new();
    let world = Arc::clone(&gateway.world);
    let beginning = stream::iter([Ok("{\"ro")]);
    let rest = stream::once(async move {
        world.session_ended.store(true, Ordering::SeqCst);
        Ok::<_, std::io::Error>("les\":[\"ADMIN\"]}")
    });
    let body = Body::from_stream(futures::StreamExt::chain(beginning, rest));
    let request = Request::put(format!("/users/{USER}/roles"))
        .header("authorization", gateway.token(&[Role::Admin]))
        .header("content-type", "application/json");
    gateway.send(request, body).await.expect_problem(401, "SESSION_REVOKED");
    assert_eq!(gateway.calls(), []);
}

#[tokio::test]
async fn two_send_large_bodies_at_the_same_time_and_only_those_who_may() {
    let gateway = TestGateway::new();
    let upload = |role| {
        Request::post(format!("/rewards/{}/codes", "6".repeat(24)))
            .header("authorization", gateway.token(&[role]))
            .header("content-type", "text/csv")
    };
    let large = || vec![b'x'; 1024 * 1024 + 1];
    let endless = || Body::from_stream(stream::pending::<Result<&str, std::io::Error>>());
    // Nobody waits for the body of somebody who may not send it.
    gateway.send(upload(Role::User), endless()).await.expect_problem(403, "FORBIDDEN");
    assert_eq!(gateway.send(upload(Role::Operator), large()).await.status, StatusCode::NO_CONTENT);
    gateway.calls();
    let mut sending: Vec<_> =
        (0..2).map(|_| Box::pin(gateway.send(upload(Role::Operator), endless()))).collect();
    for request in &mut sending {
        assert!(futures::poll!(request).is_pending());
    }
    let third = gateway.send(upload(Role::Admin), "A").await;
    third.expect_problem(503, "UNAVAILABLE");
    assert_ne!(third.header("retry-after"), "");
    drop(sending);
    assert_eq!(gateway.send(upload(Role::Admin), "A").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_service_in_process_learns_who_calls_and_nothing_that_was_forged() {
    let gateway = TestGateway::new();
    let request = Request::get("/users/me")
        .header("authorization", gateway.token(&[Role::User]))
        .header(IDENTITY_HEADER, "forged");
    let answer = gateway.send(request, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let (_, identity, headers) = gateway.calls().remove(0);
    assert!(matches!(identity, Identity::User(caller) if caller.id == USER));
    assert!(!headers.contains_key(IDENTITY_HEADER) && !headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_token_that_does_not_count_is_named_and_a_missing_one_is_not() {
    let gateway = TestGateway::new();
    let none = gateway.send(Request::get("/users/me"), Body::empty()).await;
    none.expect_problem(401, "UNAUTHENTICATED");
    assert!(!none.header("www-authenticate").contains("error"), "{none:?}");
    let garbage = Request::get("/users/me").header("authorization", "Bearer garbage");
    let garbage = gateway.send(garbage, Body::empty()).await;
    garbage.expect_problem(401, "UNAUTHENTICATED");
    assert!(garbage.header("www-authenticate").contains("error=\"invalid_token\""), "{garbage:?}");
}

#[tokio::test(start_paused = true)]
async fn a_frozen_service_costs_its_caller_two_seconds_at_most() {
    let gateway = TestGateway::new();
    let request = Request::post("/events")
        .header("authorization", gateway.token(&[Role::Operator]))
        .header("content-type", "application/json");
    let started = tokio::time::Instant::now();
    let answer = gateway.send(request, "{}").await;
    answer.expect_problem(503, "UNAVAILABLE");
    assert!(!answer.header("retry-after").is_empty());
    assert!(started.elapsed() <= service_kit::budget::PROMISE);
}

#[tokio::test]
async fn paths_that_do_not_exist_and_the_documents_stand_inside_the_rate_limit() {
    for (method, path) in
        [("GET", "/nowhere"), ("PATCH", "/events"), ("GET", "/docs/"), ("GET", "/openapi.json"), ("GET", "/")]
    {
        let once = "1/h".parse().unwrap();
        let quotas = RateQuotas::from_fn(|_| once);
        let gateway = TestGateway::build(Arc::new(MemoryRateLimits::new(&quotas)), "", None);
        let request = || Request::builder().method(method).uri(path);
        assert_ne!(gateway.send(request(), Body::empty()).await.status, 429);
        gateway.send(request(), Body::empty()).await.expect_problem(429, "RATE_LIMITED");
    }
}

#[tokio::test]
async fn a_request_that_names_no_two_or_a_malformed_host_is_refused_with_a_problem() {
    let gateway = TestGateway::new();
    for hosts in [&[][..], &["a", "b"], &["a b"]] {
        for path in ["/users/me", "/nowhere", "/docs/"] {
            let request = Request::get(path);
            let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
            let answer = gateway.send_as_is(request.body(Body::empty()).unwrap()).await;
            answer.expect_problem(400, "MALFORMED_REQUEST");
        }
    }
}

#[tokio::test]
async fn who_opens_the_address_in_a_browser_is_led_to_pages_that_run_only_their_own_scripts() {
    let gateway = TestGateway::new();
    let root = gateway.send(Request::get("/"), Body::empty()).await;
    assert_eq!((root.status, root.header("location")), (StatusCode::SEE_OTHER, "/docs/"));
    let page = gateway.send(Request::get("/docs/"), Body::empty()).await;
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let names = page.body.split(['"', ' ']).filter_map(|word| word.strip_prefix("./"));
    let mut files: Vec<_> = names.collect();
    files.push("index.css");
    assert!(files.len() > 4, "{}", page.body);
    for file in files {
        let answer = gateway.send(Request::get(format!("/docs/{file}")), Body::empty()).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
    }
    assert_eq!(gateway.send(Request::get("/docs/nothing"), Body::empty()).await.status, 404);
}

#[tokio::test]
async fn listed_origins_may_call_without_credentials_and_others_not_at_all() {
    let gateway = TestGateway::with_origins("https://app.example.com");
    let preflight = |origin: &str| {
        Request::options("/events")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
    };
    let allowed = gateway.send(preflight("https://app.example.com"), Body::empty()).await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example.com");
    assert!(allowed.header("access-control-allow-headers").contains("authorization"));
    assert!(!allowed.headers.contains_key("access-control-allow-credentials"));
    let refused = gateway.send(preflight("https://evil.example"), Body::empty()).await;
    assert!(!refused.headers.contains_key("access-control-allow-origin"));
    // Refusals too can be read by the page.
    let request = Request::get("/users/me").header("origin", "https://app.example.com");
    let answer = gateway.send(request, Body::empty()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("access-control-allow-origin")),
        (401, "https://app.example.com")
    );
}

#[tokio::test]
async fn pages_of_other_sites_cannot_touch_sessions_and_listed_ones_never_with_the_cookie() {
    let gateway = TestGateway::with_origins("https://app.example.com");
    let log_in = |origin: &str| {
        Request::post("/auth/login")
            .header("origin", origin)
            .header("sec-fetch-site", "cross-site")
            .header("cookie", "refreshToken=secret")
    };
    gateway.send(log_in("https://evil.example"), "{}").await.expect_problem(403, "FORBIDDEN");
    assert_eq!(gateway.calls(), []);
    assert_eq!(gateway.send(log_in("https://app.example.com"), "{}").await.status, 204);
    assert!(!gateway.calls().remove(0).2.contains_key("cookie"));
    let own = Request::post("/auth/login").header("sec-fetch-site", "same-origin").header("cookie", "a=b");
    assert_eq!(gateway.send(own, "{}").await.status, 204);
    assert!(gateway.calls().remove(0).2.contains_key("cookie"));
}

#[tokio::test]
async fn auth_learns_the_client_from_the_gateway_and_not_from_the_client() {
    let gateway = TestGateway::new();
    let request = Request::post("/auth/login").header(CLIENT_HEADER, "6.6.6.6");
    assert_eq!(gateway.send(request, "{}").await.status, 204);
    assert_eq!(gateway.calls().remove(0).2[CLIENT_HEADER], "127.0.0.1");
}

#[tokio::test]
async fn a_logout_needs_a_live_token_or_what_else_its_service_accepts() {
    let gateway = TestGateway::new();
    let log_out = |token: &str| Request::post("/auth/logout").header("authorization", token);
    let live = gateway.token(&[Role::User]);
    assert_eq!(gateway.send(log_out(&live), Body::empty()).await.status, 204);
    assert!(matches!(gateway.calls().remove(0).1, Identity::User(_)));

    gateway.world.session_ended.store(true, Ordering::SeqCst);
    gateway.send(log_out(&live), Body::empty()).await.expect_problem(401, "SESSION_REVOKED");
    gateway.clock.advance_seconds(3600);
    gateway.send(log_out(&live), Body::empty()).await.expect_problem(401, "TOKEN_EXPIRED");
    gateway.calls();
    for token in [&live[..], "Bearer garbage"] {
        let with_cookie = log_out(token).header("cookie", "refreshToken=secret");
        assert_eq!(gateway.send(with_cookie, Body::empty()).await.status, 204);
        assert_eq!(gateway.calls().remove(0).1, Identity::Anonymous);
    }
}

#[tokio::test]
async fn a_body_where_none_is_taken_is_refused() {
    let gateway = TestGateway::new();
    let request = || Request::get("/users/me").header("authorization", gateway.token(&[Role::User]));
    gateway.send(request(), "{}").await.expect_problem(400, "VALIDATION_FAILED");
    let unknown_length = Body::from_stream(stream::iter([Ok::<_, std::io::Error>("x")]));
    gateway.send(request(), unknown_length).await.expect_problem(400, "VALIDATION_FAILED");
    assert_eq!(gateway.calls(), []);
}

#[tokio::test]
async fn a_role_that_is_missing_is_refused_and_its_service_not_called() {
    let gateway = TestGateway::new();
    let request = Request::put(format!("/users/{USER}/roles"))
        .header("authorization", gateway.token(&[Role::Operator]));
    gateway.send(request, "{}").await.expect_problem(403, "FORBIDDEN");
    assert_eq!(gateway.calls(), []);
}

/// A service over real HTTP, which shares `secret` with its gateway or not.
async fn served_auth(secret: &[u8], clock: &ManualClock) -> (Arc<crate::HttpUpstream>, Arc<FakeServices>) {
    let key = |secret| IdentityKey::derive(secret, Arc::new(clock.clone()));
    let world = Arc::new(FakeServices::default());
    let service =
        world.service(Audience::Auth, key(secret).into()).route("/readyz", get(|| async { "ready" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let settings = service_kit::server::ServerSettings::default();
        let bound = service_kit::server::BoundListener::new(listener, service);
        service_kit::server::serve(vec![bound], settings, tokio_util::sync::CancellationToken::new()).await;
    });
    let upstream = crate::HttpUpstream::new(Audience::Auth, "127.0.0.1", port, key(SECRET)).unwrap();
    (Arc::new(upstream), world)
}

#[tokio::test]
async fn a_service_with_another_secret_is_unavailable_and_not_ready_and_nobody_is_told_to_log_in() {
    use service_kit::health::Dependency;
    let clock = ManualClock::new("2026-05-01T09:00:00Z".parse().unwrap());
    for (secret, ready) in [(SECRET, true), (&b"another secret of at least 32 bytes"[..], false)] {
        let (upstream, world) = served_auth(secret, &clock).await;
        assert_eq!((upstream.name(), upstream.answers().await), ("auth", ready));
        let gateway = TestGateway::build(Arc::new(NoRateLimits), "", Some(Upstream::Http(upstream)));
        let request = Request::get("/users/me").header("authorization", gateway.token(&[Role::User]));
        let answer = gateway.send(request, Body::empty()).await;
        assert!(!answer.headers.contains_key(IDENTITY_HEADER));
        if ready {
            assert_eq!(answer.status, StatusCode::NO_CONTENT);
            assert!(matches!(world.calls.lock().unwrap()[0].1, Identity::User(caller) if caller.id == USER));
        } else {
            answer.expect_problem(503, "UNAVAILABLE");
        }
    }
}
