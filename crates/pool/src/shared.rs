//! The ledger under its lock, and what is done after unlocking.

use std::hash::{Hash, RandomState};
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, Weak};
use std::task::Waker;

use crate::clocks::{Clocks, WallClock};
use crate::contain::contain;
use crate::dial::{Dial, Errand, Made, Office};
use crate::host::{Handle, Id, Instant, Mutex, Notify};
use crate::leaving::Leaving;
use crate::ledger::{After, Deed, DialEnd, DialId, DialState, Host, Ledger, Moment, Now, Sought};
use crate::policy::KeyLimits;
use crate::reusable::{Key, Reusable};

/// What a pool's handles, leases, waits and tasks share.
pub(crate) struct Shared<K: Key, T: Reusable> {
    ledger: Mutex<Ledger<K, T, Tokio<T>>>,
    clocks: Clocks,
    hashing: RandomState,
    pub(crate) limits: Limits<K>,
    /// By which who returns to the line holds the pool open. A lease alone does not.
    pub(crate) handle: Weak<LastHandle<K, T>>,
    /// Told to the sweepers when the pool is shut down or dropped.
    pub(crate) closed: Arc<Notify>,
    /// Told to `shutdown` when nothing is left.
    pub(crate) drained: Notify,
}

/// Closes the pool when it is dropped.
pub(crate) struct LastHandle<K: Key, T: Reusable> {
    pub(crate) shared: Arc<Shared<K, T>>,
}

/// Ties the ledger to tokio.
#[derive(Debug)]
pub(crate) struct Tokio<T>(PhantomData<T>);

/// Where the limits of a key come from.
pub(crate) enum Limits<K> {
    Same(KeyLimits),
    ByKey(Box<dyn Fn(&K) -> KeyLimits + Send + Sync>),
}

impl<K: Key, T: Reusable> Shared<K, T> {
    pub(crate) fn new(
        ledger: Ledger<K, T, Tokio<T>>,
        wall_clock: WallClock,
        limits: Limits<K>,
        handle: Weak<LastHandle<K, T>>,
    ) -> Self {
        Self {
            hashing: ledger.hashing().clone(),
            ledger: Mutex::new(ledger),
            clocks: Clocks::start(wall_clock),
            limits,
            handle,
            closed: Arc::new(Notify::new()),
            drained: Notify::new(),
        }
    }

    /// Changes the ledger under the lock, then does outside of it what follows.
    #[inline]
    pub(crate) fn update<R>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Ledger<K, T, Tokio<T>>, &mut After<K, T, Tokio<T>>) -> R,
    ) -> R {
        let mut after = After::new();
        let result = {
            // No foreign code runs under the lock but `Eq`, `Borrow` and `Clone` of keys and
            // `Clone` of wakers, and these run before anything is changed.
            let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut ledger, &mut after)
        };
        if !after.is_empty() {
            self.follow_up(after);
        }
        result
    }

    /// A key to be looked up under the lock.
    #[inline]
    pub(crate) fn seek<'a, Q: ?Sized + Hash>(&self, key: &'a Q) -> Sought<'a, Q> {
        Sought::new(key, &self.hashing)
    }

    pub(crate) fn now(&self) -> Now {
        self.now_at(Instant::now())
    }

    #[inline]
    pub(crate) fn now_at(&self, now: Instant) -> Now {
        self.clocks.now_at(now)
    }

    /// Now, by the monotonic clock only.
    pub(crate) fn moment(&self) -> Moment {
        self.moment_of(Instant::now())
    }

    pub(crate) fn moment_of(&self, instant: Instant) -> Moment {
        self.clocks.moment_of(instant)
    }

    pub(crate) fn instant_of(&self, moment: Moment) -> Instant {
        self.clocks.instant_of(moment)
    }

    #[cold]
    fn follow_up(self: &Arc<Self>, after: After<K, T, Tokio<T>>) {
        for deed in after.in_order() {
            match deed {
                Deed::Wake(waker) => contain(|| waker.wake()),
                Deed::Drop(debris) => contain(|| drop(debris)),
                Deed::Dial(begin) => {
                    let errand = Errand::new(Arc::<Self>::clone(self), begin.id);
                    (begin.dial)(errand, &begin.runtime);
                }
                Deed::Sweep(home, runtime) => self.begin_to_sweep(home, &runtime),
                Deed::TellDrained => self.drained.notify_waiters(),
            }
        }
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

impl<K: Key, T: Reusable> Office<T> for Shared<K, T> {
    fn poll_dial(self: Arc<Self>, dial: DialId, waker: &Waker) -> DialState {
        self.update(|ledger, after| ledger.poll_dial(dial, waker, after))
    }

    fn dialled(self: Arc<Self>, dial: DialId, (connection, idle_limit): Made<T>) {
        let now = self.now();
        tracing::debug!(target: "postrider::pool", "connection made");
        self.update(|ledger, after| ledger.dialled(dial, connection, idle_limit, now, after));
    }

    fn dial_ended(self: Arc<Self>, dial: DialId, end: DialEnd<T::Error>) {
        let now = self.moment();
        tracing::debug!(target: "postrider::pool", outcome = end.name(), "dial ended");
        self.update(|ledger, after| ledger.dial_ended(dial, end, now, after));
    }
}

impl<T: Reusable> Host for Tokio<T> {
    type Id = Id;
    type Runtime = Handle;
    type Dial = Dial<T>;
}

impl<K> Limits<K> {
    pub(crate) fn of(&self, key: &K) -> KeyLimits {
        match self {
            Self::Same(limits) => *limits,
            Self::ByKey(limits) => limits(key),
        }
    }
}
