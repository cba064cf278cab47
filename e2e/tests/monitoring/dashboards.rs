//! The dashboards in `deploy/grafana`, as files.

use std::{collections::HashSet, fs, path::PathBuf};

use serde_json::Value;

/// How many columns Grafana's grid has.
const GRID_COLUMNS: u64 = 24;
/// How old a dashboard's format may be.
const OLDEST_SCHEMA: u64 = 39;
/// Units of Grafana that the dashboards use; one that it does not know it shows as a word behind the number.
const UNITS: [&str; 9] = ["short", "s", "bytes", "Bps", "percentunit", "reqps", "ops", "cpm", "none"];

/// A dashboard.
pub(crate) struct Dashboard {
    pub(crate) name: String,
    document: Value,
}

/// A query of a panel, with what Grafana puts in put in.
#[derive(Debug, Clone)]
pub(crate) struct PanelQuery {
    pub(crate) panel: String,
    pub(crate) query: String,
}

/// A file of the repository.
pub(crate) fn repository_file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All of them.
pub(crate) fn all_dashboards() -> Vec<Dashboard> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana/dashboards");
    let mut dashboards: Vec<_> = fs::read_dir(folder)
        .expect("there are dashboards")
        .map(|entry| {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            let text = repository_file(&format!("deploy/grafana/dashboards/{name}"));
            let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            Dashboard { name, document }
        })
        .collect();
    dashboards.sort_by(|one, other| one.name.cmp(&other.name));
    dashboards
}

impl Dashboard {
    /// The panels that show something: no headings of rows.
    fn panels(&self) -> impl Iterator<Item = &Value> {
        self.everything().iter().filter(|panel| panel["type"] != "row")
    }

    fn everything(&self) -> &[Value] {
        self.document["panels"].as_array().map_or(&[], Vec::as_slice)
    }

    /// What its panels ask.
    pub(crate) fn queries(&self) -> impl Iterator<Item = PanelQuery> {
        self.panels().flat_map(|panel| {
            let named = format!("{}, {:?}", self.name, panel["title"].as_str().unwrap_or_default());
            let targets = panel["targets"].as_array().into_iter().flatten();
            targets.map(move |target| PanelQuery {
                panel: named.clone(),
                query: without_variables(target["expr"].as_str().unwrap_or_default()),
            })
        })
    }

    /// Its own faults, each as a sentence.
    pub(crate) fn faults(&self, source: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let mut note = |ok: bool, fault: String| {
            if !ok {
                faults.push(format!("{}: {fault}", self.name));
            }
        };
        let schema = self.document["schemaVersion"].as_u64();
        note(schema >= Some(OLDEST_SCHEMA), format!("schemaVersion is {schema:?}"));
        note(self.panels().count() > 0, "it has no panels".to_owned());
        note(self.document["title"].is_string(), "it has no title".to_owned());
        note(self.document["uid"].is_string(), "it has no uid".to_owned());
        let (mut ids, mut titles, mut cells) = (HashSet::new(), HashSet::new(), HashSet::new());
        for panel in self.everything() {
            let title = panel["title"].as_str().unwrap_or_default();
            note(!title.is_empty(), format!("a panel has no title: {panel}"));
            note(panel["type"] == "row" || titles.insert(title), format!("{title:?} is there twice"));
            note(
                panel["id"].as_u64().is_some_and(|id| ids.insert(id)),
                format!("{title:?} has no id of its own"),
            );
            let place = |side: &str| panel["gridPos"][side].as_u64().unwrap_or(u64::MAX / 4);
            let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
            note(w > 0 && h > 0 && x + w <= GRID_COLUMNS, format!("{title:?} is outside the grid"));
            if x + w <= GRID_COLUMNS && h < 100 {
                let own = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
                note(
                    own.filter(|cell| !cells.insert(*cell)).count() == 0,
                    format!("{title:?} covers another"),
                );
            }
        }
        for panel in self.panels() {
            let title = panel["title"].as_str().unwrap_or_default();
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default();
            note(UNITS.contains(&unit), format!("{title:?} has the unit {unit:?}"));
            note(panel["datasource"]["uid"] == source, format!("{title:?} has another source"));
            let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
            let letters: HashSet<_> = targets.iter().filter_map(|target| target["refId"].as_str()).collect();
            let asks = !targets.is_empty() && letters.len() == targets.len();
            note(asks, format!("{title:?} does not ask, or under one letter twice"));
            let own = targets.iter().all(|target| target["datasource"]["uid"] == source);
            note(own, format!("{title:?} asks another source"));
        }
        faults
    }

    /// Where it is found.
    pub(crate) fn uid(&self) -> &str {
        self.document["uid"].as_str().unwrap_or_default()
    }
}

/// What Grafana puts in for a look at the last minutes.
fn without_variables(query: &str) -> String {
    let filled = query.replace("$__rate_interval", "1m").replace("$__range", "5m");
    assert!(!filled.contains('$'), "a variable that nobody fills in: {query}");
    filled
}
