//! A gauge's rounds, and what they have shown.

use serde_json::{Value, json};

use crate::Failure;
use crate::child;
use crate::gauge::Row;
use crate::options::{GaugePlan, Output};
use crate::spread::Spread;

/// One row's figures, one a round.
pub(crate) struct Reading {
    row: Row,
    figures: Vec<f64>,
}

/// Every row once, then every row again.
pub(crate) fn take(plan: &GaugePlan) -> Result<Vec<Reading>, Failure> {
    let rows = plan.rows.iter();
    let mut readings: Vec<_> = rows
        .map(|row| Reading {
            row: row.clone(),
            figures: Vec::with_capacity(plan.rounds),
        })
        .collect();
    for round in 0..plan.rounds {
        for place in 0..readings.len() {
            // Each round begins with another row, so that none always follows the same one.
            let turn = (place + round) % readings.len();
            let Reading { row, figures } = &mut readings[turn];
            let figure = child::read(plan.gauge.name, row, plan.count)?;
            eprintln!(
                "{}: round {}/{}: {:<14}{figure:>9.0} {}",
                plan.gauge.name,
                round + 1,
                plan.rounds,
                row.name,
                plan.gauge.unit,
            );
            figures.push(figure);
        }
    }
    Ok(readings)
}

pub(crate) fn print(plan: &GaugePlan, readings: &[Reading]) -> Result<(), Failure> {
    match plan.output {
        Output::Table => println!("{}", table(plan, readings)),
        Output::Json => println!(
            "{}",
            serde_json::to_string_pretty(&document(plan, readings))?
        ),
    }
    Ok(())
}

impl Reading {
    fn spread(&self) -> Spread {
        Spread::of(self.figures.iter().copied())
    }

    fn ratio(&self, first: &Self) -> f64 {
        self.spread().median / first.spread().median
    }
}

fn table(plan: &GaugePlan, readings: &[Reading]) -> String {
    let gauge = &plan.gauge;
    let mut text = format!(
        "{}: {}\n{} {} a round, {} round{}; in {}\n\n",
        gauge.name,
        gauge.about,
        plan.count,
        gauge.counted,
        plan.rounds,
        if plan.rounds == 1 { "" } else { "s" },
        gauge.unit,
    );
    text += &format!("{:<14}{:>9}{:>7}{:>8}\n", "row", "median", "+-", "/first");
    for reading in readings {
        let spread = reading.spread();
        text += &format!(
            "{:<14}{:>9.0}{:>6.1}%{:>8.2}\n",
            reading.row.name,
            spread.median,
            spread.percent(),
            reading.ratio(&readings[0]),
        );
    }
    text += "\n+-: half of what the middle half of the rounds spans\n";
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
    let rows = readings.iter().map(|reading| {
        json!({
            "row": reading.row.name,
            "settings": reading.row.settings,
            "figure": reading.spread().to_json(),
            "to_first": reading.ratio(&readings[0]),
        })
    });
    json!({
        "gauge": plan.gauge.name,
        "about": plan.gauge.about,
        "unit": plan.gauge.unit,
        "rounds": plan.rounds,
        "count": plan.count,
        "counted": plan.gauge.counted,
        "rows": rows.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
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
                figures: figures.into(),
            })
            .collect();
        let text = table(&plan, &readings);
        let line = text.lines().find(|line| line.starts_with("postrider "));
        assert_eq!(
            line,
            Some("postrider          3000   3.3%    1.50"),
            "{text}"
        );
        let second = &document(&plan, &readings)["rows"][1];
        assert_eq!(second["row"], "postrider");
        assert_eq!(second["figure"]["median"], 3000.0);
        assert_eq!(second["to_first"], 1.5);
    }
}
