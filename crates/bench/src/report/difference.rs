//! What is left of one case's figures without those of another.

use serde_json::{Value, json};

use super::figures::{Comparison, Figures};
use crate::chart::{Bar, Chart};
use crate::report::table::ratio_columns;
use crate::scenario::{Difference, Scenario};
use crate::series::Series;

/// CPU in microseconds, by client.
pub(super) struct Rest {
    name: &'static str,
    clients: Vec<(&'static str, Series)>,
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
        let rest = |(of, less): (&Figures, &Figures)| (of.name, of.cpu.less(&less.cpu));
        Some(Self {
            name: difference.name,
            clients: of.figures.iter().zip(&less.figures).map(rest).collect(),
        })
    }

    /// Round by round, so that what either case's rounds differ by is in the spread.
    fn to(&self, rest: &Series, name: &str) -> Option<Series> {
        let (_, other) = self.clients.iter().find(|(client, _)| *client == name)?;
        Some(rest.over(other))
    }

    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "{}: what is left without the same exchange over a kept connection; times in us\n\n\
             {:<10}{:>8}{:>6}{:>6}{:>6}{:>6}{:>6}\n",
            self.name, "client", "cpu", "+-", "/bare", "+-", "/h-u", "+-"
        );
        for (name, rest) in &self.clients {
            text += &format!(
                "{name:<10}{:>8.2}{}{}{}\n",
                rest.median(),
                rest.spread().column(),
                ratio_columns(self.to(rest, "bare").as_ref()),
                ratio_columns(self.to(rest, "hyper-util").as_ref()),
            );
        }
        text
    }

    pub(super) fn document(&self) -> Value {
        let clients = self.clients.iter().map(|(name, rest)| {
            let to = |other| Some(self.to(rest, other)?.to_json());
            json!({
                "client": name,
                "cpu_us": rest.to_json(),
                "cpu_to_bare": to("bare"),
                "cpu_to_hyper_util": to("hyper-util"),
            })
        });
        json!({ "name": self.name, "clients": clients.collect::<Vec<_>>() })
    }

    pub(super) fn chart(&self) -> Chart {
        let bar = |(name, rest): &(&'static str, Series)| Bar {
            label: (*name).to_owned(),
            value: rest.spread(),
            note: match self.to(rest, "bare") {
                Some(ratio) if *name != "bare" => {
                    format!("{:.1}, {:.2} of bare", rest.median(), ratio.median())
                }
                _ => format!("{:.1}", rest.median()),
            },
        };
        Chart {
            title: format!("{} alone", self.name),
            unit: "CPU, us".to_owned(),
            bars: self.clients.iter().map(bar).collect(),
        }
    }
}
