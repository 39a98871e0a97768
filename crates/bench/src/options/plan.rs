//! What may be said of a scenario.

use super::Output;
use super::everything::ALL_PEERS;
use super::words::{Words, unknown};
use crate::Failure;
use crate::child::{Make, Server};
use crate::clients::{self, Client};
use crate::cpu::Cores;
use crate::scenario::{self, Case, Scenario};
use crate::scenarios::small_get;

/// What was asked for.
pub(crate) struct Plan {
    pub(crate) scenario: Scenario,
    pub(crate) clients: Vec<&'static Client>,
    pub(crate) output: Output,
    /// Peers that were asked for and could not be built, and why.
    pub(crate) absent: Vec<(String, String)>,
    cores: Option<Cores>,
    requests: Option<usize>,
    in_flight: Option<usize>,
    threads: Option<usize>,
    rounds: Option<usize>,
    server: Make,
}

impl Plan {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let left_out = scenario.left_out.as_ref().map(|left_out| left_out.client);
        let all = clients::ALL.iter();
        Self {
            scenario,
            clients: all.filter(|client| Some(client.name) != left_out).collect(),
            output: Output::Table,
            absent: Vec::new(),
            cores: None,
            requests: None,
            in_flight: None,
            threads: None,
            rounds: None,
            server: Make::Ours,
        }
    }

    pub(crate) fn at_nginx() -> Self {
        Self {
            server: Make::Nginx,
            ..Self::new(small_get::scenario_at_nginx())
        }
    }

    /// By its name, as the report has it.
    pub(super) fn named(name: &str) -> Result<Self, Failure> {
        match name {
            small_get::AT_NGINX => Ok(Self::at_nginx()),
            small_get::WITH_PEERS => {
                let mut plan = Self::new(small_get::scenario_with_peers());
                plan.invite(ALL_PEERS)?;
                Ok(plan)
            }
            _ => {
                let scenario = scenario::find(name);
                let unknown = || format!("no scenario is called {name}; see --help");
                Ok(Self::new(scenario.ok_or_else(unknown)?))
            }
        }
    }

    pub(super) fn parse(
        self,
        mut words: Words<impl Iterator<Item = String>>,
    ) -> Result<Self, Failure> {
        let mut plan = self;
        while let Some(option) = words.next() {
            match option.as_str() {
                "--json" => plan.output = Output::Json,
                "--case" => plan.only(&words.word()?)?,
                "--rounds" => plan.rounds = Some(words.positive()?),
                "--requests" => plan.requests = Some(words.positive()?),
                "--in-flight" => plan.in_flight = Some(words.positive()?),
                "--threads" => plan.threads = Some(words.positive()?),
                "--cores" => plan.cores = Some(words.value()?),
                "--clients" => plan.clients = named_clients(&words.word()?)?,
                "--peers" => plan.invite(&words.word()?)?,
                "--server" => plan.ask_at(&words.word()?)?,
                other => return Err(unknown(other)),
            }
        }
        Ok(plan)
    }

    /// Leaves the cases that have the word in their names.
    fn only(&mut self, word: &str) -> Result<(), Failure> {
        let Scenario { name, cases, .. } = &mut self.scenario;
        cases.retain(|case| case.name.contains(word));
        match cases.is_empty() {
            true => Err(format!("{name} has no case with {word} in its name").into()),
            false => Ok(()),
        }
    }

    /// Adds clients that are programs of their own, as far as they can be built here.
    pub(crate) fn invite(&mut self, names: &str) -> Result<(), Failure> {
        self.is_small_get("--peers")?;
        for name in names.split(',') {
            let outside = clients::outside::ALL.iter();
            let mut named = outside.filter(|outside| outside.client.name == name);
            let outside = named.next();
            let outside = outside.ok_or_else(|| format!("no peer is called {name}"))?;
            eprintln!("{name} is built");
            match outside.prepare() {
                Ok(client) => self.clients.push(client),
                Err(failure) => {
                    eprintln!("{name} is skipped: {failure}");
                    let because = failure.to_string();
                    self.absent.push((name.to_owned(), because));
                }
            }
        }
        Ok(())
    }

    fn ask_at(&mut self, server: &str) -> Result<(), Failure> {
        self.is_small_get("--server")?;
        self.server = match server {
            "nginx" => Make::Nginx,
            other => return Err(format!("no server is called {other}").into()),
        };
        Ok(())
    }

    fn is_small_get(&self, option: &str) -> Result<(), Failure> {
        match self.scenario.name {
            "small-get" | small_get::WITH_PEERS => Ok(()),
            name => Err(format!("{name} knows no {option}, only small-get does").into()),
        }
    }

    pub(crate) fn start_server(&self, case: &Case) -> Result<Server, Failure> {
        match self.server {
            Make::Ours => Server::start(self.cores(case)),
            Make::Nginx => Server::start_nginx(self.cores(case)),
        }
    }

    pub(crate) fn server_name(&self) -> &'static str {
        match self.server {
            Make::Ours => "the bench's own",
            Make::Nginx => "nginx",
        }
    }

    /// Apart, unless told otherwise or the client has more threads than one core can run.
    pub(crate) fn cores(&self, case: &Case) -> Cores {
        self.cores.unwrap_or(match self.threads(case) {
            1 => Cores::Apart,
            _ => Cores::Free,
        })
    }

    pub(crate) fn threads(&self, case: &Case) -> usize {
        self.threads.unwrap_or(case.threads)
    }

    pub(crate) fn rounds(&self, case: &Case) -> usize {
        self.rounds.unwrap_or(case.rounds)
    }

    /// No more than so many rounds of each case.
    pub(crate) fn at_most(mut self, rounds: usize) -> Self {
        for case in &mut self.scenario.cases {
            case.rounds = case.rounds.min(rounds);
        }
        self
    }

    pub(crate) fn requests(&self, case: &Case) -> usize {
        self.requests.unwrap_or(case.requests)
    }

    pub(crate) fn in_flight(&self, case: &Case) -> usize {
        self.in_flight.unwrap_or(case.in_flight)
    }
}

