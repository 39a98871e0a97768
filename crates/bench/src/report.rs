//! What the rounds have shown.

mod difference;
mod document;
mod figures;
mod table;

use crate::chart::{Bar, Chart};
use crate::options::Plan;
use crate::part::Part;
use crate::report::difference::Rest;
use crate::report::figures::{Comparison, Figures};
use crate::rounds::Finding;
use crate::scenario::Shown;

pub(crate) use crate::report::table::or_dash;

pub(crate) fn part(plan: &Plan, findings: &[Finding]) -> Part {
    let disturbances = findings.iter().flat_map(|finding| &finding.disturbances);
    let comparisons: Vec<_> = findings
        .iter()
        .map(|finding| Comparison::new(plan, finding))
        .collect();
    let rests = difference::rests(&plan.scenario, &comparisons);
    let tables = comparisons.iter().map(|case| table::table(plan, case));
    let tables: Vec<_> = tables.chain(rests.iter().map(Rest::table)).collect();
    let charts = comparisons
        .iter()
        .map(|case| chart(plan.scenario.shown, case));
    Part {
        name: plan.scenario.name.to_owned(),
        about: plan.scenario.about.to_owned(),
        text: tables.join("\n") + "\n" + table::LEGEND,
        document: document::document(plan, &comparisons, &rests),
        charts: charts.chain(rests.iter().map(Rest::chart)).collect(),
        disturbances: disturbances.copied().collect(),
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
            .filter_map(|figures| bar(shown, comparison, figures, scale))
            .collect(),
    }
}

fn bar(shown: Shown, comparison: &Comparison<'_>, figures: &Figures, scale: f64) -> Option<Bar> {
    let value = match shown {
        Shown::Cpu => figures.cpu.spread(),
        Shown::Latency => figures.latency[1].as_ref()?.spread(),
    };
    let value = value.scaled(scale);
    let ratio = |to: &str| match shown {
        Shown::Cpu => Some(comparison.ratio(figures, to)?.median()),
        Shown::Latency => None,
    };
    let to = |name: &str| match ratio(name) {
        Some(ratio) if figures.name != name => format!(", {ratio:.2} of {name}"),
        _ => String::new(),
    };
    Some(Bar {
        label: figures.name.to_owned(),
        value,
        note: format!("{:.2}{}{}", value.median, to("bare"), to("hyper-util")),
    })
}
