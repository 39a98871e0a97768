//! One lookup for everybody who asks, and answers kept for a moment.

mod heard;
mod last_good;
mod memory;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use self::heard::{Heard, Part, Report};
use self::last_good::{Outcome, StandIn};
use self::memory::{Memory, OpenLookup};
use super::{Answers, Families, Resolve};
use crate::bounded::Bounded;
use crate::guard::guarded_call;

/// How long answers are kept.
#[derive(Clone, Debug)]
pub(crate) struct CacheOptions {
    /// For so long an answer is used again without asking.
    pub(crate) fresh_for: Duration,
    /// For so long the last good answer is used where the resolver fails.
    pub(crate) stale_for: Duration,
}

impl Default for CacheOptions {
    /// The system's resolver tells no time to live, so an answer is fresh only as long as a burst
    /// of dials lasts. A resolver that is down for a moment is common (EAI_AGAIN under load).
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_secs(1),
            stale_for: Duration::from_secs(60),
        }
    }
}

/// A resolver that is asked once for a name, however many callers want it at the same time.
///
/// A lookup runs in a task of its own: a caller that goes away disturbs nobody, and what the
/// lookup finds is kept. Callers of different runtimes share answers but no lookups under way,
/// since a task makes no progress while its runtime rests.
#[derive(Clone)]
pub(crate) struct SharedResolver {
    inner: Arc<Inner>,
}

struct Inner {
    resolver: Box<dyn Resolve>,
    families: Families,
    options: CacheOptions,
    memory: Mutex<Memory>,
    started: AtomicU64,
}

/// For how long a lookup is joined. One that takes longer may never end, and a name must not be
/// lost with it.
const JOINED_FOR: Duration = Duration::from_secs(5);

/// For how long a lookup goes on. The system's own default is to ask twice each of three servers,
/// five seconds each.
const MOST_PATIENCE: Duration = Duration::from_secs(30);

/// For how long callers wait for it where an earlier answer can stand in: about as long as
/// RFC 8767 §5 advises.
const PATIENCE_WITH_STALE: Duration = Duration::from_secs(2);

impl SharedResolver {
    pub(crate) fn new(
        resolver: Box<dyn Resolve>,
        families: Families,
        options: CacheOptions,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                resolver,
                families,
                options,
                memory: Mutex::default(),
                started: AtomicU64::new(0),
            }),
        }
    }

    /// Answers from memory, or joins a lookup, or starts one on the current runtime.
    pub(crate) fn resolve(&self, name: &str) -> Answers {
        let name: Box<str> = name.to_ascii_lowercase().into();
        let memory = self.inner.memory();
        let fresh_for = self.inner.options.fresh_for;
        if let Some(known) = memory.get(&name)
            && let Some(addrs) = known.last_good.fresh(fresh_for)
        {
            return Answers::ready(addrs);
        }
        let report = self.join(memory, &name);
        Answers::shared(Subscription {
            resolver: self.clone(),
            name,
            report,
            seen: 0,
            chance: Chance::Left,
        })
    }

    /// Joins a lookup, or starts one on the current runtime.
    fn join(&self, mut memory: MutexGuard<'_, Memory>, name: &str) -> watch::Receiver<Report> {
        let runtime = Handle::current();
        let known = memory.enter(name);
        known.under_way.retain(OpenLookup::is_alive);
        let is_joinable = |lookup: &&OpenLookup| {
            lookup.runtime == runtime.id() && lookup.since.elapsed() < JOINED_FOR
        };
        let joinable = known.under_way.iter().find(is_joinable);
        if let Some(report) = joinable.and_then(|lookup| lookup.report.upgrade()) {
            // If its task ends now, this is the last to hold it, and wakes its callers.
            drop(memory);
            return report.subscribe();
        }
        let report = Arc::new(watch::Sender::new(Report::default()));
        let number = self.inner.started.fetch_add(1, Ordering::Relaxed);
        known.under_way.push(OpenLookup {
            number,
            runtime: runtime.id(),
            since: Instant::now(),
            report: Arc::downgrade(&report),
        });
        // To spawn may wake a thread, or drop what was spawned: not under the lock.
        drop(memory);
        let share = report.subscribe();
        runtime.spawn(Arc::clone(&self.inner).run(name.into(), number, report));
        share
    }
}

impl Inner {
    async fn run(self: Arc<Self>, name: Box<str>, number: u64, report: Arc<watch::Sender<Report>>) {
        let began = Instant::now();
        let mut heard = Heard::default();
        let mut answers = self.start(&name);
        let soon = timeout_at(
            began + PATIENCE_WITH_STALE,
            heard.listen(&mut answers, &report),
        );
        if soon.await.is_err() {
            self.stand_in_early(&name, &heard, &report);
            // RFC 8767 §5: the lookup goes on, and what it brings is for who still listens and for
            // the next to ask.
            let late = timeout_at(began + MOST_PATIENCE, heard.listen(&mut answers, &report));
            if late.await.is_err() {
                heard.failures.push(io::ErrorKind::TimedOut.into());
            }
        }
        let last = self.finish(&name, number, heard);
        report.send_modify(|report| report.end(last));
    }

