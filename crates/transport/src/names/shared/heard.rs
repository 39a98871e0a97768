//! What a lookup under way has brought, and what its callers are told of it.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::last_good::{Dated, Outcome, without_dates};
use crate::names::Answers;

/// What a lookup has brought so far.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) good: Vec<Dated>,
    /// How many parts were good.
    parts: usize,
    pub(super) failures: Vec<io::Error>,
}

impl Heard {
    /// Takes in and tells what comes until all has come.
    ///
    /// Cancel safe: it goes on where it stood.
    pub(super) async fn listen(&mut self, answers: &mut Answers, report: &watch::Sender<Report>) {
        while let Some(part) = answers.next().await {
            match part {
                Ok(addrs) => {
                    let at = Instant::now();
                    self.good
                        .extend(addrs.iter().map(|&addr| Dated { addr, at }));
                    self.parts += 1;
                    report.send_modify(|report| report.tell(Ok(addrs)));
                }
                Err(error) => self.failures.push(error),
            }
        }
    }

    /// The addresses as one answer, and the failures.
    ///
    /// Parts come in any order, which is no preference: from memory IPv6 goes first, as it would
    /// have in the race (RFC 8305 §3). An answer in one piece was put in order by the resolver.
    pub(super) fn outcome(mut self) -> (Outcome, Vec<io::Error>) {
        if self.parts > 1 {
            self.good
                .sort_by_key(|known| known.addr.ip().to_canonical().is_ipv4());
        }
        (Outcome::new(self.good, &self.failures), self.failures)
    }
}

/// What a lookup's callers are told so far.
#[derive(Default)]
pub(super) struct Report {
    pub(super) parts: Vec<Part>,
    pub(super) is_over: bool,
    told: HashSet<SocketAddr>,
}

pub(super) type Part = Result<Vec<SocketAddr>, Arc<io::Error>>;

impl Report {
    /// Tells no address twice: what stood in may come after all.
    pub(super) fn tell(&mut self, mut part: Part) {
        if self.is_over {
            return;
        }
        if let Ok(addrs) = &mut part
            && !addrs.is_empty()
        {
            addrs.retain(|addr| self.told.insert(*addr));
            if addrs.is_empty() {
                return;
            }
        }
        self.parts.push(part);
    }

    /// Tells what another lookup of the name has found.
    pub(super) fn tell_of_other(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Whole(addrs) => self.end([Ok(without_dates(addrs))]),
            Outcome::Partial(addrs) => self.tell(Ok(without_dates(addrs))),
        }
    }

    pub(super) fn end(&mut self, last: impl IntoIterator<Item = Part>) {
        for part in last {
            self.tell(part);
        }
        self.is_over = true;
    }
}
