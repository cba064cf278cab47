//! docs/BENCHMARKS.md and its pictures.

use std::{fs, path::Path};

use crate::{
    bench_error::{BenchResult, NameWhat},
    contest::latency_quantile,
    machine::Machine,
};

use super::{
    Findings, count_whole, millis,
    plot::{PlotBar, PlotScale, draw_bars},
};

/// What every reader has to know to read the figures.
const EXPLANATION: &str = include_str!("explanation.md");

/// Writes the page into this folder, and the pictures into `img/` below it.
pub(crate) fn write_document(folder: &Path, machine: &Machine, findings: &Findings) -> BenchResult<()> {
    let pictures = folder.join("img");
    fs::create_dir_all(&pictures).about(pictures.display().to_string())?;
    let mut shown = Vec::new();
    for (name, title, picture) in draw_pictures(findings) {
        let path = pictures.join(name);
        fs::write(&path, picture).about(path.display().to_string())?;
        shown.push(format!("![{title}](img/{name})\n\n"));
    }
    let shown = shown.concat();
    let complaints: Vec<_> = findings.complaints().iter().map(|line| format!("- {line}\n")).collect();
    let complaints = complaints.concat();
    let page = format!(
        "# Benchmarks\n\n`make bench` measures this and writes this page.\n\n{}\n\n{shown}{}\n{complaints}{EXPLANATION}",
        machine.sentence(),
        findings.tables(),
    );
    let path = folder.join("BENCHMARKS.md");
    fs::write(&path, page).about(path.display().to_string())
}

fn draw_pictures(findings: &Findings) -> Vec<(&'static str, &'static str, String)> {
    let mut pictures = Vec::new();
    let mut add = |name, title, scale, bars: Vec<PlotBar>| {
        if !bars.is_empty() {
            pictures.push((name, title, draw_bars(title, scale, &bars)));
        }
    };
    let title = "Speed as a share of what bounds it (the line: to be reached)";
    add("bench-ratios.svg", title, PlotScale::Linear, ratio_bars(findings));
    let title = "Latency in milliseconds (logarithmic)";
    add("bench-latencies.svg", title, PlotScale::Logarithmic, latency_bars(findings));
    let title = "Requests a second as data grow (SQLite)";
    add("bench-growth.svg", title, PlotScale::Linear, growth_bars(findings));
    pictures
}

fn ratio_bars(findings: &Findings) -> Vec<PlotBar> {
    let bar = |row: &super::Comparison| {
        let [ratio, ..] = row.ours.ratios_to(&row.theirs);
        let label = format!("{} / {}", row.work, row.beside);
        PlotBar { label, value: ratio, figure: format!("{ratio:.2}"), target: Some(row.target) }
    };
    findings.comparisons.iter().map(bar).collect()
}

fn latency_bars(findings: &Findings) -> Vec<PlotBar> {
    let rows = findings.comparisons.iter().map(|row| (row.work, &row.ours));
    let rows = rows.chain(findings.split.iter().map(|row| (row.work, &row.standing)));
    rows.flat_map(|(work, standing)| {
        [("full", &standing.full), ("half", &standing.half)].into_iter().flat_map(move |(load, turns)| {
            [(0.5, "p50"), (0.99, "p99")].map(|(share, name)| {
                let value = latency_quantile(turns, share);
                let label = format!("{work}, {load} load, {name}");
                PlotBar { label, value, figure: millis(value), target: None }
            })
        })
    })
    .collect()
}

fn growth_bars(findings: &Findings) -> Vec<PlotBar> {
    let bar = |point: &super::GrowthPoint| PlotBar {
        label: format!("{}, {} stored", point.work, count_whole(point.stored)),
        value: point.standing.rate(),
        figure: super::count(point.standing.rate()),
        target: None,
    };
    findings.growth.iter().map(bar).collect()
}
