//! What may be said of a gauge.

use super::words::{Words, unknown};
use super::{Command, Output};
use crate::Failure;
use crate::gauge::{self, Gauge, Row};

/// What was asked for.
pub(crate) struct GaugePlan {
    pub(crate) gauge: Gauge,
    pub(crate) rows: Vec<Row>,
    pub(crate) rounds: usize,
    pub(crate) count: usize,
    pub(crate) output: Output,
}

impl GaugePlan {
    pub(crate) fn new(gauge: Gauge) -> Self {
        Self {
            rows: gauge.rows.clone(),
            rounds: gauge.rounds,
            count: gauge.count,
            output: Output::Table,
            gauge,
        }
    }

    pub(crate) fn at_most(self, rounds: usize) -> Self {
        Self {
            rounds: self.rounds.min(rounds),
            ..self
        }
    }

    pub(super) fn parse(
        gauge: Gauge,
        mut words: Words<impl Iterator<Item = String>>,
    ) -> Result<Self, Failure> {
        let mut plan = Self::new(gauge);
        while let Some(option) = words.next() {
            match option.as_str() {
                "--json" => plan.output = Output::Json,
                "--rounds" => plan.rounds = words.positive()?,
                "--count" => plan.count = words.positive()?,
                "--rows" => plan.rows = named_rows(&plan.gauge, &words.word()?)?,
                other => return Err(unknown(other)),
            }
        }
        Ok(plan)
    }
}

/// The words by which [`parse`](super::parse) gives back `Command::Read`.
pub(crate) fn read_words(gauge: &str, row: &Row, count: usize) -> Vec<String> {
    let count = count.to_string();
    ["--child", "read", gauge, row.name, &count]
        .map(str::to_owned)
        .into()
}

pub(super) fn read(mut words: Words<impl Iterator<Item = String>>) -> Result<Command, Failure> {
    let gauge = gauge::find(&words.word()?).ok_or("an unknown gauge")?;
    let row = gauge.row(&words.word()?).ok_or("an unknown row")?;
    Ok(Command::Read {
        row: row.clone(),
        count: words.value()?,
    })
}

fn named_rows(gauge: &Gauge, names: &str) -> Result<Vec<Row>, Failure> {
    names
        .split(',')
        .map(|name| {
            let unknown = || format!("{} has no row {name}", gauge.name).into();
            gauge.row(name).cloned().ok_or_else(unknown)
        })
        .collect()
}

#[cfg(all(test, feature = "peers"))]
mod tests {
    use super::read_words;
    use crate::gauge;
    use crate::options::{Command, parse};

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn options_replace_what_a_gauge_proposes() {
        let line = "idle-memory --rounds 2 --count 5 --rows postrider,bare";
        let Ok(Command::Gauge(plan)) = parsed(line) else {
            panic!("it should be understood");
        };
        assert_eq!((plan.rounds, plan.count), (2, 5));
        let names: Vec<_> = plan.rows.iter().map(|row| row.name).collect();
        assert_eq!(names, ["postrider", "bare"]);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, message) in [
            ("idle-memory --threads 2", "what is --threads? see --help"),
            ("idle-memory --rows curl", "idle-memory has no row curl"),
            ("pool-scale --count 0", "0 is too few"),
        ] {
            assert_eq!(parsed(line).err().as_deref(), Some(message));
        }
    }

    #[test]
    fn a_child_is_told_which_row_to_read() {
        for gauge in gauge::all() {
            for row in &gauge.rows {
                let words = read_words(gauge.name, row, 3);
                let Ok(Command::Read { row: told, count }) = parse(words.into_iter()) else {
                    panic!("it should be understood");
                };
                assert_eq!((told.name, count), (row.name, 3));
            }
        }
    }
}
