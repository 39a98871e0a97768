//! The command line.

mod drops;
mod gauge;

use std::str::FromStr;

use crate::Failure;
use crate::clients::{self, Client};
use crate::cpu::Cores;
use crate::gauge::Row;
use crate::load::Load;
use crate::probe::Quantity;
use crate::scenario::{self, Case, Scenario};
use crate::scenarios::head_parse::{self, Heads, Reader, Shape};
use crate::scenarios::stale_drops;

pub(crate) use crate::options::drops::DropsPlan;
pub(crate) use crate::options::gauge::{GaugePlan, read_words};

pub(crate) enum Command {
    Help,
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
    /// A child: heads are read.
    ReadHeads(Heads),
}

/// What was asked for.
pub(crate) struct Plan {
    pub(crate) scenario: Scenario,
    pub(crate) clients: Vec<&'static Client>,
    pub(crate) rounds: usize,
    pub(crate) threads: usize,
    pub(crate) output: Output,
    cores: Option<Cores>,
    requests: Option<usize>,
    in_flight: Option<usize>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Output {
    Table,
    Json,
}

impl Plan {
    fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            clients: clients::ALL.iter().collect(),
            rounds: ROUNDS,
            threads: 1,
            output: Output::Table,
            cores: None,
            requests: None,
            in_flight: None,
        }
    }

    /// Apart, unless told otherwise or the client has more threads than one core can run.
    pub(crate) fn cores(&self) -> Cores {
        self.cores.unwrap_or(match self.threads {
            1 => Cores::Apart,
            _ => Cores::Free,
        })
    }

    pub(crate) fn requests(&self, case: &Case) -> usize {
        self.requests.unwrap_or(case.requests)
    }

    pub(crate) fn in_flight(&self, case: &Case) -> usize {
        self.in_flight.unwrap_or(case.in_flight)
    }
}

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, Failure> {
    let mut words = Words(arguments);
    match words.0.next().as_deref() {
        None | Some("help" | "--help") => Ok(Command::Help),
        Some("--child") => child(words),
        Some(head_parse::NAME) => heads_output(words).map(Command::CountHeads),
        Some(stale_drops::NAME) => DropsPlan::parse(words).map(Command::CountFailures),
        Some(name) => {
            if let Some(gauge) = crate::gauge::find(name) {
                return GaugePlan::parse(gauge, words).map(Command::Gauge);
            }
            let scenario = scenario::find(name)
                .ok_or_else(|| format!("no scenario is called {name}; see --help"))?;
            plan(scenario, words).map(Command::Measure)
        }
    }
}

pub(crate) fn usage() -> String {
    let mut text = String::from(
        "bench SCENARIO [--json] [--rounds N] [--requests N] [--in-flight N] [--threads N]\n\
         \x20              [--clients NAME,NAME] [--cores apart|free]\n\
         bench GAUGE [--json] [--rounds N] [--count N] [--rows NAME,NAME]\n\nscenarios:\n",
    );
    for scenario in scenario::all() {
        text += &format!("  {:<14} {}\n", scenario.name, scenario.about);
    }
    text += &format!("  {:<14} {}\n", head_parse::NAME, head_parse::ABOUT);
    text += &format!("  {:<14} {}\n", stale_drops::NAME, stale_drops::ABOUT);
    text += "gauges:\n";
    for gauge in crate::gauge::all() {
        let (about, count, counted) = (gauge.about, gauge.count, gauge.counted);
        text += &format!("  {:<14} {about} ({count} {counted})\n", gauge.name);
    }
    text += "clients:\n";
    for client in clients::ALL {
        text += &format!("  {}\n", client.name);
    }
    text += "head-parse knows --json only, stale-drops --json and --requests\n";
    text
}

/// The words by which [`parse`] gives back `Command::Load`.
pub(crate) fn load_words(client: &Client, load: &Load) -> Vec<String> {
    let quantity = match load.quantity {
        Quantity::Time => "time",
        Quantity::Heap => "heap",
        Quantity::Failures => "failures",
    };
    let mut words = vec!["--child".to_owned(), "load".to_owned()];
    words.extend([client.name, &load.path, quantity, load.cores.name()].map(str::to_owned));
    words.push(load.addr.to_string());
    let numbers = [
        load.body,
        load.warm_up,
        load.requests,
        load.in_flight,
        load.threads,
    ];
    words.extend(numbers.map(|number| number.to_string()));
    words
}

/// The words by which [`parse`] gives back `Command::Serve`.
pub(crate) fn serve_words(cores: Cores) -> [&'static str; 3] {
    ["--child", "serve", cores.name()]
}

/// The words by which [`parse`] gives back `Command::ReadHeads`.
pub(crate) fn heads_words(heads: Heads) -> Vec<String> {
    let Heads {
        reader,
        shape,
        count,
    } = heads;
    let words = ["--child", "heads", reader.name(), shape.name()];
    let mut words = words.map(str::to_owned).to_vec();
    words.push(count.to_string());
    words
}

fn plan(
    scenario: Scenario,
    mut words: Words<impl Iterator<Item = String>>,
) -> Result<Plan, Failure> {
    let mut plan = Plan::new(scenario);
    while let Some(option) = words.0.next() {
        match option.as_str() {
            "--json" => plan.output = Output::Json,
            "--rounds" => plan.rounds = words.positive()?,
            "--requests" => plan.requests = Some(words.positive()?),
            "--in-flight" => plan.in_flight = Some(words.positive()?),
            "--threads" => plan.threads = words.positive()?,
            "--cores" => plan.cores = Some(words.value()?),
            "--clients" => plan.clients = named_clients(&words.word()?)?,
            other => return Err(format!("what is {other}? see --help").into()),
        }
    }
    Ok(plan)
}

