//! A pool of horses, and what a thread does to it.

use std::future::{Future, pending, poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use loom::future::block_on;
use loom::model::Builder;

use crate::host::{Instant, end_time};
use crate::policy::Policy;
use crate::shared::Shared;
use crate::stats::{Counts, Retirement};
use crate::{Lease, Pool, Reusable, Wait, WaitError, Want};

pub(super) type Station = &'static str;
pub(super) type Answer = Result<Lease<Station, Horse>, WaitError<Fall>>;

/// Runs a scenario in every order of events in which threads are interrupted no more often than
/// the bound says; that a thread must wait does not count. `LOOM_MAX_PREEMPTIONS` sets another.
pub(super) fn explore(scenario: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound.get_or_insert(INTERRUPTIONS);
    let orders = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&orders);
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        scenario();
    });
    let orders = orders.load(Ordering::Relaxed);
    assert!(orders > 1, "nothing happens at the same time");
    println!("{orders} orders of events");
}

#[derive(Clone)]
pub(super) struct World {
    pub(super) pool: Pool<Station, Horse>,
    stable: Stable,
}

/// A connection.
pub(super) struct Horse {
    _stable: Stable,
}

/// Why a dial failed.
#[derive(Debug)]
pub(super) struct Fall;

/// Each horse holds one, so that those alive can be counted.
type Stable = Arc<()>;

impl Reusable for Horse {
    type Error = Fall;

    fn has_ended(&mut self) -> bool {
        false
    }

    fn idle_limit(&self) -> Option<Duration> {
        None
    }
}

impl World {
    pub(super) fn new(policy: Policy) -> Self {
        let pool = Pool::builder(policy).wall_clock(|| SystemTime::UNIX_EPOCH);
        Self {
            pool: pool.build(),
            stable: Stable::default(),
        }
    }

    /// What another thread, that holds a handle of its own, is to do.
    pub(super) fn on_a_thread(
        &self,
        errand: impl FnOnce(&Self) + Send + 'static,
    ) -> impl FnOnce() + Send + 'static {
        let world = self.clone();
        move || errand(&world)
    }

    /// Takes a connection as users do, and gives it back.
    pub(super) fn ride(&self, station: Station) {
        if !self.ride_if_saddled(station) {
            self.mount(station).unwrap().release();
        }
        self.audit();
    }

    pub(super) fn ride_if_saddled(&self, station: Station) -> bool {
        let lease = self.pool.lease(station, Instant::now(), |_, _| true);
        lease.map(Lease::release).is_some()
    }

    pub(super) fn mount(&self, station: Station) -> Answer {
        block_on(self.wait(station))
    }

    /// Says that a connection is dead, and waits for another.
    pub(super) fn refuse(&self, lease: Lease<Station, Horse>) -> Answer {
        let stable = Arc::clone(&self.stable);
        let dial = || ready(Ok(Horse { _stable: stable }));
        block_on(lease.refuse(Retirement::Stale, Want::Any, dial))
    }

    /// Waits with a dial that fails.
    pub(super) fn fall(&self, station: Station) -> Answer {
        block_on(self.pool.wait(station, Want::Any, || ready(Err(Fall))))
    }

    /// Waits with a dial that never ends, looks once and leaves.
    pub(super) fn hang(&self, station: Station) {
        look_once(self.pool.wait(station, Want::Any, pending));
    }

    /// Waits, looks once and leaves.
    pub(super) fn give_up(&self, station: Station) {
        look_once(self.wait(station));
        self.audit();
    }

    pub(super) fn counts(&self) -> Counts {
        self.audit();
        self.pool.totals()
    }

    pub(super) fn dials(&self) -> u64 {
        self.pool.stats().counters.dials
    }

    /// Drops this handle, and finds nothing left when all has come to its end.
    pub(super) fn end(self) {
        self.abandon().inspect();
    }

    pub(super) fn abandon(self) -> Remains {
        Remains {
            shared: Arc::clone(self.pool.shared()),
            stable: self.stable,
        }
    }

    fn wait(&self, station: Station) -> Wait<Station, Horse> {
        let stable = Arc::clone(&self.stable);
        let dial = || ready(Ok(Horse { _stable: stable }));
        self.pool.wait(station, Want::Any, dial)
    }

    fn audit(&self) {
        self.pool.shared().update(|ledger, _| ledger.audit());
    }
}

/// What is left of a pool whose handle has been dropped.
pub(super) struct Remains {
    shared: Arc<Shared<Station, Horse>>,
    stable: Stable,
}

impl Remains {
    /// Finds nothing left, once all tasks have ended. No other thread may hold a handle or a lease.
    pub(super) fn inspect(self) {
        end_time();
        self.shared.update(|ledger, _| ledger.audit_empty());
        assert_eq!(Arc::strong_count(&self.stable), 1, "connections are open");
        assert_eq!(Arc::strong_count(&self.shared), 1, "the pool is still held");
    }
}

fn look_once(wait: Wait<Station, Horse>) {
    let mut wait = pin!(wait);
    block_on(poll_fn(|cx| {
        if let Poll::Ready(Ok(lease)) = wait.as_mut().poll(cx) {
            lease.release();
        }
        Poll::Ready(())
    }));
}

/// Most bugs need one or two.
const INTERRUPTIONS: usize = 2;
