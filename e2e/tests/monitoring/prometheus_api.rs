//! What Prometheus is asked.

use std::time::{Duration, Instant};

use reqwest::{Client, Url};
use serde_json::Value;

use crate::selectors::FigureSelector;

/// The figure whose series there are only when what they count has happened.
const COUNTED_FROM_FIRST: &str = "guerdon_http_requests_total";

/// A client of a Prometheus.
pub(crate) struct PrometheusApi {
    client: Client,
    base: String,
}

/// An alert as Prometheus has read it.
#[derive(Debug)]
pub(crate) struct AlertRule {
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) severity: String,
    pub(crate) runbook: String,
}

impl PrometheusApi {
    pub(crate) fn new(base: String) -> Self {
        Self { client: Client::new(), base }
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = Url::parse_with_params(&format!("{}{path}", self.base), parameters).expect("a URL");
        let answer = self.client.get(url).send().await.expect("Prometheus answers");
        let answer: Value = answer.json().await.expect("with JSON");
        assert_eq!(answer["status"], "success", "{parameters:?}: {answer:#}");
        answer["data"].clone()
    }

    /// Its port is open before it answers questions.
    async fn until_ready(&self, deadline: Instant) {
        let url = format!("{}/-/ready", self.base);
        while !self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(Instant::now() < deadline, "it does not become ready");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until it has read its rules and scraped everybody.
    pub(crate) async fn until_it_scrapes(&self, targets: usize) {
        let deadline = Instant::now() + Duration::from_mins(1);
        self.until_ready(deadline).await;
        let up = format!("count(up == 1) == {targets}");
        while !self.has_data(&up).await {
            assert!(
                Instant::now() < deadline,
                "it does not scrape: {:#}",
                self.get("/api/v1/targets", &[]).await
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Whether there is a number now.
    pub(crate) async fn has_data(&self, query: &str) -> bool {
        let data = self.get("/api/v1/query", &[("query", query)]).await;
        let series = data["result"].as_array().map_or(&[][..], Vec::as_slice);
        let values = series.iter().filter_map(|series| series["value"][1].as_str());
        values.filter_map(|value| value.parse::<f64>().ok()).any(f64::is_finite)
    }

    /// Whether there is what a selector names. Counters of outcomes are there with 0 from the start, but a status of requests
    /// only with the first one: then there must be the figure with every label that is looked at.
    pub(crate) async fn knows(&self, selector: &FigureSelector) -> bool {
        if self.has_data(&selector.text).await {
            return true;
        }
        if selector.name != COUNTED_FROM_FIRST {
            return false;
        }
        for label in &selector.labels {
            if !self.has_data(&format!("{COUNTED_FROM_FIRST}{{{label}!=\"\"}}")).await {
                return false;
            }
        }
        true
    }

    /// The alerts, if it can evaluate them all.
    pub(crate) async fn alerts(&self) -> Vec<AlertRule> {
        let data = self.get("/api/v1/rules", &[]).await;
        let rules = data["groups"].as_array().into_iter().flatten().flat_map(|group| {
            let rules = group["rules"].as_array().into_iter().flatten();
            rules.cloned().collect::<Vec<_>>()
        });
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        rules
            .map(|rule| {
                assert_ne!(rule["health"], "err", "{rule:#}");
                AlertRule {
                    name: text(&rule["name"]),
                    query: text(&rule["query"]),
                    severity: text(&rule["labels"]["severity"]),
                    runbook: text(&rule["annotations"]["runbook"]),
                }
            })
            .collect()
    }
}
