//! One lookup for everybody who asks, and answers kept for a moment.

mod heard;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use self::heard::{Heard, Part, Report};
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
    names: Mutex<HashMap<Box<str>, Name>>,
    started: AtomicU64,
}

/// How many names are remembered.
const MOST_NAMES: usize = 1024;

/// For how long a lookup is joined. One that takes longer may never end, and a name must not be
/// lost with it.
const JOINED_FOR: Duration = Duration::from_secs(5);

/// For how long a lookup goes on. The system's own default is to ask twice each of three servers,
/// five seconds each.
const MOST_PATIENCE: Duration = Duration::from_secs(30);

/// For how long callers wait for it where an earlier answer can stand in: about as long as
/// RFC 8767 §5 advises.
const PATIENCE_WITH_STALE: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Name {
    under_way: Vec<OpenLookup>,
    good: Option<Good>,
}

impl Name {
    /// Whether it is being looked up now.
    fn is_asked(&self) -> bool {
        self.under_way.iter().any(OpenLookup::is_alive)
    }

    /// When it was last found; never, where a lookup's runtime was shut down before it found
    /// anything.
    fn found_at(&self) -> Option<Instant> {
        self.good.as_ref().map(|good| good.at)
    }
}

/// A lookup under way, or one whose runtime was shut down under it.
struct OpenLookup {
    number: u64,
    runtime: Id,
    since: Instant,
    report: watch::Receiver<Report>,
}

impl OpenLookup {
    /// A lookup whose task is gone can no longer answer; its runtime was shut down.
    fn is_alive(&self) -> bool {
        self.report.has_changed().is_ok()
    }
}

/// The last good answer.
struct Good {
    addrs: Vec<SocketAddr>,
    at: Instant,
    /// Whether no part of the answer is missing because the resolver failed.
    is_whole: bool,
}

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
                names: Mutex::new(HashMap::new()),
                started: AtomicU64::new(0),
            }),
        }
    }

    /// Answers from memory, or joins a lookup, or starts one on the current runtime.
    pub(crate) fn resolve(&self, name: &str) -> Answers {
        let name: Box<str> = name.to_ascii_lowercase().into();
        let names = self.inner.names();
        if let Some(good) = names.get(&name).and_then(|known| known.good.as_ref())
            && good.is_whole
            && good.at.elapsed() < self.inner.options.fresh_for
        {
            return Answers::ready(good.addrs.iter().copied());
        }
        let report = self.join(names, &name);
        Answers::shared(Subscription {
            resolver: self.clone(),
            name,
            report,
            seen: 0,
            chance: Chance::Left,
        })
    }

    /// Joins a lookup, or starts one on the current runtime.
    fn join(
        &self,
        mut names: MutexGuard<'_, HashMap<Box<str>, Name>>,
        name: &str,
    ) -> watch::Receiver<Report> {
        let runtime = Handle::current();
        make_room(&mut names, name);
        let known = names.entry(name.into()).or_default();
        known.under_way.retain(OpenLookup::is_alive);
        let is_joinable = |lookup: &&OpenLookup| {
            lookup.runtime == runtime.id() && lookup.since.elapsed() < JOINED_FOR
        };
        if let Some(lookup) = known.under_way.iter().find(is_joinable) {
            return lookup.report.clone();
        }
        let (sender, report) = watch::channel(Report::default());
        let number = self.inner.started.fetch_add(1, Ordering::Relaxed);
        known.under_way.push(OpenLookup {
            number,
            runtime: runtime.id(),
            since: Instant::now(),
            report: report.clone(),
        });
        // To spawn may wake a thread, or drop what was spawned: not under the lock.
        drop(names);
        runtime.spawn(Arc::clone(&self.inner).run(name.into(), number, sender));
        report
    }
}

impl Inner {
    async fn run(self: Arc<Self>, name: Box<str>, number: u64, report: watch::Sender<Report>) {
        let began = Instant::now();
        let mut heard = Heard::default();
        let mut answers = self.start(&name);
        let soon = timeout_at(
            began + PATIENCE_WITH_STALE,
            heard.listen(&mut answers, &report),
        );
        if soon.await.is_err() {
            self.stand_in_early(&name, &heard, &report);
            // RFC 8767 §5: the lookup goes on, and what it brings is for the next to ask.
            let late = timeout_at(began + MOST_PATIENCE, heard.listen(&mut answers, &report));
            if late.await.is_err() {
                heard.failures.push(io::ErrorKind::TimedOut.into());
            }
        }
        let last = self.finish(&name, number, heard);
        report.send_modify(|report| report.end(last));
    }

