//! Bars as SVG: readable in a browser and in a Markdown page, light or dark.

use std::fmt::Write as _;

/// Width of a plot, and of the part that holds the bars.
const WIDTH: f64 = 790.0;
const LABELS: f64 = 330.0;
const FIGURES: f64 = 90.0;
const ROW: f64 = 26.0;
const TITLE: f64 = 44.0;

/// One bar.
#[derive(Debug)]
pub(crate) struct PlotBar {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// What stands behind it.
    pub(crate) figure: String,
    /// Where it ought to reach to.
    pub(crate) target: Option<f64>,
}

/// Whether lengths are proportional to values or to their logarithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlotScale {
    Linear,
    Logarithmic,
}

/// A whole picture.
#[allow(clippy::cast_precision_loss, reason = "a plot has few bars")]
pub(crate) fn draw_bars(title: &str, scale: PlotScale, bars: &[PlotBar]) -> String {
    let height = TITLE + ROW * bars.len() as f64 + 10.0;
    let values = || bars.iter().flat_map(|bar| [Some(bar.value), bar.target]).flatten();
    let values = || values().filter(|value| value.is_finite() && *value > 0.0);
    let most = values().fold(f64::MIN_POSITIVE, f64::max);
    let least = values().fold(most, f64::min);
    let length = |value: f64| scale.share(value, least, most) * (WIDTH - LABELS - FIGURES);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<title>{title}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"24\" font-size=\"15\" font-weight=\"600\" fill=\"#1f2328\">{title}</text>\n",
        title = escaped(title)
    );
    for (number, bar) in bars.iter().enumerate() {
        draw_bar(&mut picture, bar, TITLE + ROW * number as f64, &length);
    }
    picture + "</svg>\n"
}

fn draw_bar(picture: &mut String, bar: &PlotBar, top: f64, length: &dyn Fn(f64) -> f64) {
    let (long, baseline) = (length(bar.value), top + ROW * 0.62);
    let reached = bar.target.is_none_or(|target| bar.value >= target);
    let colour = if reached { "#2f81b7" } else { "#d1842f" };
    // Writing into a string cannot fail.
    let _ = writeln!(
        picture,
        "<text x=\"{x:.0}\" y=\"{baseline:.1}\" text-anchor=\"end\" fill=\"#1f2328\">{label}</text>\
         <rect x=\"{LABELS}\" y=\"{y:.1}\" width=\"{long:.1}\" height=\"{h:.1}\" rx=\"2\" fill=\"{colour}\"/>\
         <text x=\"{behind:.1}\" y=\"{baseline:.1}\" fill=\"#1f2328\">{figure}</text>",
        x = LABELS - 8.0,
        label = escaped(&bar.label),
        y = top + 3.0,
        h = ROW - 8.0,
        behind = LABELS + bar.target.map_or(long, |target| long.max(length(target))) + 8.0,
        figure = escaped(&bar.figure),
    );
    if let Some(target) = bar.target {
        let x = LABELS + length(target);
        let _ = writeln!(
            picture,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y1:.1}\" y2=\"{y2:.1}\" stroke=\"#1f2328\" stroke-width=\"2\"/>",
            y1 = top,
            y2 = top + ROW - 2.0,
        );
    }
}

impl PlotScale {
    /// Of the whole length, for a value between these two.
    fn share(self, value: f64, least: f64, most: f64) -> f64 {
        if !value.is_finite() || value <= 0.0 {
            return 0.0;
        }
        match self {
            Self::Linear => value / most,
            // The least has a bar, too: a tenth of it would have none.
            Self::Logarithmic => (value * 10.0 / least).log10() / (most * 10.0 / least).log10(),
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_values_and_the_target_is_marked() {
        let bar = |value, target| PlotBar { label: "a<b".to_owned(), value, figure: "x".to_owned(), target };
        let picture = draw_bars("T", PlotScale::Linear, &[bar(1.0, None), bar(0.5, Some(0.75))]);
        assert!(picture.contains("width=\"370.0\"") && picture.contains("width=\"185.0\""), "{picture}");
        assert!(picture.contains("a&lt;b") && picture.matches("<line").count() == 1);
        // One misses its target.
        assert_eq!(picture.matches("#d1842f").count(), 1);
    }

    #[test]
    fn on_a_logarithmic_scale_each_tenfold_is_as_long() {
        let share = |value| PlotScale::Logarithmic.share(value, 1.0, 100.0);
        assert!((share(10.0) - share(1.0) - (share(100.0) - share(10.0))).abs() < 1e-9);
        assert!((share(100.0) - 1.0).abs() < 1e-9 && share(1.0) > 0.0);
        assert!(PlotScale::Linear.share(f64::NAN, 1.0, 2.0).abs() < 1e-9);
    }
}
