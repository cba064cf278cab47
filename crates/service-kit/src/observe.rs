//! One layer around a service: request id, access log, metrics, problem bodies, panics.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::UserId;
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Method, StatusCode};

use crate::{
    metrics::{HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS},
    problem::{Code, Problem},
};

/// Correlates a request with its log lines and its answer.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: the caller's if it is well-formed, else a new one.
#[derive(Debug, Clone)]
pub struct CorrelationId(pub Arc<str>);

/// Put into a response's extensions to name the user in the access log.
#[derive(Debug, Clone, Copy)]
pub struct Actor(pub UserId);

/// Which service is observed, and how loud.
#[derive(Debug, Clone, Copy)]
pub struct Observe {
    /// `gateway`, `auth` or `event`.
    pub service: &'static str,
    /// Whether this is the edge: the edge writes the access log, services behind it only what went wrong.
    pub edge: bool,
}

/// The middleware itself; put it outermost.
pub async fn observe(State(observed): State<Observe>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = correlation_id(&request);
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        request.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);

    let mut line = Line { observed, id: &id, method: &method, route, started, answered: false };
    let in_flight = metrics::gauge!(HTTP_IN_FLIGHT, "service" => observed.service);
    let in_flight = InFlight::enter(in_flight);
    let outcome = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    drop(in_flight);
    line.answered = true;

    let mut response = outcome.unwrap_or_else(|_| Problem::new(Code::Internal).into_response());
    let problem = response.extensions_mut().remove::<Problem>();
    line.log(response.status(), response.extensions().get(), problem.as_ref());
    line.count(response.status().as_str());
    if let Some(problem) = problem {
        response = rendered(&response, problem, &id);
    }
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    response
}

/// The problem as a body, keeping headers that were set beside it (`Allow`, for one).
fn rendered(original: &Response, problem: Problem, id: &CorrelationId) -> Response {
    let mut response = problem.into_response_for(&id.0);
    for (name, value) in original.headers() {
        if !response.headers().contains_key(name) && name != http::header::CONTENT_LENGTH {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

fn correlation_id(request: &Request) -> CorrelationId {
    let given = request.headers().get(REQUEST_ID_HEADER).and_then(|value| value.to_str().ok());
    let well_formed = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match given.filter(well_formed) {
        Some(id) => CorrelationId(id.into()),
        None => CorrelationId(hex::encode(rand::random::<[u8; 16]>()).into()),
    }
}

struct Line<'a> {
    observed: Observe,
    id: &'a CorrelationId,
    method: &'a Method,
    route: &'a str,
    started: Instant,
    answered: bool,
}

/// The client left before it was answered, as nginx counts it.
const CLIENT_LEFT: &str = "499";

/// A caller who gives up takes the request's future with it: also that is counted and logged.
impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.count(CLIENT_LEFT);
            let millis = self.started.elapsed().as_secs_f64() * 1000.0;
            let (service, request_id, method) = (self.observed.service, &self.id.0, self.method);
            tracing::info!(service, %request_id, %method, route = self.route, millis, "the client left");
        }
    }
}

/// One more request being worked on, for as long as it lives.
struct InFlight(metrics::Gauge);

impl InFlight {
    fn enter(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl Line<'_> {
    fn count(&self, status: &str) {
        let labels = [
            ("service", metrics::SharedString::const_str(self.observed.service)),
            ("method", method_label(self.method).into()),
            ("route", self.route.to_owned().into()),
        ];
        metrics::histogram!(HTTP_DURATION, &labels).record(self.started.elapsed());
        let [service, method, route] = labels;
        let status = ("status", metrics::SharedString::from(status.to_owned()));
        metrics::counter!(HTTP_REQUESTS, &[service, method, route, status]).increment(1);
    }

    /// Reads that went well are the bulk and the least interesting: they are logged at DEBUG only.
    fn log(&self, status: StatusCode, actor: Option<&Actor>, problem: Option<&Problem>) {
        let millis = self.started.elapsed().as_secs_f64() * 1000.0;
        let user = actor.map(|actor| tracing::field::display(actor.0));
        let code = problem.map(|problem| problem.code().name());
        let cause = problem.and_then(Problem::cause).map(tracing::field::display);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    service = self.observed.service,
                    request_id = %self.id.0,
                    user_id = user,
                    method = %self.method,
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
        } else if self.observed.edge && (status.is_client_error() || !self.method.is_safe()) {
            line!(info);
        } else {
            line!(debug);
        }
    }
}

/// Methods are callers' input: only known ones become labels, so that nobody can flood the registry.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    }
}