fn named_clients(names: &str) -> Result<Vec<&'static Client>, Failure> {
    names
        .split(',')
        .map(|name| {
            let mut all = clients::ALL.iter();
            all.find(|client| client.name == name)
                .ok_or_else(|| format!("no client is called {name}; see --help").into())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::options::{Command, Output, parse};

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn options_replace_what_a_case_proposes() {
        let line = "small-get --json --case two --rounds 3 --in-flight 9 --clients bare,postrider";
        let Ok(Command::Measure(plan)) = parsed(line) else {
            panic!("it should be understood");
        };
        assert_eq!(plan.scenario.cases.len(), 3);
        let case = &plan.scenario.cases[0];
        assert_eq!((plan.rounds(case), plan.in_flight(case)), (3, 9));
        assert_eq!(
            (plan.requests(case), plan.threads(case)),
            (case.requests, 2)
        );
        assert_eq!(plan.output, Output::Json);
        let names: Vec<_> = plan.clients.iter().map(|client| client.name).collect();
        assert_eq!(names, ["bare", "postrider"]);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, message) in [
            ("small-get --fast", "what is --fast? see --help"),
            ("small-get --rounds", "a word is missing at the end"),
            ("small-get --rounds 0", "0 is too few"),
            ("small-get --rounds many", "many is out of place"),
            (
                "small-get --case large",
                "small-get has no case with large in its name",
            ),
            (
                "upload --server nginx",
                "upload knows no --server, only small-get does",
            ),
            ("small-get --server apache", "no server is called apache"),
            ("small-get --peers wget", "no peer is called wget"),
            (
                "small-get --clients curl",
                "no client is called curl; see --help",
            ),
        ] {
            assert_eq!(parsed(line).err().as_deref(), Some(message));
        }
    }
}
