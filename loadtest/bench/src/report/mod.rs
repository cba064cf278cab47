//! The report: tables for a terminal and for docs/BENCHMARKS.md, and plots.

mod document;
mod plot;

use crate::contest::{Standing, latency_quantile};

pub(crate) use self::document::write_document;

/// Work of ours beside work that bounds it.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) work: &'static str,
    pub(crate) beside: &'static str,
    /// The ratio that is to be reached, least or more.
    pub(crate) target: f64,
    pub(crate) ours: Standing,
    pub(crate) theirs: Standing,
}

/// A figure that stands by itself.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) target: String,
    pub(crate) reached: Option<bool>,
}

/// A rate at one size of the data.
#[derive(Debug)]
pub(crate) struct GrowthPoint {
    pub(crate) work: &'static str,
    pub(crate) stored: u64,
    pub(crate) standing: Standing,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) growth: Vec<GrowthPoint>,
    /// Work of the three services on outside stores, and how fast the reference was there.
    pub(crate) split: Vec<SplitRow>,
    /// What spoke MongoDB's protocol to them.
    pub(crate) mongo: &'static str,
}

/// Work of the split topology.
#[derive(Debug)]
pub(crate) struct SplitRow {
    pub(crate) work: &'static str,
    pub(crate) standing: Standing,
    /// Of the `NestJS` reference on the same kind of stores, once measured elsewhere.
    pub(crate) reference_rate: f64,
    pub(crate) target: f64,
}

impl Findings {
    /// Answers that were not as expected, with the first of each.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let standings = self.comparisons.iter().map(|row| (row.work, &row.ours));
        let standings = standings
            .chain(self.growth.iter().map(|point| (point.work, &point.standing)))
            .chain(self.split.iter().map(|row| (row.work, &row.standing)));
        standings
            .filter(|(_, standing)| standing.unexpected() > 0)
            .map(|(work, standing)| {
                let sample = standing.sample().unwrap_or_default();
                format!("{work}: {} answers were not as expected, such as {sample}", standing.unexpected())
            })
            .collect()
    }

    /// All tables.
    pub(crate) fn tables(&self) -> String {
        [
            self.comparison_table(),
            self.latency_table(),
            self.fact_table(),
            self.growth_table(),
            self.split_table(),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n")
    }

    fn comparison_table(&self) -> Option<String> {
        let mut table =
            table(&["work", "a second", "beside", "a second", "ratio", "in the turns", "to reach"])?;
        for row in &self.comparisons {
            let [ratio, least, most] = row.ours.ratios_to(&row.theirs);
            table += &line(&[
                row.work.to_owned(),
                count(row.ours.rate()),
                row.beside.to_owned(),
                count(row.theirs.rate()),
                format!("**{ratio:.2}**"),
                format!("{least:.2} to {most:.2}"),
                format!("{:.1} ({})", row.target, yes_or_no(ratio >= row.target)),
            ]);
        }
        (!self.comparisons.is_empty()).then_some(table)
    }

    fn latency_table(&self) -> Option<String> {
        let mut table = table(&[
            "latency in milliseconds",
            "full load: p50",
            "p99",
            "half load: a second",
            "p50",
            "p99",
            "processor time each",
        ])?;
        let rows = self.comparisons.iter().flat_map(|row| [(row.work, &row.ours), (row.beside, &row.theirs)]);
        let mut seen = Vec::new();
        for (work, standing) in rows.chain(self.split.iter().map(|row| (row.work, &row.standing))) {
            if seen.contains(&work) {
                continue;
            }
            seen.push(work);
            table += &latency_line(work, standing);
        }
        (!seen.is_empty()).then_some(table)
    }

    fn fact_table(&self) -> Option<String> {
        let mut table = table(&["", "measured", "to reach"])?;
        for fact in &self.facts {
            let reached = fact.reached.map_or(String::new(), |reached| format!(" ({})", yes_or_no(reached)));
            table += &line(&[fact.what.clone(), fact.measured.clone(), format!("{}{reached}", fact.target)]);
        }
        (!self.facts.is_empty()).then_some(table)
    }

    fn growth_table(&self) -> Option<String> {
        let mut table = table(&[
            "full load",
            "stored",
            "a second",
            "p50 (ms)",
            "p99 (ms)",
            "processor time each",
            "against the fewest: a second",
            "processor time",
        ])?;
        for point in &self.growth {
            let first = self.growth.iter().find(|first| first.work == point.work).unwrap_or(point);
            let [rates, ..] = point.standing.ratios_to(&first.standing);
            let times = point.standing.cpu_each() / first.standing.cpu_each();
            table += &line(&[
                point.work.to_owned(),
                count_whole(point.stored),
                count(point.standing.rate()),
                millis(latency_quantile(&point.standing.full, 0.5)),
                millis(latency_quantile(&point.standing.full, 0.99)),
                micros(point.standing.cpu_each()),
                if std::ptr::eq(first, point) { String::new() } else { growth_verdict(rates) },
                if std::ptr::eq(first, point) { String::new() } else { format!("{times:.2}") },
            ]);
        }
        (!self.growth.is_empty()).then_some(table)
    }

    fn split_table(&self) -> Option<String> {
        let stores = format!("three processes on Redis and {}", self.mongo);
        let mut table = table(&[&stores, "a second", "NestJS reference", "times", "to reach"])?;
        for row in &self.split {
            let times = row.standing.rate() / row.reference_rate;
            table += &line(&[
                row.work.to_owned(),
                count(row.standing.rate()),
                count(row.reference_rate),
                format!("**{times:.1}**"),
                format!("{:.0} ({})", row.target, yes_or_no(times >= row.target)),
            ]);
        }
        (!self.split.is_empty()).then_some(table)
    }
}

