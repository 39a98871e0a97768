//! The pool itself.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hash, RandomState};
use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use crate::dial::{Dial, prepare};
use crate::error::WaitError;
use crate::host::{Handle, Instant};
use crate::lease::{Lease, Source};
use crate::leaving::Leaving;
use crate::ledger::{Address, Asking, Ledger};
use crate::policy::{KeyLimits, Policy};
use crate::reusable::{Key, Reusable};
use crate::shared::{Limits, Shared, Tokio, WallClock};
use crate::stats::{Counts, Retirement, Stats};
use crate::wait::{Wait, Want};

/// A pool of connections `T`, kept under keys `K`. Clones are handles to the same pool.
///
/// When the last handle is dropped, idle connections are closed, and the pool's tasks end within
/// about a second; leases stay valid, and their connections are closed when they are returned. Who
/// waits holds a handle.
///
/// Connections belong to the runtime they were dialled on, and are lent and handed on there only;
/// the limits hold over all runtimes together. A runtime needs its time driver.
pub struct Pool<K: Key, T: Reusable> {
    handle: Arc<LastHandle<K, T>>,
}

/// Makes a pool of more than a [`Policy`]; from [`Pool::builder`].
pub struct Builder<K, T> {
    policy: Policy,
    wall_clock: WallClock,
    limits: Limits<K>,
    connection: PhantomData<fn() -> T>,
}

/// Closes the pool when it is dropped.
pub(crate) struct LastHandle<K: Key, T: Reusable> {
    shared: Arc<Shared<K, T>>,
}

impl<K: Key, T: Reusable> Pool<K, T> {
    /// A pool with this policy. Needs no runtime.
    pub fn new(policy: Policy) -> Self {
        Self::builder(policy).build()
    }

    /// A pool of more than a policy.
    pub fn builder(policy: Policy) -> Builder<K, T> {
        Builder {
            limits: Limits::Same(policy.per_key),
            policy,
            wall_clock: WallClock::System,
            connection: PhantomData,
        }
    }

    /// The fast path: the most recently used idle connection of this key, on this runtime, that
    /// passes `check`. `check` gets the connection and how long it has idled; those that fail are
    /// closed, and counted as [`Stale`](Retirement::Stale).
    ///
    /// Does not wait, does not allocate, and holds no lock during `check`. Gives `None` outside a
    /// runtime, and once the pool has been shut down.
    #[inline]
    pub fn lease<Q>(
        &self,
        key: &Q,
        now: Instant,
        mut check: impl FnMut(&mut T, Duration) -> bool,
    ) -> Option<Lease<K, T>>
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq,
    {
        let runtime = Handle::try_current().ok()?.id();
        let shared = &self.handle.shared;
        let now = shared.now_at(now);
        let key = shared.seek(key);
        loop {
            let taken =
                shared.update(|ledger, after| ledger.take_idle(&key, runtime, now, after))?;
            let mut lease = Lease::new(Arc::clone(shared), taken);
            let idle_for = match lease.source() {
                Source::Idle { idle_for } => idle_for,
                Source::HandedOn | Source::Dialled => Duration::ZERO,
            };
            if check(&mut lease, idle_for) {
                return Some(lease);
            }
            lease.close(Retirement::Stale);
        }
    }