fn named_clients(names: &str) -> Result<Vec<&'static Client>, Failure> {
    names
        .split(',')
        .map(|name| {
            clients::find(name)
                .ok_or_else(|| format!("no client is called {name}; see --help").into())
        })
        .collect()
}

fn child(mut words: Words<impl Iterator<Item = String>>) -> Result<Command, Failure> {
    match words.word()?.as_str() {
        "serve" => words.value().map(Command::Serve),
        "read" => gauge::read(words),
        "heads" => heads(words).map(Command::ReadHeads),
        _ => load(words),
    }
}

fn heads(mut words: Words<impl Iterator<Item = String>>) -> Result<Heads, Failure> {
    let (reader, shape) = (words.word()?, words.word()?);
    Ok(Heads {
        reader: Reader::ALL
            .into_iter()
            .find(|known| known.name() == reader)
            .ok_or("an unknown reader")?,
        shape: Shape::ALL
            .into_iter()
            .find(|known| known.name() == shape)
            .ok_or("an unknown shape")?,
        count: words.value()?,
    })
}

fn heads_output(mut words: Words<impl Iterator<Item = String>>) -> Result<Output, Failure> {
    match words.0.next().as_deref() {
        None => Ok(Output::Table),
        Some("--json") => Ok(Output::Json),
        Some(other) => Err(format!("what is {other}? see --help").into()),
    }
}

fn load(mut words: Words<impl Iterator<Item = String>>) -> Result<Command, Failure> {
    let client = clients::find(&words.word()?).ok_or("an unknown client")?;
    let path = words.word()?;
    let quantity = match words.word()?.as_str() {
        "heap" => Quantity::Heap,
        "failures" => Quantity::Failures,
        _ => Quantity::Time,
    };
    let load = Load {
        path,
        quantity,
        cores: words.value()?,
        addr: words.value()?,
        body: words.value()?,
        warm_up: words.value()?,
        requests: words.value()?,
        in_flight: words.value()?,
        threads: words.value()?,
    };
    Ok(Command::Load { client, load })
}

const ROUNDS: usize = 7;

struct Words<I>(I);

impl<I: Iterator<Item = String>> Words<I> {
    fn word(&mut self) -> Result<String, Failure> {
        self.0
            .next()
            .ok_or_else(|| "a word is missing at the end".into())
    }

    fn value<T: FromStr>(&mut self) -> Result<T, Failure> {
        let word = self.word()?;
        word.parse()
            .map_err(|_| format!("{word} is out of place").into())
    }

    fn positive(&mut self) -> Result<usize, Failure> {
        match self.value()? {
            0 => Err("0 is too few".into()),
            number => Ok(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, Output, heads_words, load_words, parse};
    use crate::clients;
    use crate::cpu::Cores;
    use crate::load::Load;
    use crate::probe::Quantity;
    use crate::scenarios::head_parse::{Heads, Reader, Shape};

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn options_replace_what_a_case_proposes() {
        let line = "small-get --json --rounds 3 --in-flight 1 --clients bare,ureq";
        let Ok(Command::Measure(plan)) = parsed(line) else {
            panic!("it should be understood");
        };
        let case = &plan.scenario.cases[0];
        assert_eq!((plan.rounds, plan.in_flight(case)), (3, 1));
        assert_eq!(plan.requests(case), case.requests);
        assert_eq!(plan.output, Output::Json);
        let names: Vec<_> = plan.clients.iter().map(|client| client.name).collect();
        assert_eq!(names, ["bare", "ureq"]);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, message) in [
            ("small-gte", "no scenario is called small-gte; see --help"),
            ("small-get --fast", "what is --fast? see --help"),
            ("head-parse --fast", "what is --fast? see --help"),
            ("small-get --rounds", "a word is missing at the end"),
            ("small-get --rounds 0", "0 is too few"),
            ("small-get --rounds many", "many is out of place"),
            (
                "small-get --clients curl",
                "no client is called curl; see --help",
            ),
        ] {
            assert_eq!(parsed(line).err().as_deref(), Some(message));
        }
    }

    #[test]
    fn heads_are_counted_in_a_child_that_is_told_which() {
        let Ok(Command::CountHeads(Output::Json)) = parsed("head-parse --json") else {
            panic!("it should be understood");
        };
        let heads = Heads {
            reader: Reader::Preparation,
            shape: Shape::NewLast,
            count: 7,
        };
        let Ok(Command::ReadHeads(told)) = parse(heads_words(heads).into_iter()) else {
            panic!("it should be understood");
        };
        assert_eq!(told, heads);
    }

    #[test]
    fn a_child_is_told_the_whole_load() {
        for quantity in [Quantity::Time, Quantity::Heap, Quantity::Failures] {
            let load = Load {
                addr: ([127, 0, 0, 1], 8080).into(),
                path: "/small".to_owned(),
                body: 1,
                warm_up: 2,
                requests: 3,
                in_flight: 4,
                threads: 5,
                cores: Cores::Apart,
                quantity,
            };
            let words = load_words(&clients::ALL[0], &load);
            let Ok(Command::Load { client, load: told }) = parse(words.into_iter()) else {
                panic!("it should be understood");
            };
            assert_eq!(client.name, clients::ALL[0].name);
            assert_eq!(format!("{told:?}"), format!("{load:?}"));
        }
    }
}