/// Work must cost the same with more data: what is stored may make it a fifth slower at most.
fn growth_verdict(rates: f64) -> String {
    format!("{rates:.2} ({})", yes_or_no(rates >= 0.8))
}

fn latency_line(work: &str, standing: &Standing) -> String {
    let half_rate = crate::contest::median(standing.half.iter().map(crate::load::LoadResult::rate));
    line(&[
        work.to_owned(),
        millis(latency_quantile(&standing.full, 0.5)),
        millis(latency_quantile(&standing.full, 0.99)),
        count(half_rate),
        millis(latency_quantile(&standing.half, 0.5)),
        millis(latency_quantile(&standing.half, 0.99)),
        micros(standing.cpu_each()),
    ])
}

/// The first two lines of a table; the first column holds words, the others figures.
fn table(columns: &[&str]) -> Option<String> {
    let rule = vec!["-"; columns.len().saturating_sub(1)].join(":|");
    (!columns.is_empty()).then(|| format!("| {} |\n|-|{rule}:|\n", columns.join(" | ")))
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn yes_or_no(reached: bool) -> &'static str {
    if reached { "reached" } else { "not reached" }
}

/// Three digits that count, with thousands apart.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
fn count(value: f64) -> String {
    match value {
        value if value.is_nan() => "-".to_owned(),
        value if value < 100.0 => format!("{value:.1}"),
        value if value < 10_000.0 => count_whole(value.round() as u64),
        value => count_whole((value / 100.0).round() as u64 * 100),
    }
}

pub(crate) fn count_whole(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

fn millis(value: f64) -> String {
    match value {
        value if value.is_nan() => "-".to_owned(),
        value if value < 10.0 => format!("{value:.2}"),
        value => format!("{value:.0}"),
    }
}

pub(crate) fn micros(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.1} µs");
    }
    if value < 10_000.0 { format!("{value:.0} µs") } else { format!("{:.0} ms", value / 1000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_count() {
        let counts = [71.26, 4321.4, 83_456.0, 1_234_567.0].map(count);
        assert_eq!(counts, ["71.3", "4,321", "83,500", "1,234,600"]);
        assert_eq!([0.123, 9.5, 123.4].map(millis), ["0.12", "9.50", "123"]);
        assert_eq!([1.24, 12.4, 29_700.0].map(micros), ["1.2 µs", "12 µs", "30 ms"]);
    }

    #[test]
    fn tables_are_markdown() {
        let table = table(&["work", "a second"]).unwrap() + &line(&["claims".to_owned(), "7".to_owned()]);
        assert_eq!(table, "| work | a second |\n|-|-:|\n| claims | 7 |\n");
        assert_eq!(Findings::default().tables(), "");
    }
}
