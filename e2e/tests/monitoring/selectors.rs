//! Which figures a query of Prometheus looks at.

use std::collections::BTreeSet;

/// How the names of our processes' figures begin.
const FAMILIES: [&str; 2] = ["guerdon_", "process_"];
/// Whether a process could be scraped; Prometheus' own.
const SCRAPED: &str = "up";

/// A figure that a query looks at, with the labels it is chosen by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FigureSelector {
    /// `guerdon_claims_total`.
    pub(crate) name: String,
    /// `guerdon_claims_total{outcome="stored"}`.
    pub(crate) text: String,
    /// `outcome`.
    pub(crate) labels: BTreeSet<String>,
}

/// All figures a query looks at.
pub(crate) fn figure_selectors(query: &str) -> BTreeSet<FigureSelector> {
    let mut selectors = BTreeSet::new();
    let mut rest = query;
    while let Some(start) = rest.find(is_name_part) {
        rest = &rest[start..];
        let name = &rest[..rest.find(|c| !is_name_part(c)).unwrap_or(rest.len())];
        rest = &rest[name.len()..];
        let matchers = matchers_before(rest);
        if name == SCRAPED || FAMILIES.iter().any(|family| name.starts_with(family)) {
            let labels = label_names(matchers);
            selectors.insert(FigureSelector {
                name: name.to_owned(),
                text: format!("{name}{matchers}"),
                labels,
            });
        }
        rest = &rest[matchers.len()..];
    }
    selectors
}

fn is_name_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == ':'
}

/// `{…}` at the beginning of a text, with the braces that are in quotes.
fn matchers_before(text: &str) -> &str {
    if !text.starts_with('{') {
        return "";
    }
    let mut quoted = false;
    let end = text.find(|character| {
        quoted ^= character == '"';
        character == '}' && !quoted
    });
    &text[..=end.expect("braces are closed")]
}

/// Every second part between quotes is a value; what is outside holds the names.
fn label_names(matchers: &str) -> BTreeSet<String> {
    let outside = matchers.split('"').step_by(2);
    let name = |part: &str| part.trim_matches(|character| !is_name_part(character)).to_owned();
    outside.map(name).filter(|name| !name.is_empty()).collect()
}

#[test]
fn the_figures_of_a_query_are_found_with_their_labels() {
    let query =
        r#"sum by (job) (rate(guerdon_x_total{service="a", route=~"/e/{id}"}[5m])) / up > process_y and z"#;
    let found: Vec<_> = figure_selectors(query).into_iter().collect();
    let texts: Vec<_> = found.iter().map(|selector| selector.text.as_str()).collect();
    assert_eq!(texts, [r#"guerdon_x_total{service="a", route=~"/e/{id}"}"#, "process_y", "up"]);
    assert_eq!(found[0].labels, ["route", "service"].map(str::to_owned).into());
}
