//! What is left of one case's figures without those of another.

use serde_json::{Value, json};

use super::figures::{Comparison, Figures};
use crate::chart::{Bar, Chart};
use crate::report::or_dash;
use crate::scenario::{Difference, Scenario};
use crate::spread::Spread;

/// CPU in microseconds, by client.
pub(super) struct Rest {
    name: &'static str,
    clients: Vec<(&'static str, Spread)>,
}

/// Of those cases that were asked.
pub(super) fn rests(scenario: &Scenario, comparisons: &[Comparison<'_>]) -> Vec<Rest> {
    let differences = scenario.differences.iter();
    differences
        .filter_map(|difference| Rest::of(difference, comparisons))
        .collect()
}

impl Rest {
    fn of(difference: &Difference, comparisons: &[Comparison<'_>]) -> Option<Self> {
        let case = |name: &str| {
            let mut all = comparisons.iter();
            all.find(|comparison| comparison.case.name == name)
        };
        let (of, less) = (case(difference.of)?, case(difference.less)?);
        let rest = |(of, less): (&Figures, &Figures)| (of.name, of.cpu.less(less.cpu.median));
        Some(Self {
            name: difference.name,
            clients: of.figures.iter().zip(&less.figures).map(rest).collect(),
        })
    }

    fn to(&self, rest: Spread, name: &str) -> Option<f64> {
        let (_, other) = self.clients.iter().find(|(client, _)| *client == name)?;
        Some(rest.median / other.median)
    }

    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "{}: what is left without the same exchange over a kept connection; times in us\n\n\
             {:<10}{:>8}{:>6}{:>6}{:>6}\n",
            self.name, "client", "cpu", "+-", "/bare", "/h-u"
        );
        for &(name, rest) in &self.clients {
            text += &format!(
                "{name:<10}{:>8.2}{}{:>6}{:>6}\n",
                rest.median,
                rest.column(),
                or_dash(self.to(rest, "bare")),
                or_dash(self.to(rest, "hyper-util")),
            );
        }
        text
    }

    pub(super) fn document(&self) -> Value {
        let clients = self.clients.iter().map(|&(name, rest)| {
            json!({
                "client": name,
                "cpu_us": rest.to_json(),
                "cpu_to_bare": self.to(rest, "bare"),
                "cpu_to_hyper_util": self.to(rest, "hyper-util"),
            })
        });
        json!({ "name": self.name, "clients": clients.collect::<Vec<_>>() })
    }

    pub(super) fn chart(&self) -> Chart {
        let bar = |&(name, rest): &(&str, Spread)| Bar {
            label: name.to_owned(),
            value: rest,
            note: match self.to(rest, "bare") {
                Some(ratio) if name != "bare" => format!("{:.1}, {ratio:.2} of bare", rest.median),
                _ => format!("{:.1}", rest.median),
            },
        };
        Chart {
            title: format!("{} alone", self.name),
            unit: "CPU, us".to_owned(),
            bars: self.clients.iter().map(bar).collect(),
        }
    }
}
