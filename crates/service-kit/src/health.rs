//! The operations routes of every process: `/metrics`, `/healthz`, `/readyz`.

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use futures::future::join_all;
use http::{StatusCode, header};
use metrics::Gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Map, Value, json};

use crate::{
    metrics::DEPENDENCY_UP,
    worker::{StepReport, Worker},
};

/// Something this process cannot work without.
#[async_trait]
pub trait Dependency: Send + Sync {
    /// What operators call it: `user-db`, `token-db`, `event-db`, `auth`, `event`.
    fn name(&self) -> &'static str;
    /// Whether it answers now. Bounded in time by the implementation.
    async fn answers(&self) -> bool;
}

#[derive(Clone)]
struct Health {
    metrics: PrometheusHandle,
    dependencies: Arc<[Arc<dyn Dependency>]>,
}

/// The routes, for the operations address of a process.
pub fn router(metrics: PrometheusHandle, dependencies: Vec<Arc<dyn Dependency>>) -> Router {
    Router::new()
        .route("/metrics", get(render_metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(Health { metrics, dependencies: dependencies.into() })
}

async fn render_metrics(State(health): State<Health>) -> impl IntoResponse {
    crate::metrics::collect_on_demand();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], health.metrics.render())
}

/// Alive: the process runs and answers.
async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Ready: everything it depends on answers. Names what does not.
async fn readyz(State(health): State<Health>) -> impl IntoResponse {
    let checks = health
        .dependencies
        .iter()
        .map(|dependency| async move { (dependency.name(), dependency.answers().await) });
    let checks = join_all(checks).await;
    let ready = checks.iter().all(|(_, up)| *up);
    let checks: Map<String, Value> = checks
        .into_iter()
        .map(|(name, up)| (name.to_owned(), if up { "up" } else { "down" }.into()))
        .collect();
    let (status, text) =
        if ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    (status, Json(json!({ "status": text, "checks": checks })))
}

/// Asks every dependency from time to time, so that the figures tell which are up although nobody asks for readiness.
#[derive(Debug)]
pub struct DependencyProbe(Vec<ProbedDependency>);

struct ProbedDependency {
    dependency: Arc<dyn Dependency>,
    /// Made with the first answer: until then nobody knows, and the gauge would say 0.
    is_up: OnceLock<Gauge>,
}

impl ProbedDependency {
    fn new(dependency: &Arc<dyn Dependency>) -> Self {
        Self { dependency: Arc::clone(dependency), is_up: OnceLock::new() }
    }

    async fn ask(&self) {
        let answers = self.dependency.answers().await;
        let name = self.dependency.name();
        let is_up = self.is_up.get_or_init(|| metrics::gauge!(DEPENDENCY_UP, "dependency" => name));
        is_up.set(if answers { 1.0 } else { 0.0 });
    }
}

impl fmt::Debug for ProbedDependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.dependency.name())
    }
}

impl DependencyProbe {
    /// Asks these.
    pub fn new(dependencies: &[Arc<dyn Dependency>]) -> Self {
        Self(dependencies.iter().map(ProbedDependency::new).collect())
    }
}

impl Worker for DependencyProbe {
    type Error = Infallible;

    fn name(&self) -> &'static str {
        "dependency_probe"
    }

    /// An outage is seen within this time. Each question is a small write to a store.
    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn step(&self) -> Result<StepReport, Infallible> {
        join_all(self.0.iter().map(ProbedDependency::ask)).await;
        Ok(StepReport::finished(0))
    }
}
