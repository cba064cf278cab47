//! One layer around a listener's routes: request id, access log, metrics, problem bodies, panics.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::{ApiKeyId, RandomSource, UserId};
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tracing::{Instrument, Span};

use crate::{
    problem::{Problem, ProblemCode},
    request_metrics::RequestMetrics,
    traces::{RequestSpan, TracePlace, record_status},
};

/// Correlates a request with its log lines and its answer.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// How much of a method is logged. The longest registered one, UPDATEREDIRECTREF, has 17 letters.
const LOGGED_METHOD_BYTES: usize = 20;

/// The id of a request: the caller's if it is well-formed (1 to 128 letters, digits, `-`, `_`, `.`), else a
/// new one.
#[derive(Debug, Clone)]
pub struct CorrelationId(pub Arc<str>);

/// Put into a response's extensions to name the caller in the access log.
#[derive(Debug, Clone, Copy)]
pub enum LoggedCaller {
    /// By their id.
    User(UserId),
    /// By the id of their key.
    ApiKey(ApiKeyId),
}

impl LoggedCaller {
    fn user_id(self) -> Option<UserId> {
        if let Self::User(id) = self { Some(id) } else { None }
    }

    fn api_key_id(self) -> Option<ApiKeyId> {
        if let Self::ApiKey(id) = self { Some(id) } else { None }
    }
}

/// Which service is observed, how loud, and its figures. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RequestObserver {
    service: &'static str,
    is_edge: bool,
    metrics: Arc<RequestMetrics>,
    random: RandomSource,
}

impl RequestObserver {
    /// For the public edge: it writes the access log.
    pub fn for_edge(service: &'static str) -> Self {
        Self {
            service,
            is_edge: true,
            metrics: Arc::new(RequestMetrics::new(service)),
            random: RandomSource::new(),
        }
    }

    /// For a service behind the edge: it logs only what went wrong.
    pub fn for_service(service: &'static str) -> Self {
        Self {
            service,
            is_edge: false,
            metrics: Arc::new(RequestMetrics::new(service)),
            random: RandomSource::new(),
        }
    }

    fn start_span(&self, request: &Request, route: Option<&str>, id: &CorrelationId) -> Span {
        let span = RequestSpan {
            service: self.service,
            is_edge: self.is_edge,
            method: logged_method(request.method()),
            route,
            request_id: &id.0,
            headers: request.headers(),
        };
        span.start()
    }
}

/// The middleware itself; put it outermost.
pub async fn observe_request(
    State(observer): State<RequestObserver>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let (id, id_header) = correlation_id(&request, &observer.random);
    request.headers_mut().insert(REQUEST_ID_HEADER, id_header.clone());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let matched = matched.as_ref().map(MatchedPath::as_str);
    let span = observer.start_span(&request, matched, &id);

    let mut entry = AccessLogEntry {
        observer: &observer,
        id: &id,
        method: &method,
        route: matched.unwrap_or("(none)"),
        span: &span,
        started,
        answered: false,
    };
    let in_flight = observer.metrics.enter();
    let outcome = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    drop(in_flight);
    entry.answered = true;

    let mut response = outcome.unwrap_or_else(|_| Problem::new(ProblemCode::Internal).into_response());
    let problem = response.extensions_mut().remove::<Problem>();
    entry.log_answer(response.status(), response.extensions().get(), problem.as_ref());
    entry.count_answer(response.status().as_u16());
    if let Some(problem) = problem {
        response = render_problem(&response, problem, &id);
    }
    response.headers_mut().insert(REQUEST_ID_HEADER, id_header);
    response
}

/// The problem as a body. Headers that were set beside it (`Allow`, `WWW-Authenticate`) replace its own.
fn render_problem(original: &Response, problem: Problem, id: &CorrelationId) -> Response {
    let mut response = problem.into_response_for(&id.0);
    let beside = original.headers().keys().filter(|name| *name != http::header::CONTENT_LENGTH);
    for name in beside {
        response.headers_mut().remove(name);
        for value in original.headers().get_all(name) {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

fn correlation_id(request: &Request, random: &RandomSource) -> (CorrelationId, HeaderValue) {
    let well_formed = |id: &str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let given = request.headers().get(REQUEST_ID_HEADER);
    if let Some(value) = given
        && let Ok(id) = value.to_str()
        && well_formed(id)
    {
        return (CorrelationId(id.into()), value.clone());
    }
    let mut digits = [0; 32];
    // They fit, and hexadecimal digits always make a text and a header.
    let _ = hex::encode_to_slice(random.bytes::<16>(), &mut digits);
    let id = str::from_utf8(&digits).unwrap_or("invalid");
    let header = HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("invalid"));
    (CorrelationId(id.into()), header)
}

/// A request on its way to a line of the log.
struct AccessLogEntry<'a> {
    observer: &'a RequestObserver,
    id: &'a CorrelationId,
    method: &'a Method,
    route: &'a str,
    span: &'a Span,
    started: Instant,
    answered: bool,
}

/// The client left before it was answered, as nginx counts it.
const CLIENT_LEFT: u16 = 499;

/// A caller who gives up takes the request's future with it: also that is counted and logged.
impl Drop for AccessLogEntry<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.count_answer(CLIENT_LEFT);
            let millis = self.started.elapsed().as_secs_f64() * 1000.0;
            let (service, request_id, method) =
                (self.observer.service, &self.id.0, logged_method(self.method));
            let trace_id = TracePlace::of(self.span).trace_id();
            tracing::info!(
                service,
                %request_id,
                trace_id = trace_id.as_deref(),
                method,
                route = self.route,
                millis,
                "the client left"
            );
        }
    }
}

