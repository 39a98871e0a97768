//! What the rounds have shown.

mod document;
mod figures;
mod table;

use crate::chart::{Bar, Chart};
use crate::options::Plan;
use crate::part::Part;
use crate::report::figures::{Comparison, Figures};
use crate::rounds::Finding;
use crate::scenario::Shown;
use crate::spread::Spread;

pub(crate) use crate::report::table::or_dash;

pub(crate) fn part(plan: &Plan, findings: &[Finding]) -> Part {
    let tables = findings.iter().map(|finding| table::table(plan, finding));
    let comparisons = findings
        .iter()
        .map(|finding| Comparison::new(plan, finding));
    let shown = plan.scenario.shown;
    Part {
        name: plan.scenario.name,
        about: plan.scenario.about,
        text: tables.collect::<Vec<_>>().join("\n") + "\n" + table::LEGEND,
        document: document::document(plan, findings),
        charts: comparisons
            .map(|comparison| chart(shown, &comparison))
            .collect(),
    }
}

fn chart(shown: Shown, comparison: &Comparison<'_>) -> Chart {
    let (unit, scale) = comparison.unit();
    let what = match shown {
        Shown::Cpu => "CPU per request",
        Shown::Latency => "p99 of a token's way",
    };
    Chart {
        title: comparison.case.name.to_owned(),
        unit: format!("{what}, {unit}"),
        bars: comparison
            .figures
            .iter()
            .map(|figures| bar(shown, comparison, figures, scale))
            .collect(),
    }
}

fn bar(shown: Shown, comparison: &Comparison<'_>, figures: &Figures, scale: f64) -> Bar {
    let latency = || figures.latency.map_or(Spread::NONE, |[_, p99, _]| p99);
    let value = match shown {
        Shown::Cpu => figures.cpu,
        Shown::Latency => latency(),
    };
    let value = value.scaled(scale);
    let ratio = |to: &str| match shown {
        Shown::Cpu => comparison.ratio(figures, to),
        Shown::Latency => None,
    };
    let to = |name: &str| match ratio(name) {
        Some(ratio) if figures.name != name => format!(", {ratio:.2} of {name}"),
        _ => String::new(),
    };
    Bar {
        label: figures.name.to_owned(),
        value,
        note: format!("{:.2}{}{}", value.median, to("bare"), to("hyper-util")),
    }
}
