//! The limits on time that a request may have, and the one timer that keeps them.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep};

use crate::phase::Phase;

/// Limits on time: the client's defaults, or one request's own.
///
/// A request's own limits replace the client's, each for itself. Without a
/// limit there is no timer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timeouts {
    /// In line for a connection, while limits keep it from being made; for
    /// each attempt anew.
    pub(crate) acquire: Option<Duration>,
    /// Until a connection is in hand, for each attempt anew.
    pub(crate) connect: Option<Duration>,
    /// Between two writes of the request.
    pub(crate) write: Option<Duration>,
    /// From the request's last byte to the end of the response's head.
    pub(crate) head: Option<Duration>,
    /// Between two reads of the response.
    pub(crate) read: Option<Duration>,
    /// From `send` to the last byte of the response's body, everything included.
    pub(crate) total: Option<Duration>,
}

impl Timeouts {
    /// These limits, completed by `defaults` where they say nothing.
    fn or(self, defaults: &Self) -> Self {
        Self {
            acquire: self.acquire.or(defaults.acquire),
            connect: self.connect.or(defaults.connect),
            write: self.write.or(defaults.write),
            head: self.head.or(defaults.head),
            read: self.read.or(defaults.read),
            total: self.total.or(defaults.total),
        }
    }

    /// How long `phase` may last without progress.
    fn of(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Acquire => shorter(self.acquire, self.connect),
            Phase::Connect => self.connect,
            // Silence before the head counts as a pause between reads where
            // the head has no limit of its own, and so does one before that.
            Phase::Send => self.write.or(self.read),
            Phase::Head => self.head.or(self.read),
            Phase::Body => self.read,
            _ => None,
        }
    }
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elapsed {
    pub(crate) phase: Phase,
    pub(crate) limit: Duration,
    pub(crate) scope: Scope,
}

/// Whether the phase's own limit was reached or the whole request's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    Phase,
    Total,
}

/// Who must act for a request to go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Awaited {
    /// The server, the network or the pool: the phase's limit runs.
    Peer,
    /// The caller, whose body is not there yet, or waits for 100 (Continue):
    /// only the total limit runs.
    Caller,
}

/// Keeps a request's limits. Without a limit it costs nothing: no clock is
/// read and no timer made; the one `Sleep` is made when first needed.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) timeouts: Timeouts,
    /// When the request was sent; before that there is nothing to watch.
    started: Option<Instant>,
    quiet: Option<Quiet>,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// The quiet time under watch: since when nothing has moved, in which phase.
#[derive(Clone, Copy)]
struct Quiet {
    phase: Phase,
    progress: u64,
    since: Instant,
}

impl Quiet {
    /// Whether the quiet time goes on in `phase`. The wait for a connection is
    /// one, in line and behind it.
    fn lasts_in(&self, phase: Phase) -> bool {
        self.phase == phase || (self.phase == Phase::Acquire && phase == Phase::Connect)
    }
}

impl Watch {
    /// Begins to watch, by `defaults` where the request says nothing.
    pub(crate) fn start(&mut self, defaults: &Timeouts, now: Instant) {
        self.timeouts = self.timeouts.or(defaults);
        self.started = Some(now);
    }

    /// The request begins again.
    pub(crate) fn begin_again(&mut self) {
        self.quiet = None;
    }

    /// Whether the wait for a connection has a limit.
    pub(crate) fn limits_waiting(&self) -> bool {
        self.timeouts.of(Phase::Acquire).is_some() || self.timeouts.total.is_some()
    }

    /// To be called whenever the request can't go on: ready when a limit is
    /// reached. `progress` is any figure that changes when something moves.
    pub(crate) fn poll_elapsed(
        &mut self,
        cx: &mut Context<'_>,
        phase: Phase,
        awaited: Awaited,
        progress: u64,
    ) -> Poll<Elapsed> {
        let own = match awaited {
            Awaited::Peer => self.timeouts.of(phase),
            Awaited::Caller => None,
        };
        // The head's own limit is for the whole head, however it drips in.
        let whole_head = phase == Phase::Head && self.timeouts.head.is_some();
        let progress = if whole_head { 0 } else { progress };
        if own.is_none() && self.timeouts.total.is_none() {
            self.quiet = None;
            return Poll::Pending;
        }
        let quiet = self.quiet_since(phase, progress);
        if awaited == Awaited::Caller {
            // The peer's time begins when it is its turn again.
            self.quiet = None;
        }
        let Some((deadline, elapsed)) = self.next_deadline(quiet, own) else {
            return Poll::Pending;
        };
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        // Whoever moves without a pause uses up its task's budget, by which
        // the timer would not be due, ever.
        pin!(unconstrained(sleep.as_mut()))
            .poll(cx)
            .map(|()| elapsed)
    }

    /// The total limit, if it is over. Needs a clock only where there is one.
    pub(crate) fn total_elapsed(&self) -> Option<Elapsed> {
        let limit = self.timeouts.total?;
        let over = self.started?.elapsed() >= limit;
        over.then_some(Elapsed {
            phase: Phase::Body,
            limit,
            scope: Scope::Total,
        })
    }

    fn quiet_since(&mut self, phase: Phase, progress: u64) -> Quiet {
        if let Some(quiet) = self.quiet
            && quiet.lasts_in(phase)
            && quiet.progress == progress
        {
            return *self.quiet.insert(Quiet { phase, ..quiet });
        }
        *self.quiet.insert(Quiet {
            phase,
            progress,
            since: Instant::now(),
        })
    }

    fn next_deadline(&self, quiet: Quiet, own: Option<Duration>) -> Option<(Instant, Elapsed)> {
        let phase = quiet.phase;
        let of = |since: Instant, limit: Option<Duration>, scope| {
            let limit = limit?;
            // A limit too far away for the clock is no limit.
            Some((
                since.checked_add(limit)?,
                Elapsed {
                    phase,
                    limit,
                    scope,
                },
            ))
        };
        let own = of(quiet.since, own, Scope::Phase);
        let total = self
            .started
            .and_then(|at| of(at, self.timeouts.total, Scope::Total));
        match (own, total) {
            (Some(own), Some(total)) => Some(if total.0 < own.0 { total } else { own }),
            (own, total) => own.or(total),
        }
    }
}

fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