    /// While the resolver is slow, tells the last good addresses of the families that it has told
    /// nothing of. Where they are all there was, the wait is over.
    fn stand_in_early(&self, name: &str, heard: &Heard, report: &watch::Sender<Report>) {
        let Some(stand_in) = self.stand_in(name, heard) else {
            return;
        };
        tracing::warn!(name, "resolver is slow, its last good answer is used");
        report.send_modify(|report| match stand_in {
            StandIn::Whole(addrs) => report.end([Ok(addrs)]),
            StandIn::Part(addrs) => report.tell(Ok(addrs)),
        });
    }

    fn stand_in(&self, name: &str, heard: &Heard) -> Option<StandIn> {
        let memory = self.memory();
        let last_good = &memory.get(name)?.last_good;
        last_good.stand_in(&heard.good, self.options.stale_for)
    }

    /// Asks the resolver; if that panics, the answer is a failure.
    fn start(&self, name: &str) -> Answers {
        let ask = || self.resolver.resolve_families(name, self.families);
        guarded_call(ask).unwrap_or_else(Answers::failed)
    }

    /// Keeps what was found, and gives what is left to tell: the failures, or in their place the
    /// last good addresses of the families that they leave open.
    fn finish(&self, name: &str, number: u64, heard: Heard) -> Vec<Part> {
        let (outcome, failures) = heard.outcome();
        if let Some(StandIn::Whole(addrs) | StandIn::Part(addrs)) = self.keep(name, number, outcome)
        {
            if let Some(error) = failures.first() {
                let error = Bounded(error);
                tracing::warn!(name, %error, "resolver failed, its last good answer is used");
            }
            return vec![Ok(addrs)];
        }
        failures.into_iter().map(|e| Err(Arc::new(e))).collect()
    }

    /// Keeps what was found, tells it to whoever waited meanwhile for another lookup of the name,
    /// and gives what stands in for the rest.
    fn keep(&self, name: &str, number: u64, outcome: Outcome) -> Option<StandIn> {
        let mut memory = self.memory();
        let known = memory.get_mut(name)?;
        known.under_way.retain(|lookup| lookup.number != number);
        let stand_in = match &outcome {
            Outcome::Whole(_) => None,
            Outcome::Partial(heard) => known.last_good.stand_in(heard, self.options.stale_for),
        };
        let others: Vec<_> = known.reports_begun_by(outcome.heard_at()).collect();
        known.last_good.take_in(&outcome);
        if known.is_blank() {
            memory.forget(name);
        }
        // To tell wakes callers: not under the lock.
        drop(memory);
        for other in others {
            other.send_modify(|report| report.tell_of_other(&outcome));
        }
        stand_in
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing that can panic half-way happens under the lock.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One caller's share in a lookup.
pub(super) struct Subscription {
    resolver: SharedResolver,
    name: Box<str>,
    report: watch::Receiver<Report>,
    seen: usize,
    chance: Chance,
}

/// Whether a lookup may be started again in place of one that ended without a word.
enum Chance {
    Left,
    Taken,
}

impl Subscription {
    pub(super) async fn next(&mut self) -> Option<io::Result<Vec<SocketAddr>>> {
        loop {
            let (part, is_over) = self.look();
            if part.is_some() || is_over {
                self.seen += 1;
                return part;
            }
            if self.report.changed().await.is_err() {
                // The lookup's runtime was shut down under it.
                match self.chance {
                    _ if self.seen > 0 => return None,
                    Chance::Left => self.restart(),
                    Chance::Taken => {
                        self.seen += 1;
                        return Some(Err(io::Error::other("the lookup ended without a word")));
                    }
                }
            }
        }
    }

    fn look(&mut self) -> (Option<io::Result<Vec<SocketAddr>>>, bool) {
        let report = self.report.borrow_and_update();
        let part = report.parts.get(self.seen).map(|part| match part {
            Ok(addrs) => Ok(addrs.clone()),
            Err(error) => Err(shared_error(error)),
        });
        (part, report.is_over)
    }

    fn restart(&mut self) {
        self.chance = Chance::Taken;
        let memory = self.resolver.inner.memory();
        self.report = self.resolver.join(memory, &self.name);
    }
}

/// Every caller gets an error of its own around the one cause.
fn shared_error(error: &Arc<io::Error>) -> io::Error {
    io::Error::new(error.kind(), Arc::clone(error))
}

#[cfg(test)]
mod tests;
