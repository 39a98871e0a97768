//! Racing addresses, one attempt a little after the other.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::RaceOptions;
use super::order::Candidates;
use crate::bounded::Bounded;
use crate::error::{ConnectErrorKind, Failure, Phase};
use crate::guard::BoxFuture;
use crate::progress::Progress;

/// Where addresses come from, in batches, as they become known.
pub(crate) trait Supply: Send + Sized + 'static {
    /// The next batch, or why a part of the addresses will not come. `None` when all is said.
    fn next(self) -> impl Future<Output = Option<(Self, Batch)>> + Send;
}

pub(crate) type Batch = Result<Vec<SocketAddr>, Failure>;

/// A race between the addresses of a host (RFC 8305).
///
/// Attempts start one after another, each a little after the one before or at once when one has
/// failed; earlier ones go on. The first to connect wins, and the others are dropped. If the
/// winner proves useless later on, the race can be resumed.
///
/// Dropping it drops every attempt.
pub(crate) struct Race<'a, C, S> {
    options: RaceOptions,
    progress: &'a Progress,
    began: Instant,
    lookup: Lookup<S>,
    lookup_failure: Option<Failure>,
    first_address: Option<Instant>,
    candidates: Candidates,
    pace: Pace,
    timer: Pin<Box<Sleep>>,
    dial: Dial<C>,
    under_way: Vec<Runner<C>>,
}

type Dial<C> = Box<dyn Fn(SocketAddr) -> BoxFuture<io::Result<C>> + Send>;

enum Lookup<S> {
    UnderWay(BoxFuture<Option<(S, Batch)>>),
    Over,
}

/// When the next attempt may start.
enum Pace {
    AtOnce,
    AfterTimer,
}

/// For so long an attempt is left alone before it has to make room for another: time for a second
/// SYN, which systems send after a second. With the usual delay and number of attempts, the oldest
/// is just as old when it stands in the way.
const LEAST_CHANCE: Duration = Duration::from_millis(1500);

/// An attempt under way.
struct Runner<C> {
    addr: SocketAddr,
    since: Instant,
    connecting: BoxFuture<io::Result<C>>,
}

/// The attempt that connected first.
#[derive(Debug)]
pub(crate) struct Winner<C> {
    pub(crate) addr: SocketAddr,
    pub(crate) connection: C,
}

impl<'a, C, S: Supply> Race<'a, C, S> {
    pub(crate) fn start(
        options: RaceOptions,
        progress: &'a Progress,
        supply: S,
        dial: impl Fn(SocketAddr) -> BoxFuture<io::Result<C>> + Send + 'static,
    ) -> Self {
        let began = Instant::now();
        Self {
            options,
            progress,
            began,
            lookup: Lookup::UnderWay(Box::pin(supply.next())),
            lookup_failure: None,
            first_address: None,
            candidates: Candidates::default(),
            pace: Pace::AtOnce,
            timer: Box::pin(sleep_until(began)),
            dial: Box::new(dial),
            under_way: Vec::new(),
        }
    }

