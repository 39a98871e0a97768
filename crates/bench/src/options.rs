//! The command line.

mod child;
mod drops;
mod everything;
mod gauge;
mod plan;
mod words;

use std::path::PathBuf;

use crate::Failure;
use crate::budgets::HotPath;
use crate::clients::{self, Client};
use crate::cpu::Cores;
use crate::gauge::Row;
use crate::load::Load;
use crate::places;
use crate::publish::Demand;
use crate::scenario;
use crate::scenarios::head_parse::{self, Heads};
use crate::scenarios::stale_drops;

pub(crate) use crate::options::child::{heads_words, hot_words, load_words, serve_words};
pub(crate) use crate::options::drops::DropsPlan;
pub(crate) use crate::options::everything::{EverythingPlan, Publishing};
pub(crate) use crate::options::gauge::{GaugePlan, read_words};
pub(crate) use crate::options::plan::Plan;
use crate::options::words::Words;

pub(crate) enum Command {
    Help,
    Everything(EverythingPlan),
    Measure(Plan),
    Gauge(GaugePlan),
    CountHeads(Output),
    CountFailures(DropsPlan),
    /// A child: the server.
    Serve(Cores),
    /// A child: one client, once.
    Load {
        client: &'static Client,
        load: Load,
    },
    /// A child: one reading of a gauge.
    Read {
        row: Row,
        count: usize,
    },
    /// Shows the run that was written to this folder.
    Publish(PathBuf, Demand),
    CheckBudgets,
    WriteBudgets,
    /// A child: heads are read.
    ReadHeads(Heads),
    /// A child: a hot path is gone so often.
    Walk(HotPath, usize),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Output {
    Table,
    Json,
}

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, Failure> {
    let mut words = Words::new(arguments);
    let first = words.next();
    match first.as_deref() {
        Some("help" | "--help") => Ok(Command::Help),
        Some("--child") => child::parse(words),
        Some("budgets") => match words.next().as_deref() {
            None => Ok(Command::CheckBudgets),
            Some("--write") => Ok(Command::WriteBudgets),
            Some(other) => Err(words::unknown(other)),
        },
        Some("publish") => publish_words(words),
        Some(head_parse::NAME) => heads_output(words).map(Command::CountHeads),
        Some(stale_drops::NAME) => DropsPlan::parse(words).map(Command::CountFailures),
        None | Some("--out" | "--rounds" | "--peers" | "--only" | "--publish" | "--partial") => {
            EverythingPlan::parse(first, words).map(Command::Everything)
        }
        Some(name) => {
            if let Some(gauge) = crate::gauge::find(name) {
                return GaugePlan::parse(gauge, words).map(Command::Gauge);
            }
            Plan::named(name)?.parse(words).map(Command::Measure)
        }
    }
}

pub(crate) fn usage() -> String {
    let mut text = String::from(
        "bench [--publish [--partial]] [--out FOLDER] [--rounds N] [--peers NAME,NAME] [--only NAME,NAME]:\n\
         \x20              everything, and a report\n\
         bench publish [--partial] [FOLDER]: the last run's report into BENCHMARKS.md, README.md and charts\n\
         bench SCENARIO [--json] [--case WORD] [--rounds N] [--requests N] [--in-flight N]\n\
         \x20              [--threads N] [--clients NAME,NAME] [--cores apart|free]\n\
         bench GAUGE [--json] [--rounds N] [--count N] [--rows NAME,NAME]\n\
         bench budgets [--write]: what the hot paths may cost, or from now on may; by .ci/budgets\n\nscenarios:\n",
    );
    let mut tell = |name: &str, about: &str| text += &format!("  {name:<18} {about}\n");
    for scenario in scenario::all() {
        tell(scenario.name, scenario.about);
    }
    tell(head_parse::NAME, head_parse::ABOUT);
    tell(stale_drops::NAME, stale_drops::ABOUT);
    text += "gauges:\n";
    for gauge in crate::gauge::all() {
        let (about, count, counted) = (gauge.about, gauge.count, gauge.counted);
        text += &format!("  {:<18} {about} ({count} {counted})\n", gauge.name);
    }
    text += "clients:\n";
    for client in clients::ALL {
        text += &format!("  {}\n", client.name);
    }
    text += "peers and another server, for small-get: --peers NAME,NAME, --server nginx; the same as \
             small-get-peers, small-get-nginx\n";
    for outside in clients::outside::ALL {
        text += &format!("  {}\n", outside.client.name);
    }
    text += "head-parse knows --json only, stale-drops --json and --requests\n";
    text
}

fn publish_words(mut words: Words<impl Iterator<Item = String>>) -> Result<Command, Failure> {
    let (mut folder, mut demand) = (places::output(), Demand::Whole);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--partial" => demand = Demand::Partial,
            _ => folder = word.into(),
        }
    }
    Ok(Command::Publish(folder, demand))
}

fn heads_output(mut words: Words<impl Iterator<Item = String>>) -> Result<Output, Failure> {
    match words.next().as_deref() {
        None => Ok(Output::Table),
        Some("--json") => Ok(Output::Json),
        Some(other) => Err(words::unknown(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, Output, parse};

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn heads_may_be_told_as_json() {
        assert!(matches!(
            parsed("head-parse --json"),
            Ok(Command::CountHeads(Output::Json))
        ));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, message) in [
            ("small-gte", "no scenario is called small-gte; see --help"),
            ("head-parse --fast", "what is --fast? see --help"),
        ] {
            assert_eq!(parsed(line).err().as_deref(), Some(message));
        }
    }
}
