//! The figures of requests, with handles that are made once for each route and not once for each request.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::Method;
use metrics::{Counter, Gauge, Histogram, Label};
use parking_lot::RwLock;

use crate::metrics::{HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS};

/// The figures of one service's requests.
pub(crate) struct RequestMetrics {
    service: &'static str,
    in_flight: Gauge,
    /// Routes come from the router, never from callers: the map ends at their number.
    routes: RwLock<HashMap<Box<str>, MetricsByMethod>>,
}

type MetricsByMethod = HashMap<&'static str, Arc<RouteMetrics>>;

/// One method of one route.
struct RouteMetrics {
    labels: [Label; 3],
    duration: Histogram,
    answers: RwLock<Vec<(u16, Counter)>>,
}

/// One more request being worked on, for as long as this lives.
pub(crate) struct RequestsInFlight(Gauge);

impl Drop for RequestsInFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl std::fmt::Debug for RequestMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestMetrics").field("service", &self.service).finish_non_exhaustive()
    }
}

impl RequestMetrics {
    /// Call it after the recorder is installed: handles made before count nothing.
    pub(crate) fn new(service: &'static str) -> Self {
        let in_flight = metrics::gauge!(HTTP_IN_FLIGHT, "service" => service);
        Self { service, in_flight, routes: RwLock::default() }
    }

    /// Counts a request as in flight.
    pub(crate) fn enter(&self) -> RequestsInFlight {
        self.in_flight.increment(1.0);
        RequestsInFlight(self.in_flight.clone())
    }

    /// Counts an answer and the time it took.
    pub(crate) fn count_answer(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let metrics = self.route(route, method_label(method));
        metrics.duration.record(took);
        metrics.count_status(status);
    }

    fn route(&self, route: &str, method: &'static str) -> Arc<RouteMetrics> {
        if let Some(known) = self.routes.read().get(route).and_then(|methods| methods.get(method)) {
            return Arc::clone(known);
        }
        let mut routes = self.routes.write();
        let methods = routes.entry(route.into()).or_default();
        Arc::clone(
            methods.entry(method).or_insert_with(|| Arc::new(RouteMetrics::new(self.service, method, route))),
        )
    }
}

impl RouteMetrics {
    fn new(service: &'static str, method: &'static str, route: &str) -> Self {
        let labels = [
            Label::from_static_parts("service", service),
            Label::from_static_parts("method", method),
            Label::new("route", route.to_owned()),
        ];
        let duration = metrics::histogram!(HTTP_DURATION, labels.iter());
        Self { labels, duration, answers: RwLock::default() }
    }

    fn count_status(&self, status: u16) {
        if let Some((_, answers)) = self.answers.read().iter().find(|(known, _)| *known == status) {
            return answers.increment(1);
        }
        let mut labels = self.labels.to_vec();
        labels.push(Label::new("status", status.to_string()));
        let counter = metrics::counter!(HTTP_REQUESTS, labels);
        counter.increment(1);
        let mut answers = self.answers.write();
        if answers.iter().all(|(known, _)| *known != status) {
            answers.push((status, counter));
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