    /// Ends the wait for a slow resolver, if an earlier answer can stand in.
    fn stand_in_early(&self, name: &str, heard: &Heard, report: &watch::Sender<Report>) {
        let Some(addrs) = self.stand_in(name) else {
            return;
        };
        let part = heard.good.is_empty().then(|| {
            tracing::warn!(name, "resolver is slow, its last good answer is used");
            Ok(addrs)
        });
        report.send_modify(|report| report.end(part));
    }

    /// The last good answer, if it is not too old.
    fn stand_in(&self, name: &str) -> Option<Vec<SocketAddr>> {
        let names = self.names();
        let last = names.get(name)?.good.as_ref()?;
        self.can_stand_in(last).then(|| last.addrs.clone())
    }

    fn can_stand_in(&self, last: &Good) -> bool {
        last.at.elapsed() < self.options.stale_for
    }

    /// Asks the resolver; if that panics, the answer is a failure.
    fn start(&self, name: &str) -> Answers {
        let ask = || self.resolver.resolve_families(name, self.families);
        guarded_call(ask).unwrap_or_else(Answers::failed)
    }

    /// Keeps a good answer, and gives what is left to tell: the failures, or in their place the
    /// last good answer.
    fn finish(&self, name: &str, number: u64, heard: Heard) -> Vec<Part> {
        let (good, failures) = heard.in_order();
        if let Some(addrs) = self.keep(name, number, good, &failures) {
            if let Some(error) = failures.first() {
                let error = Bounded(error);
                tracing::warn!(name, %error, "resolver failed, its last good answer is used");
            }
            return vec![Ok(addrs)];
        }
        failures.into_iter().map(|e| Err(Arc::new(e))).collect()
    }

    /// Keeps a good answer, and gives the last one where there is none.
    fn keep(
        &self,
        name: &str,
        number: u64,
        good: Vec<SocketAddr>,
        failures: &[io::Error],
    ) -> Option<Vec<SocketAddr>> {
        let mut names = self.names();
        let known = names.get_mut(name)?;
        known.under_way.retain(|lookup| lookup.number != number);
        // That there is no address of a family is an answer like another.
        let is_firm = failures.iter().all(|e| e.kind() == io::ErrorKind::NotFound);
        if !good.is_empty() {
            known.good = Some(Good {
                addrs: good,
                at: Instant::now(),
                is_whole: is_firm,
            });
            return None;
        }
        if is_firm {
            known.good = None;
        }
        let Some(last) = &known.good else {
            if known.under_way.is_empty() {
                names.remove(name);
            }
            return None;
        };
        self.can_stand_in(last).then(|| last.addrs.clone())
    }

    fn names(&self) -> MutexGuard<'_, HashMap<Box<str>, Name>> {
        // Nothing that can panic half-way happens under the lock.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the oldest names that nobody asks about, if with a new one there would be too many.
fn make_room(names: &mut HashMap<Box<str>, Name>, newcomer: &str) {
    if names.len() < MOST_NAMES || names.contains_key(newcomer) {
        return;
    }
    let mut excess = names.len() + 1 - MOST_NAMES;
    let resting = names.values().filter(|known| !known.is_asked());
    let mut ages: Vec<_> = resting.map(Name::found_at).collect();
    ages.sort_unstable();
    ages.truncate(excess);
    let Some(youngest_to_go) = ages.last().copied() else {
        return;
    };
    names.retain(|_, known| {
        let goes = excess > 0 && !known.is_asked() && known.found_at() <= youngest_to_go;
        excess -= usize::from(goes);
        !goes
    });
    if names.len() < MOST_NAMES {
        // After a peak; else it changes nothing.
        names.shrink_to(2 * MOST_NAMES);
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
        let names = self.resolver.inner.names();
        self.report = self.resolver.join(names, &self.name);
    }
}

/// Every caller gets an error of its own around the one cause.
fn shared_error(error: &Arc<io::Error>) -> io::Error {
    io::Error::new(error.kind(), Arc::clone(error))
}

#[cfg(test)]
mod tests;
