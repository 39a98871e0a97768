//! Horizontal bars as SVG, readable on a light page and on a dark one.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::spread::Spread;

/// Bars that are compared with each other.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Chart {
    pub(crate) title: String,
    /// What the bars' lengths mean.
    pub(crate) unit: String,
    pub(crate) bars: Vec<Bar>,
}

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Bar {
    pub(crate) label: String,
    /// The length, and around it the whisker.
    pub(crate) value: Spread,
    /// Stands behind the bar.
    pub(crate) note: String,
}

/// One picture with the charts one below the other.
pub(crate) fn svg(name: &str, about: &str, charts: &[Chart]) -> String {
    let mut picture = Picture {
        body: String::new(),
        bottom: MARGIN,
    };
    picture.heading(name, about);
    for chart in charts {
        picture.chart(chart);
    }
    let height = picture.bottom + MARGIN / 2.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{}</title>\n{STYLE}\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n{}</svg>\n",
        escaped(name),
        picture.body,
    )
}

struct Picture {
    body: String,
    /// Where the next thing begins.
    bottom: f64,
}

impl Picture {
    fn heading(&mut self, name: &str, about: &str) {
        self.bottom += 8.0;
        self.text(MARGIN, "heading", name);
        for line in lines(about) {
            self.bottom += 17.0;
            self.text(MARGIN, "about", &line);
        }
        self.bottom += 6.0;
    }

    fn chart(&mut self, chart: &Chart) {
        self.bottom += 20.0;
        let title = format!("{} ({})", chart.title, chart.unit);
        self.text(MARGIN, "title", &title);
        self.bottom += 8.0;
        let ends = chart.bars.iter().map(|bar| bar.value.high);
        let longest = ends.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let (top, scale) = (self.bottom, BAR_ROOM / longest);
        for bar in &chart.bars {
            self.bar(bar, scale);
        }
        let mut limits = chart.bars.iter().filter(|bar| Kind::of(bar) == Kind::Limit);
        if let Some(bare) = limits.next() {
            self.limit(bare.value.median * scale, top);
        }
    }

    /// A line through all bars where the limit is.
    fn limit(&mut self, length: f64, top: f64) {
        let (x, bottom) = (BARS + length, self.bottom);
        self.shape(format_args!(
            "<path class=\"line\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>"
        ));
    }

    fn bar(&mut self, bar: &Bar, scale: f64) {
        let (top, middle) = (self.bottom + 2.0, self.bottom + ROW / 2.0);
        let length = |value: f64| (value * scale).clamp(0.0, BAR_ROOM);
        let Spread {
            low, median, high, ..
        } = bar.value;
        let kind = Kind::of(bar).class();
        self.shape(format_args!(
            "<rect class=\"{kind}\" x=\"{BARS}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            length(median).max(1.0),
            ROW - 4.0,
        ));
        self.shape(format_args!(
            "<path class=\"whisker\" d=\"M{:.1} {middle:.1}H{:.1}\"/>",
            BARS + length(low),
            BARS + length(high),
        ));
        self.bottom += ROW - 5.0;
        self.text(MARGIN, "label", &bar.label);
        self.text(BARS + length(median.max(high)) + 6.0, "note", &bar.note);
        self.bottom += 5.0;
    }

    fn text(&mut self, x: f64, class: &str, text: &str) {
        let (y, text) = (self.bottom, escaped(text));
        self.shape(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
        ));
    }

    fn shape(&mut self, shape: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.body, "{shape}");
    }
}

/// Whose bar it is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Limit,
    Ours,
    Peer,
}

impl Kind {
    fn of(bar: &Bar) -> Self {
        match bar.label.as_str() {
            label if label.starts_with("bare") => Self::Limit,
            label if label.starts_with("postrider") => Self::Ours,
            _ => Self::Peer,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Ours => "ours",
            Self::Peer => "peer",
        }
    }
}

/// As long as the picture is wide.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < LINE => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

const WIDTH: f64 = 800.0;
const MARGIN: f64 = 20.0;
/// Where bars begin, ...
const BARS: f64 = 150.0;
/// ... and how long they can be: their notes stand behind them.
const BAR_ROOM: f64 = 340.0;
const ROW: f64 = 20.0;
/// Letters.
const LINE: usize = 115;

const STYLE: &str = "<style>
  text { font-family: system-ui, sans-serif; font-size: 12px; fill: #1f2937; }
  .heading { font-size: 15px; font-weight: 600; }
  .title { font-weight: 600; } .about { opacity: 0.75; }
  .note { font-variant-numeric: tabular-nums; }
  .page { fill: #ffffff; }
  .limit { fill: #9ca3af; } .ours { fill: #c2410c; } .peer { fill: #6b8fb5; }
  .whisker { stroke: #1f2937; stroke-width: 1.5; }
  .line { stroke: #6b7280; stroke-width: 1; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e5e7eb; } .page { fill: #0d1117; } .whisker { stroke: #e5e7eb; }
    .limit { fill: #6b7280; } .ours { fill: #f97316; } .line { stroke: #9ca3af; }
  }
</style>";

#[cfg(test)]
mod tests {
    use super::{BAR_ROOM, Bar, Chart, LINE, lines, svg};
    use crate::spread::Spread;

    fn bar(label: &str, value: f64) -> Bar {
        Bar {
            label: label.to_owned(),
            value: Spread::of([value].into_iter()),
            note: format!("{value} < more"),
        }
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        let text = "many words ".repeat(30);
        let broken = lines(text.trim());
        assert!(broken.len() > 2 && broken.iter().all(|line| line.len() <= LINE));
        assert_eq!(broken.join(" "), text.trim());
    }

    #[test]
    fn bars_are_as_long_as_their_values_and_text_is_escaped() {
        let chart = Chart {
            title: "64 at a time".to_owned(),
            unit: "us & more".to_owned(),
            bars: vec![bar("bare", 5.0), bar("postrider", 10.0)],
        };
        let picture = svg("small-get", "GET", &[chart]);
        for (class, share) in [("limit", 0.5), ("ours", 1.0)] {
            let line = picture
                .lines()
                .find(|line| line.contains(class) && line.contains("rect"));
            let width = format!("width=\"{:.1}\"", BAR_ROOM * share);
            assert!(line.is_some_and(|line| line.contains(&width)), "{picture}");
        }
        assert!(picture.contains("us &amp; more") && picture.contains("10 &lt; more"));
    }
}