    /// Runs until an address connects or none is left.
    ///
    /// May be called again after a winner: the race then resumes with the addresses that it beat.
    ///
    /// Cancel safe: the race goes on where it stood.
    pub(crate) fn winner(
        &mut self,
    ) -> impl Future<Output = Result<Winner<C>, Failure>> + Unpin + use<'_, 'a, C, S> {
        std::future::poll_fn(|cx| self.poll_winner(cx))
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// When the first address became known, from the start.
    pub(crate) fn resolved_after(&self) -> Option<Duration> {
        self.first_address.map(|at| at - self.began)
    }

    fn poll_winner(&mut self, cx: &mut Context<'_>) -> Poll<Result<Winner<C>, Failure>> {
        loop {
            self.poll_lookup(cx);
            if let Some(winner) = self.poll_attempts(cx) {
                return Poll::Ready(Ok(winner));
            }
            if self.is_exhausted() {
                return Poll::Ready(Err(self.failure()));
            }
            if !self.may_start(cx) {
                if self.under_way.is_empty() {
                    // Nothing is awaited but the lookup.
                    self.progress.enter(Phase::Resolve);
                }
                return Poll::Pending;
            }
            self.start_next();
        }
    }

    /// Takes in every batch that has come.
    fn poll_lookup(&mut self, cx: &mut Context<'_>) {
        while let Lookup::UnderWay(lookup) = &mut self.lookup {
            let Poll::Ready(answer) = lookup.as_mut().poll(cx) else {
                break;
            };
            let Some((supply, batch)) = answer else {
                self.lookup = Lookup::Over;
                break;
            };
            self.lookup = Lookup::UnderWay(Box::pin(supply.next()));
            match batch {
                Ok(addrs) => self.add(addrs),
                Err(failure) => self.note_lookup_failure(failure),
            }
        }
        self.end_grace_if_pointless();
    }

    fn add(&mut self, addrs: Vec<SocketAddr>) {
        let is_first = self.first_address.is_none() && !addrs.is_empty();
        self.candidates.add(addrs);
        if is_first {
            let now = Instant::now();
            self.first_address = Some(now);
            // RFC 8305 §3: IPv4 answers wait a moment for IPv6 ones.
            self.arm(now + self.options.resolution_delay);
        }
    }

    /// The wait for IPv6 answers ends when they are there, or when no answer is to come.
    fn end_grace_if_pointless(&mut self) {
        let is_grace = !self.progress.has_attempts();
        if is_grace && (self.candidates.has_ipv6() || matches!(self.lookup, Lookup::Over)) {
            self.pace = Pace::AtOnce;
        }
    }

    /// Of two lookups that failed, the one that says more is told. Of two of a kind, the later
    /// knows all that the earlier knew.
    fn note_lookup_failure(&mut self, failure: Failure) {
        if let Some(cause) = failure.hides_addresses() {
            tracing::debug!(error = %Bounded(cause), "a part of the lookup failed");
            self.progress.note_lookup_failure(Arc::clone(cause));
        }
        match &self.lookup_failure {
            Some(known)
                if known.kind != ConnectErrorKind::NoAddress && known.kind != failure.kind => {}
            _ => self.lookup_failure = Some(failure),
        }
    }

    /// Looks after the attempts under way. With the first that connected, the others are dropped
    /// and their addresses put back.
    fn poll_attempts(&mut self, cx: &mut Context<'_>) -> Option<Winner<C>> {
        let mut n = 0;
        while let Some(attempt) = self.under_way.get_mut(n) {
            let Poll::Ready(outcome) = attempt.connecting.as_mut().poll(cx) else {
                n += 1;
                continue;
            };
            let addr = self.under_way.remove(n).addr;
            self.pace = Pace::AtOnce;
            match outcome {
                Ok(connection) => {
                    self.drop_losers();
                    self.progress.end(addr, None);
                    return Some(Winner { addr, connection });
                }
                Err(error) => {
                    tracing::debug!(%addr, error = %Bounded(&error), "attempt failed");
                    self.progress.end(addr, Some(Arc::new(error)));
                }
            }
        }
        None
    }

    fn drop_losers(&mut self) {
        let losers: Vec<_> = self.under_way.drain(..).map(|loser| loser.addr).collect();
        for addr in &losers {
            let slower = io::Error::new(io::ErrorKind::Interrupted, "another address was faster");
            self.progress.end(*addr, Some(Arc::new(slower)));
        }
        self.candidates.give_back(losers);
    }

    fn is_exhausted(&self) -> bool {
        matches!(self.lookup, Lookup::Over)
            && self.under_way.is_empty()
            && self.candidates.is_empty()
    }

    fn failure(&mut self) -> Failure {
        if self.progress.has_attempts() {
            return Failure::connecting(self.progress.take_attempts())
                .besides(self.progress.lookup_failure());
        }
        self.lookup_failure
            .take()
            .unwrap_or_else(|| Failure::new(ConnectErrorKind::NoAddress, Phase::Resolve))
    }

    fn may_start(&mut self, cx: &mut Context<'_>) -> bool {
        if self.candidates.is_empty() {
            return false;
        }
        if let Some(oldest) = self.in_the_way() {
            let room_at = oldest.since + LEAST_CHANCE;
            if self.timer.deadline() < room_at {
                self.timer.as_mut().reset(room_at);
            }
        }
        match self.pace {
            Pace::AtOnce => true,
            Pace::AfterTimer => self.timer.as_mut().poll(cx).is_ready(),
        }
    }

    /// The oldest attempt, where there may be no more of them.
    ///
    /// The pace is then never `AtOnce`: what sets that ends an attempt as well.
    fn in_the_way(&self) -> Option<&Runner<C>> {
        let is_full = self.under_way.len() >= self.options.most_at_once;
        self.under_way.first().filter(|_| is_full)
    }

    fn start_next(&mut self) {
        let Some(addr) = self.candidates.take() else {
            return;
        };
        if self.in_the_way().is_some() {
            self.make_room();
        }
        let now = Instant::now();
        tracing::debug!(%addr, "attempt starts");
        self.progress.start(addr, now);
        self.under_way.push(Runner {
            addr,
            since: now,
            connecting: (self.dial)(addr),
        });
        self.arm(now + self.options.attempt_delay);
    }

    /// Addresses that swallow every packet must not keep the others from being tried.
    fn make_room(&mut self) {
        let addr = self.under_way.remove(0).addr;
        tracing::debug!(%addr, "attempt makes room");
        let words = "made room for another address";
        let error = io::Error::new(io::ErrorKind::TimedOut, words);
        self.progress.end(addr, Some(Arc::new(error)));
    }

    fn arm(&mut self, at: Instant) {
        self.timer.as_mut().reset(at);
        self.pace = Pace::AfterTimer;
    }
}

#[cfg(test)]
mod tests;
