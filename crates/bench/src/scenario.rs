//! What a scenario is.

use crate::answer::Answer;
use crate::load::{Action, Copies, Keeping};
use crate::scenarios::{
    bodies, chunked_small, fresh_connections, many_origins, small_get, small_post_json,
    token_stream,
};

/// A question to all clients, asked in one or more variants.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) shown: Shown,
    /// Who takes no part unless asked for by name, and why.
    pub(crate) left_out: Option<LeftOut>,
    pub(crate) cases: Vec<Case>,
    /// What is told beside the cases' own figures.
    pub(crate) differences: Vec<Difference>,
}

/// What one case costs more than another, which is the same but for one thing: the price of that.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) name: &'static str,
    /// The cases, by name.
    pub(crate) of: &'static str,
    pub(crate) less: &'static str,
}

/// Which figure the picture shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown {
    Cpu,
    Latency,
}

#[derive(Debug)]
pub(crate) struct LeftOut {
    pub(crate) client: &'static str,
    pub(crate) because: &'static str,
}

/// One variant: what the server answers, and how clients ask for it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The server knows the case by this path.
    pub(crate) path: &'static str,
    pub(crate) answer: fn() -> Answer,
    pub(crate) door: Door,
    pub(crate) action: Action,
    pub(crate) keeping: Keeping,
    /// Bytes in the decoded body.
    pub(crate) body: u64,
    pub(crate) origins: usize,
    /// Requests at a time, unless told otherwise.
    pub(crate) in_flight: usize,
    /// Worker threads, unless told otherwise.
    pub(crate) threads: usize,
    pub(crate) warm_up: WarmUp,
    /// Rounds, unless told otherwise.
    pub(crate) rounds: usize,
    /// Requests in a measured loop, unless told otherwise.
    pub(crate) requests: usize,
    pub(crate) tracing: Tracing,
    pub(crate) copies: Copies,
}

/// Where the server is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Door {
    Plain,
    /// On all loopback addresses.
    Everywhere,
    /// TLS; sessions can be resumed.
    Tls,
    /// TLS; each handshake is a full one.
    Forgetful,
}

/// What goes before the measured requests.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WarmUp {
    /// A tenth as many requests, but at least four for each in flight.
    Usual,
    /// One for each in flight.
    Once,
    None,
}

/// Whether system calls are counted: each stops the client for strace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tracing {
    Counted,
    /// They are so many that it would take minutes, and a smaller case tells the same.
    Spared,
}

impl Scenario {
    /// One that tells CPU time, and in which all take part.
    pub(crate) fn new(name: &'static str, about: &'static str, cases: Vec<Case>) -> Self {
        Self {
            name,
            about,
            shown: Shown::Cpu,
            left_out: None,
            cases,
            differences: Vec::new(),
        }
    }
}

impl Case {
    /// The same with so many rounds that its ratios can be judged: those of which something was
    /// promised.
    pub(crate) fn judged(self) -> Self {
        Self { rounds: 11, ..self }
    }

    /// GET over kept connections, one at a time.
    pub(crate) fn get(
        name: &'static str,
        path: &'static str,
        answer: fn() -> Answer,
        body: u64,
    ) -> Self {
        Self {
            name,
            path,
            answer,
            body,
            door: Door::Plain,
            action: Action::Get,
            keeping: Keeping::Kept,
            origins: 1,
            in_flight: 1,
            threads: 1,
            warm_up: WarmUp::Usual,
            rounds: 5,
            requests: 1,
            tracing: Tracing::Counted,
            copies: Copies::AsItLikes,
        }
    }
}

impl WarmUp {
    pub(crate) fn requests(self, measured: usize, in_flight: usize) -> usize {
        match self {
            Self::Usual => (measured / 10).max(in_flight * 4),
            Self::Once => in_flight,
            Self::None => 0,
        }
    }
}

pub(crate) fn all() -> Vec<Scenario> {
    vec![
        small_get::scenario(),
        small_get::tls_scenario(),
        small_post_json::scenario(),
        many_origins::scenario(),
        chunked_small::scenario(),
        token_stream::scenario(),
        bodies::collect(),
        bodies::download(),
        bodies::tls_download(),
        bodies::upload(),
        fresh_connections::scenario(),
    ]
}

pub(crate) fn find(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}
