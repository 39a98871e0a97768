//! The pool itself.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use crate::clocks::WallClock;
use crate::host::Handle;
use crate::ledger::{Address, Ledger};
use crate::policy::{KeyLimits, Policy};
use crate::reusable::{Key, Reusable};
use crate::shared::{LastHandle, Limits, Shared, Tokio};
use crate::stats::{Counts, Stats};

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

    pub(crate) fn shared(&self) -> &Arc<Shared<K, T>> {
        &self.handle.shared
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
