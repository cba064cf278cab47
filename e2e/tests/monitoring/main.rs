//! What operators watch with: figures, alerts and dashboards, held against the real thing and against real Prometheus.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

mod dashboards;
mod figure_table;
mod prometheus_api;
mod selectors;
mod traffic;

use std::{
    collections::{BTreeSet, HashSet},
    time::{Duration, Instant},
};

use e2e::{Setup, System};
use serde_json::Value;
use test_servers::{ConfigFiles, Prometheus, lint_figures};

use self::{
    dashboards::{PanelQuery, all_dashboards, repository_file},
    figure_table::{FigureTable, exposed_figures},
    prometheus_api::{AlertRule, PrometheusApi},
    selectors::figure_selectors,
    traffic::{Traffic, meet_an_outage},
};

/// How long figures may take to become data.
const PATIENCE: Duration = Duration::from_mins(1);
/// The dashboard whose figures come from cAdvisor, which the tests have not.
const CONTAINERS: &str = "containers.json";

#[test]
fn dashboards_have_panels_that_fit_the_grid_with_units_and_the_provisioned_source() {
    let source = repository_file("deploy/grafana/provisioning/datasources/prometheus.yml");
    let uid =
        source.lines().find_map(|line| line.trim().strip_prefix("uid: ")).expect("the source has a uid");
    let dashboards = all_dashboards();
    assert_eq!(dashboards.len(), 4);
    let faults: Vec<_> = dashboards.iter().flat_map(|dashboard| dashboard.faults(uid)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let uids: HashSet<_> = dashboards.iter().map(dashboards::Dashboard::uid).collect();
    assert_eq!(uids.len(), dashboards.len(), "two dashboards have the same uid");
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let alerts = repository_file("deploy/prometheus/alerts.yml");
    let cases = repository_file("deploy/prometheus/alerts_test.yml");
    let names = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let mut known = BTreeSet::new();
    for name in names {
        known.insert(name);
        let own = |case: &&str| case.lines().any(|line| line.trim() == format!("alertname: {name}"));
        let cases: Vec<_> = cases.split("\n  - name: ").filter(own).collect();
        let (silent, firing): (Vec<_>, Vec<_>) =
            cases.into_iter().partition(|case| case.contains("exp_alerts: []"));
        assert!(!silent.is_empty() && !firing.is_empty(), "{name}");
    }
    assert!(known.len() >= 10, "{known:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_and_alert_finds_its_figures_all_in_one() {
    every_panel_and_alert_finds_its_figures(Setup::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_and_alert_finds_its_figures_split_on_mongo_and_redis() {
    every_panel_and_alert_finds_its_figures(Setup::MongoRedis).await;
}

async fn every_panel_and_alert_finds_its_figures(setup: Setup) {
    let system = System::start(setup).await;
    let (config, targets) = adapted_config(&system);
    let alerts = repository_file("deploy/prometheus/alerts.yml");
    let files = move |address: &str| -> ConfigFiles {
        vec![("prometheus.yml", config.replace("prometheus:9090", address)), ("alerts.yml", alerts.clone())]
    };
    let prometheus = Prometheus::start(files);
    let api = PrometheusApi::new(prometheus.url());
    api.until_it_scrapes(targets).await;
    let alerts = api.alerts().await;
    check_alerts_are_documented(&alerts);

    let traffic = Traffic::prepare(&system).await;
    if setup.is_split() {
        meet_an_outage(&system).await;
    }
    let embedded_only = FigureTable::read().embedded_only;
    let is_here = |query: &str| {
        setup.is_embedded() || !figure_selectors(query).iter().any(|used| embedded_only.contains(&used.name))
    };
    let panels = all_dashboards().into_iter().filter(|dashboard| dashboard.name != CONTAINERS);
    let queries: Vec<PanelQuery> =
        panels.flat_map(|dashboard| dashboard.queries().collect::<Vec<_>>()).collect();
    let expressions = queries.iter().map(|panel| &panel.query).chain(alerts.iter().map(|alert| &alert.query));
    let mut unknown: BTreeSet<_> = expressions
        .filter(|query| is_here(query))
        .flat_map(|query| {
            let found = figure_selectors(query);
            assert!(!found.is_empty() || query.contains("ALERTS"), "a query of nothing of ours: {query}");
            found
        })
        .collect();
    let mut dead: Vec<PanelQuery> = queries.into_iter().filter(|panel| is_here(&panel.query)).collect();
    assert!(dead.len() > 50 && unknown.len() > 40, "{} queries, {} figures", dead.len(), unknown.len());

    let deadline = Instant::now() + PATIENCE;
    let mut round = 0;
    while !(dead.is_empty() && unknown.is_empty()) {
        let names: Vec<_> = dead.iter().map(|panel| format!("{}: {}", panel.panel, panel.query)).collect();
        assert!(
            Instant::now() < deadline,
            "panels without data: {names:#?}\nfigures without data: {unknown:#?}"
        );
        for _ in 0..3 {
            traffic.play_round(&system.api, round).await;
            round += 1;
        }
        let mut still_dead = Vec::new();
        for panel in dead {
            if !api.has_data(&panel.query).await {
                still_dead.push(panel);
            }
        }
        dead = still_dead;
        let mut still_unknown = BTreeSet::new();
        for selector in unknown {
            if !api.knows(&selector).await {
                still_unknown.insert(selector);
            }
        }
        unknown = still_unknown;
    }
}

/// The repository's own configuration, with this system's addresses and a second between scrapes; and how many there are to
/// scrape.
fn adapted_config(system: &System) -> (String, usize) {
    let mut config = repository_file("deploy/prometheus/prometheus.yml");
    let mut put = |from: &str, to: &str| {
        assert!(config.contains(from), "{from} is not in prometheus.yml");
        config = config.replace(from, to);
    };
    put("interval: 15s", "interval: 1s");
    put("gateway:3000", &system.operations);
    put("[\"cadvisor:8080\"]", "[]");
    if let Some((auth, event)) = &system.services {
        put("auth:3001", auth);
        put("event:3002", event);
    } else {
        put("[\"auth:3001\"]", "[]");
        put("[\"event:3002\"]", "[]");
    }
    (config, system.processes.len() + 1)
}

/// Each has a severity, and a part of `docs/OPERATIONS.md` that says what to do.
fn check_alerts_are_documented(alerts: &[AlertRule]) {
    let document = repository_file("docs/OPERATIONS.md");
    for alert in alerts {
        let AlertRule { name, severity, runbook, .. } = alert;
        assert!(["critical", "warning"].contains(&severity.as_str()), "{alert:?}");
        assert_eq!(*runbook, format!("docs/OPERATIONS.md#{}", name.to_lowercase()), "{alert:?}");
        assert!(document.lines().any(|line| line == format!("#### {name}")), "{name} is not explained");
    }
    let explained = document.lines().filter(|line| line.starts_with("#### ")).count();
    assert_eq!(explained, alerts.len(), "an explanation of an alert that there is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_figures_has_every_figure_and_no_other_all_in_one() {
    the_table_of_figures_has_every_figure_and_no_other(Setup::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_figures_has_every_figure_and_no_other_split_on_mongo_and_redis() {
    the_table_of_figures_has_every_figure_and_no_other(Setup::MongoRedis).await;
}

async fn the_table_of_figures_has_every_figure_and_no_other(setup: Setup) {
    let system = System::start(setup).await;
    let traffic = Traffic::prepare(&system).await;
    traffic.play_round(&system.api, 0).await;
    // Probes have their first answer when the figures of all dependencies are there.
    for name in ["user-db", "token-db", "event-db"] {
        until_figure_is(&system, "guerdon_dependency_up", name, 1.0).await;
    }
    let mut text = String::new();
    for index in 0..system.processes.len() {
        let figures = system.operations(index, "/metrics").await.text;
        assert_eq!(lint_figures(&figures), "", "what promtool says of process {index}");
        text.push_str(&figures);
    }
    let table = FigureTable::read();
    let mut promised = table.shapes;
    if !setup.is_embedded() {
        promised.retain(|name, _| !table.embedded_only.contains(name));
    }
    let exposed = exposed_figures(&text);
    let missing: Vec<_> = exposed.keys().filter(|name| !promised.contains_key(*name)).collect();
    assert!(missing.is_empty(), "exposed, but not in the table of docs/OPERATIONS.md: {missing:?}");
    let invented: Vec<_> = promised.keys().filter(|name| !exposed.contains_key(*name)).collect();
    assert!(invented.is_empty(), "in the table of docs/OPERATIONS.md, but not exposed: {invented:?}");
    assert_eq!(exposed, promised);
    // No id ever becomes a label: every user and event would be a series.
    let ids =
        text.split(['"', '/']).find(|part| part.len() == 24 && part.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(ids, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_shows_in_the_figures_although_nobody_asks_for_readiness() {
    let mut system = System::start(Setup::EmbeddedSplit).await;
    for (index, name) in [(1, "auth"), (2, "event")] {
        until_figure_is(&system, "guerdon_dependency_up", name, 1.0).await;
        system.processes[index].kill().await;
        let gateway = system.operations.clone();
        until_gateway_shows(&gateway, name, 0.0).await;
        system.revive(index).await;
        until_gateway_shows(&gateway, name, 1.0).await;
    }
}

async fn until_figure_is(system: &System, figure: &str, dependency: &str, value: f64) {
    let deadline = Instant::now() + PATIENCE;
    while system.figures().await.sum(figure, &[("dependency", dependency)]) != Some(value) {
        assert!(Instant::now() < deadline, "{figure} of {dependency} never becomes {value}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// While another process is down, only the gateway can be asked.
async fn until_gateway_shows(operations: &str, dependency: &str, value: f64) {
    let api = e2e::Api::new(operations);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut figures = e2e::Figures::default();
        figures.add(&api.call(reqwest::Method::GET, "/metrics", None, &Value::Null).await.text);
        if figures.sum("guerdon_dependency_up", &[("dependency", dependency)]) == Some(value) {
            return;
        }
        assert!(Instant::now() < deadline, "{dependency} never becomes {value}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