    /// The slow path: joins the key's line, first come, first served. If the line is longer than
    /// the dials under way, and the limits allow it, a dial begins, as a task of the pool on this
    /// runtime. Whichever comes first, a returned connection or a finished dial, serves the head
    /// of the line.
    ///
    /// `dial` is called at most once, when its turn comes, and may then serve another waiter of
    /// the same key: it should depend on nothing but the key. It must end by itself, within a
    /// timeout of its own. If it fails, its waiter fails, and so do those who waited already when
    /// it began, if there is no other dial and no lent connection that they could wait for.
    ///
    /// An idle connection that turned up since [`lease`](Self::lease) found none is given
    /// unchecked; [`Lease::source`] tells. Whoever is given one that turns out to be closed says so
    /// to [`Lease::refuse`], and keeps its place in the line.
    pub fn wait<F, Fut>(&self, key: K, want: Want, dial: F) -> Wait<K, T>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, T::Error>> + Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else {
            return Wait::failed(WaitError::NoRuntime);
        };
        let asking = self.asking(key, want, runtime, prepare(dial));
        let shared = &self.handle.shared;
        let now = shared.now();
        let joined = shared.update(|ledger, after| ledger.join(asking, now, after));
        Wait::new(self, joined)
    }

    /// How many connections of this key idle on this runtime: how many could be lent one after the
    /// other, should each turn out to be closed. Costs a look-up; zero outside a runtime.
    pub fn idle<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq,
    {
        let Ok(runtime) = Handle::try_current() else {
            return 0;
        };
        let id = runtime.id();
        let shared = &self.handle.shared;
        let key = shared.seek(key);
        shared.update(|ledger, _| ledger.idle_of(&key, id))
    }

    /// What the pool holds now and what it has done so far.
    ///
    /// Costs a clone of each key that the pool knows at the moment, under the lock: a fifth of a
    /// millisecond was measured for 10,000 keys that are cloned by counting.
    pub fn stats(&self) -> Stats<K> {
        self.handle.shared.update(|ledger, _| ledger.stats())
    }

    /// What the pool holds now, over all keys: cheaper than [`stats`](Self::stats).
    pub fn totals(&self) -> Counts {
        self.handle.shared.update(|ledger, _| ledger.totals())
    }

    /// A handle to a pool that has not lost its last one.
    pub(crate) fn of(shared: &Shared<K, T>) -> Option<Self> {
        let handle = shared.handle.upgrade()?;
        Some(Self { handle })
    }

    pub(crate) fn asking(
        &self,
        key: K,
        want: Want,
        runtime: Handle,
        dial: Dial<T>,
    ) -> Asking<K, Tokio<T>> {
        Asking {
            address: self.address(key, runtime),
            want,
            dial,
        }
    }

    pub(crate) fn address(&self, key: K, runtime: Handle) -> Address<K, Tokio<T>> {
        let shared = &self.handle.shared;
        Address {
            limits: shared.limits.of(&key),
            hash: shared.seek(&key).hash(),
            key,
            id: runtime.id(),
            runtime,
        }
    }

    pub(crate) fn shared(&self) -> Arc<Shared<K, T>> {
        Arc::clone(&self.handle.shared)
    }
}

impl<K: Key, T: Reusable> Builder<K, T> {
    /// Gives each key limits of its own, instead of [`Policy::per_key`]. Asked, without a lock,
    /// whenever somebody joins the key's line; the latest answer holds. If it is lower than what
    /// there is, idle connections close at once, and lent ones when they come back until it is
    /// reached.
    #[must_use]
    pub fn limits_of(self, limits: impl Fn(&K) -> KeyLimits + Send + Sync + 'static) -> Self {
        Self {
            limits: Limits::ByKey(Box::new(limits)),
            ..self
        }
    }

    /// Reads the wall clock by this function, instead of from the system.
    ///
    /// The wall clock only serves to notice that the machine slept, so that a test that is given one
    /// can pretend it. What it shows is held against tokio's clock, paused or not; the system's
    /// against the system's monotonic one.
    #[must_use]
    pub fn wall_clock(self, read: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self {
            wall_clock: WallClock::Custom(Box::new(read)),
            ..self
        }
    }

    /// Makes the pool. Needs no runtime.
    pub fn build(self) -> Pool<K, T> {
        // The standard library's only source of chance.
        let seed = RandomState::new().hash_one("lifetimes");
        let ledger = Ledger::new(self.policy, seed);
        let handle = Arc::new_cyclic(|handle| {
            let handle = Weak::clone(handle);
            let shared = Shared::new(ledger, self.wall_clock, self.limits, handle);
            LastHandle {
                shared: Arc::new(shared),
            }
        });
        Pool { handle }
    }
}

impl<K: Key, T: Reusable> Drop for LastHandle<K, T> {
    fn drop(&mut self) {
        let now = self.shared.moment();
        let leaving = self.shared.update(|ledger, after| {
            let idle = ledger.shut_down(now, after);
            ledger.give_up(now, after);
            Leaving::new(idle)
        });
        self.shared.closed.notify_waiters();
        drop(leaving);
    }
}

// Derived, this would ask `K` and `T` to be `Clone`.
impl<K: Key, T: Reusable> Clone for Pool<K, T> {
    fn clone(&self) -> Self {
        Self {
            handle: Arc::clone(&self.handle),
        }
    }
}

impl<K: Key, T: Reusable> fmt::Debug for Pool<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("totals", &self.totals())
            .finish_non_exhaustive()
    }
}

impl<K, T> fmt::Debug for Builder<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