impl AccessLogEntry<'_> {
    fn count_answer(&self, status: u16) {
        record_status(self.span, status);
        self.observer.metrics.count_answer(self.route, self.method, status, self.started.elapsed());
    }

    /// Reads that went well are the bulk and the least interesting: they are logged at DEBUG only.
    fn log_answer(&self, status: StatusCode, caller: Option<&LoggedCaller>, problem: Option<&Problem>) {
        let millis = self.started.elapsed().as_secs_f64() * 1000.0;
        let user = caller.and_then(|caller| caller.user_id()).map(tracing::field::display);
        let api_key = caller.and_then(|caller| caller.api_key_id()).map(tracing::field::display);
        let code = problem.map(|problem| problem.code().name());
        let cause = problem.and_then(Problem::cause).map(tracing::field::display);
        let trace_id = TracePlace::of(self.span).trace_id();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    service = self.observer.service,
                    request_id = %self.id.0,
                    trace_id = trace_id.as_deref(),
                    user_id = user,
                    api_key_id = api_key,
                    method = logged_method(self.method),
                    route = self.route,
                    status = status.as_u16(),
                    code,
                    cause,
                    millis,
                    "request"
                )
            };
        }
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            line!(error);
        } else if status.is_server_error() {
            line!(warn);
        } else if self.observer.is_edge && (status.is_client_error() || !self.method.is_safe()) {
            line!(info);
        } else {
            line!(debug);
        }
    }
}

/// Methods are callers' input of any length. (They are ASCII, so that a cut never falls into a character.)
fn logged_method(method: &Method) -> &str {
    let method = method.as_str();
    method.get(..LOGGED_METHOD_BYTES).unwrap_or(method)
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use http::header;
    use tower::ServiceExt;

    use super::*;

    fn with_observer(router: Router) -> Router {
        router.layer(from_fn_with_state(RequestObserver::for_edge("gateway"), observe_request))
    }

    async fn answer_to(router: Router, id: &str) -> Response {
        let request = Request::get("/").header(REQUEST_ID_HEADER, id).body(Body::empty()).unwrap();
        with_observer(router).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_well_formed_id_of_the_caller_is_kept_and_another_replaced() {
        let router = Router::new().route("/", get(|| async { "hello" }));
        assert_eq!(answer_to(router.clone(), "a-1_b.c").await.headers()[REQUEST_ID_HEADER], "a-1_b.c");
        for bad in ["", "a b", "a/b", &"a".repeat(129)] {
            let answer = answer_to(router.clone(), bad).await;
            assert_eq!(answer.headers()[REQUEST_ID_HEADER].len(), 32, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_header_set_beside_a_problem_replaces_the_problems_own() {
        let refuse = || async {
            let headers = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
            (headers, Problem::new(ProblemCode::Unauthenticated))
        };
        let answer = answer_to(Router::new().route("/", get(refuse)), "a").await;
        let challenges: Vec<_> = answer.headers().get_all(header::WWW_AUTHENTICATE).iter().collect();
        assert_eq!(challenges, ["Bearer error=\"invalid_token\""]);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_tells_nothing_of_it() {
        async fn panic_at_once() -> &'static str {
            panic!("secret")
        }
        let answer = answer_to(Router::new().route("/", get(panic_at_once)), "a").await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }

    #[test]
    fn a_method_of_any_length_takes_little_room_in_the_log() {
        let method = Method::from_bytes("A".repeat(60_000).as_bytes()).unwrap();
        assert_eq!(logged_method(&method), "A".repeat(20));
        assert_eq!(logged_method(&Method::DELETE), "DELETE");
    }
}
