use std::collections::BTreeMap;

/// What `/metrics` says, added up over processes.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Adds the figures of one process (Prometheus text format).
    pub fn add(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
            *self.0.entry(series.to_owned()).or_default() +=
                value.parse::<f64>().expect("a value is a number");
        }
    }

    /// The sum of the series with this name and these labels; `None` if there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let wanted = |series: &str| {
            series.split('{').next() == Some(name) && labels.iter().all(|label| series.contains(label))
        };
        self.0
            .iter()
            .filter(|(series, _)| wanted(series))
            .map(|(_, value)| *value)
            .reduce(|sum, value| sum + value)
    }
}
