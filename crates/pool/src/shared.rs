//! The ledger under its lock, and what is done after unlocking.

use std::hash::{Hash, RandomState};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, Weak};
use std::time::SystemTime;

use crate::dial::{Dial, Errand};
use crate::host::{Handle, Id, Instant, Mutex, Notify};
use crate::ledger::{After, Deed, Host, Ledger, Moment, Now, Sought};
use crate::policy::KeyLimits;
use crate::pool::LastHandle;
use crate::reusable::{Key, Reusable};
use crate::sweep::{Watch, sweep};

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

/// Ties the ledger to tokio.
#[derive(Debug)]
pub(crate) struct Tokio<T>(PhantomData<T>);

/// The two clocks, and what they showed when the pool was made.
struct Clocks {
    start: Instant,
    /// What `start` was by the system's clock, which nobody can stop.
    system_start: std::time::Instant,
    wall_start: SystemTime,
    wall: WallClock,
}

/// Where the wall clock's time comes from.
pub(crate) enum WallClock {
    System,
    Custom(Box<dyn Fn() -> SystemTime + Send + Sync>),
}

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
            // No foreign code runs under the lock but `Eq` and `Clone` of keys, and these run
            // before anything is changed.
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
                    let errand = Errand::new(Arc::clone(self), begin.id);
                    (begin.dial)(errand, &begin.runtime);
                }
                Deed::Sweep(home, runtime) => {
                    runtime.spawn(sweep(Watch::new(self, home)));
                }
                Deed::TellDrained => self.drained.notify_waiters(),
            }
        }
    }
}

/// Lets foreign code panic without harm to the task that happens to run it, which has nothing to do
/// with it and may hold what others wait for. The panic hook has told of it.
pub(crate) fn contain(foreign: impl FnOnce()) {
    drop(catch_unwind(AssertUnwindSafe(foreign)));
}

impl Clocks {
    fn start(wall: WallClock) -> Self {
        Self {
            start: Instant::now(),
            system_start: std::time::Instant::now(),
            wall_start: wall.read(),
            wall,
        }
    }

    /// What both clocks show, for a caller who has read one of them.
    #[inline]
    fn now_at(&self, instant: Instant) -> Now {
        let mono = self.moment_of(instant);
        let lead = self.wall_moment().lead_over(mono);
        match self.wall {
            WallClock::System if !lead.is_slight() => self.look_again(),
            _ => Now { mono, lead },
        }
    }

    /// Where the clocks are not in step, the machine need not have slept: the caller may have read
    /// his a while ago, or tokio's may be paused, as in tests.
    #[cold]
    fn look_again(&self) -> Now {
        let system = Moment::after_start(self.system_start.elapsed());
        Now {
            mono: self.moment_of(Instant::now()),
            lead: self.wall_moment().lead_over(system),
        }
    }

    #[inline]
    fn moment_of(&self, instant: Instant) -> Moment {
        match instant.checked_duration_since(self.start) {
            Some(after) => Moment::after_start(after),
            None => Moment::before_start(self.start - instant),
        }
    }

    fn wall_moment(&self) -> Moment {
        match self.wall.read().duration_since(self.wall_start) {
            Ok(after) => Moment::after_start(after),
            Err(before) => Moment::before_start(before.duration()),
        }
    }

    fn instant_of(&self, moment: Moment) -> Instant {
        let (distance, is_before) = moment.distance_from_start();
        let instant = if is_before {
            self.start.checked_sub(distance)
        } else {
            self.start.checked_add(distance)
        };
        instant.unwrap_or(self.start)
    }
}

impl WallClock {
    fn read(&self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            Self::Custom(read) => read(),
        }
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
