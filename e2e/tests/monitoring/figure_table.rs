//! The table of figures in `docs/OPERATIONS.md`, and the figures as they are exposed.

use std::collections::{BTreeMap, BTreeSet};

use crate::dashboards::repository_file;

/// A figure's type and its labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FigureShape {
    pub(crate) kind: String,
    pub(crate) labels: BTreeSet<String>,
}

/// What the table says.
pub(crate) struct FigureTable {
    pub(crate) shapes: BTreeMap<String, FigureShape>,
    /// Those that there are with embedded stores alone.
    pub(crate) embedded_only: BTreeSet<String>,
}

impl FigureTable {
    /// As it stands in the document.
    pub(crate) fn read() -> Self {
        let (mut shapes, mut embedded_only) = (BTreeMap::new(), BTreeSet::new());
        for line in repository_file("docs/OPERATIONS.md").lines() {
            let cells: Vec<_> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
            let [name, kind, labels, says] = cells.as_slice() else { continue };
            if !["counter", "gauge", "histogram"].contains(kind) {
                continue;
            }
            let name = name.trim_matches('`').to_owned();
            let labels = labels.split(", ").filter(|label| *label != "–").map(str::to_owned).collect();
            if says.starts_with("SQLite only") {
                embedded_only.insert(name.clone());
            }
            let twice = shapes.insert(name, FigureShape { kind: (*kind).to_owned(), labels });
            assert_eq!(twice, None, "a figure is in the table twice: {line}");
        }
        Self { shapes, embedded_only }
    }
}

/// The figures in this text, which must all be explained.
pub(crate) fn exposed_figures(text: &str) -> BTreeMap<String, FigureShape> {
    let mut shapes: BTreeMap<String, FigureShape> = BTreeMap::new();
    let mut explained = BTreeSet::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name)) if words.next().is_some() => {
                explained.insert(name.to_owned());
            }
            (Some("#"), Some("TYPE"), Some(name)) => {
                let kind = words.next().unwrap_or_default();
                kind.clone_into(&mut shapes.entry(name.to_owned()).or_default().kind);
            }
            (Some("#") | None, ..) => {}
            _ => note_labels(&mut shapes, line),
        }
    }
    let unexplained: Vec<_> = shapes.keys().filter(|name| !explained.contains(*name)).collect();
    assert!(unexplained.is_empty(), "figures without HELP: {unexplained:?}");
    shapes
}

fn note_labels(shapes: &mut BTreeMap<String, FigureShape>, sample: &str) {
    let name = sample.split(['{', ' ']).next().unwrap_or_default();
    let whole = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
    let whole = whole.filter(|whole| shapes.contains_key(*whole)).unwrap_or(name);
    let shape = shapes.get_mut(whole).unwrap_or_else(|| panic!("a sample of no type: {sample}"));
    let Some((_, labels)) = sample.split_once('{') else { return };
    let outside = labels.split('"').step_by(2);
    let names = outside.map(|part| part.trim_matches([',', '=', ' ', '}']));
    let is_label = |name: &&str| name.starts_with(|c: char| c.is_ascii_lowercase()) && *name != "le";
    shape.labels.extend(names.filter(is_label).map(str::to_owned));
}
