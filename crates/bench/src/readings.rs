//! A gauge's rounds, and what they have shown.

use serde_json::{Value, json};

use crate::Failure;
use crate::chart::{Bar, Chart};
use crate::child;
use crate::gauge::{Figures, Row};
use crate::options::GaugePlan;
use crate::part::Part;
use crate::quiet::{Disturbance, Watch};
use crate::series::Series;

/// One row's figures, so many a round.
pub(crate) struct Reading {
    row: Row,
    rounds: Vec<Figures>,
}

/// All rows' readings, and what others did meanwhile, round by round.
pub(crate) struct Readings {
    rows: Vec<Reading>,
    disturbances: Vec<Disturbance>,
}

/// Every row once, then every row again.
pub(crate) fn take(plan: &GaugePlan) -> Result<Readings, Failure> {
    let rows = plan.rows.iter();
    let mut readings: Vec<_> = rows
        .map(|row| Reading {
            row: row.clone(),
            rounds: Vec::with_capacity(plan.rounds),
        })
        .collect();
    let mut disturbances = Vec::with_capacity(plan.rounds);
    for round in 0..plan.rounds {
        let watch = Watch::begin();
        for place in 0..readings.len() {
            // Each round begins with another row, so that none always follows the same one.
            let turn = (place + round) % readings.len();
            let Reading { row, rounds } = &mut readings[turn];
            if round > 0 && plan.gauge.once.contains(&row.name) {
                continue;
            }
            let figures = child::read(plan.gauge.name, row, plan.count)?;
            for (figure, unit) in figures.iter().zip(plan.gauge.units) {
                eprintln!(
                    "{}: round {}/{}: {:<14}{figure:>9.0} {unit}",
                    plan.gauge.name,
                    round + 1,
                    plan.rounds,
                    row.name,
                );
            }
            rounds.push(figures);
        }
        disturbances.push(watch.end());
    }
    Ok(Readings {
        rows: readings,
        disturbances,
    })
}

pub(crate) fn part(plan: &GaugePlan, readings: &Readings) -> Part {
    let Readings {
        rows: readings,
        disturbances,
    } = readings;
    let units = plan.gauge.units.iter().enumerate();
    let charts = units.map(|(unit, name)| Chart {
        title: format!("{} {}", plan.count, plan.gauge.counted),
        unit: (*name).to_owned(),
        bars: readings
            .iter()
            .map(|reading| reading.bar(unit, &readings[0]))
            .collect(),
    });
    Part {
        name: plan.gauge.name.to_owned(),
        about: plan.gauge.about.to_owned(),
        text: table(plan, readings),
        document: document(plan, readings),
        charts: charts.collect(),
        disturbances: disturbances.clone(),
    }
}

impl Reading {
    /// Of the figure in one unit.
    fn series(&self, unit: usize) -> Series {
        Series::of(self.rounds.iter().map(|figures| figures[unit]))
    }

    fn bar(&self, unit: usize, first: &Self) -> Bar {
        let (value, ratio) = (self.series(unit).spread(), self.ratio(first, unit).median());
        let note = match first.row.name {
            name if name == self.row.name => format!("{:.0}", value.median),
            name => format!("{:.0}, {ratio:.2} of {name}", value.median),
        };
        Bar {
            label: self.row.name.to_owned(),
            note,
            value,
        }
    }

    /// Round by round.
    fn ratio(&self, first: &Self, unit: usize) -> Series {
        self.series(unit).over(&first.series(unit))
    }
}

fn table(plan: &GaugePlan, readings: &[Reading]) -> String {
    let gauge = &plan.gauge;
    let mut text = format!(
        "{}: {}\n{} {} a round, {} round{}\n",
        gauge.name,
        gauge.about,
        plan.count,
        gauge.counted,
        plan.rounds,
        if plan.rounds == 1 { "" } else { "s" },
    );
    for (unit, name) in gauge.units.iter().enumerate() {
        text += &format!("\n{name}\n");
        text += &format!(
            "{:<14}{:>9}{:>7}{:>8}{:>7}\n",
            "row", "median", "+-", "/first", "+-"
        );
        for reading in readings {
            let (spread, ratio) = (
                reading.series(unit).spread(),
                reading.ratio(&readings[0], unit).spread(),
            );
            text += &format!(
                "{:<14}{:>9.0} {}{:>8.2} {}\n",
                reading.row.name,
                spread.median,
                spread.column(),
                ratio.median,
                ratio.column(),
            );
        }
    }
    text += "\n+-: half of what the middle half of the rounds spans; /first: round by round\n";
    let mut told: &str = "";
    for Reading { row, .. } in readings {
        // Rows of one kind stand together.
        if row.settings != told {
            text += &format!("{}: {}\n", row.name, row.settings);
        }
        told = row.settings;
    }
    text
}

fn document(plan: &GaugePlan, readings: &[Reading]) -> Value {
    let units = plan.gauge.units.iter().enumerate();
    let figures = |reading: &Reading| -> Vec<Value> {
        let units = units.clone();
        units
            .map(|(unit, name)| {
                json!({
                    "unit": name,
                    "figure": reading.series(unit).to_json(),
                    "to_first": reading.ratio(&readings[0], unit).to_json(),
                })
            })
            .collect()
    };
    let rows = readings.iter().map(|reading| {
        json!({
            "row": reading.row.name,
            "settings": reading.row.settings,
            "figures": figures(reading),
        })
    });
    json!({
        "gauge": plan.gauge.name,
        "about": plan.gauge.about,
        "rounds": plan.rounds,
        "count": plan.count,
        "counted": plan.gauge.counted,
        "rows": rows.collect::<Vec<_>>(),
    })
}

#[cfg(all(test, feature = "peers"))]
mod tests {
    use super::{Reading, document, table};
    use crate::gauge;
    use crate::options::GaugePlan;

    #[test]
    fn rows_are_compared_to_the_first_by_their_medians() {
        let plan = GaugePlan::new(gauge::find("idle-memory").unwrap());
        let readings: Vec<_> = [[1000.0, 2000.0, 9000.0], [2800.0, 3000.0, 3200.0]]
            .into_iter()
            .zip(&plan.rows)
            .map(|(figures, row)| Reading {
                row: row.clone(),
                rounds: figures.map(|resident| vec![resident, 500.0]).into(),
            })
            .collect();
        let text = table(&plan, &readings);
        let line = text.lines().find(|line| line.starts_with("postrider "));
        assert_eq!(
            line,
            Some("postrider          3000   3.3%    1.50  40.7%"),
            "{text}"
        );
        let second = &document(&plan, &readings)["rows"][1];
        assert_eq!(second["row"], "postrider");
        assert_eq!(second["figures"][0]["figure"]["median"], 3000.0);
        assert_eq!(second["figures"][0]["to_first"]["median"], 1.5);
        assert_eq!(second["figures"][1]["to_first"]["median"], 1.0);
    }
}
