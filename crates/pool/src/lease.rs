//! A lent connection.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use crate::host::{Handle, Instant, timeout};
use crate::ledger::{After, Ledger, LentFacts, Moment, SlotIndex, Source, Taken};
use crate::pool::Pool;
use crate::reusable::{Key, Reusable};
use crate::shared::{Shared, Tokio};
use crate::stats::Retirement;

/// A connection on loan from a [`Pool`](crate::Pool).
///
/// Whoever knows that the exchange on it is over, and that nothing of it is left, calls
/// [`release`](Self::release): the connection goes to the next request. Dropping the lease closes
/// the connection. Either way its slot is free again, and whoever waits for one gets it.
///
/// A lease may be dropped or released anywhere, within a runtime or without, also after the
/// runtime it belongs to has ended or the pool has been dropped.
pub struct Lease<K: Key, T: Reusable> {
    // Declared, and so dropped, before the claim: the connection closes, then its slot is free.
    connection: T,
    source: Source,
    claim: Claim<K, T>,
}

/// The duty to account for a slot.
pub(crate) struct Claim<K: Key, T: Reusable> {
    shared: Arc<Shared<K, T>>,
    slot: SlotIndex,
    end: End,
}

/// What the end of a claim means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Closed(Retirement),
    GivenBack,
}

impl<K: Key, T: Reusable> Pool<K, T> {
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
        let shared = self.shared();
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
}

impl<K: Key, T: Reusable> Lease<K, T> {
    pub(crate) fn new(shared: Arc<Shared<K, T>>, taken: Taken<T>) -> Self {
        Self {
            connection: taken.connection,
            source: taken.source,
            claim: Claim {
                shared,
                slot: taken.slot,
                end: End::Closed(Retirement::Dropped),
            },
        }
    }

    /// Gives the connection back, on proof that the exchange on it is over: to the first who waits
    /// for it, else it idles. If it has become too old, or has served too often, it is closed.
    pub fn release(self) {
        self.release_at(Instant::now());
    }

    /// [`release`](Self::release) for a caller who has just read the clock.
    pub fn release_at(self, now: Instant) {
        self.give_back(now, Ledger::give_back);
    }

    /// Gives the connection back without having used it: nothing of this request has reached its
    /// peer. That it was lent does not count, and how long it has idled goes on from where it was,
    /// as its peer's patience does.
    pub fn release_unused(self) {
        self.give_back(Instant::now(), Ledger::give_back_unused);
    }

    /// Closes the connection, as dropping the lease does, and counts it under a reason that tells
    /// more than [`Dropped`](Retirement::Dropped). Whoever is handed a connection by another
    /// request and finds that its peer has closed it says [`Stale`](Retirement::Stale).
    pub fn close(self, reason: Retirement) {
        drop(self.drop_connection(reason));
    }

    /// Lets a task of the pool finish what is left of the exchange, within `deadline`. If `job`
    /// gives the connection back in time it is released, else it is closed. It counts as lent
    /// meanwhile.
    ///
    /// The task runs on the runtime the connection belongs to; if that has ended, the connection
    /// is closed. `job` is called there, too. While nobody drives that runtime, as between two
    /// calls of `block_on`, neither the job nor the deadline goes on: the connection takes up its
    /// place under the limits until the runtime goes on or ends, and who waits for that place on
    /// another runtime waits so long.
    pub fn settle<F>(self, deadline: Duration, job: impl FnOnce(T) -> F + Send + 'static)
    where
        F: Future<Output = Option<T>> + Send + 'static,
    {
        let runtime = self.facts().runtime;
        let Self {
            connection,
            source,
            claim,
        } = self;
        runtime.spawn(async move {
            // Moved as a whole, so that the connection is dropped before the claim.
            let settled = timeout(deadline, async move { job(connection).await }).await;
            if let Ok(Some(connection)) = settled {
                let lease = Self {
                    connection,
                    source,
                    claim,
                };
                lease.release();
            }
        });
    }

    /// Where the connection came from.
    pub fn source(&self) -> Source {
        self.source
    }

    /// When the connection was made. This and the two below take the pool's lock for a moment.
    pub fn created(&self) -> Instant {
        self.claim.shared.instant_of(self.facts().born)
    }

    /// How many times the connection has been lent, this time included.
    pub fn uses(&self) -> u64 {
        self.facts().uses
    }

    /// The key it is kept under.
    pub fn key(&self) -> K {
        self.facts().key
    }

    /// Leaves the claim, which is still to be accounted for.
    pub(crate) fn drop_connection(self, reason: Retirement) -> Claim<K, T> {
        let Self {
            connection,
            mut claim,
            ..
        } = self;
        // First, should dropping the connection panic.
        claim.end = End::Closed(reason);
        drop(connection);
        claim
    }

    #[inline]
    fn give_back(
        self,
        now: Instant,
        enter: impl FnOnce(
            &mut Ledger<K, T, Tokio<T>>,
            SlotIndex,
            T,
            Option<Duration>,
            Moment,
            &mut After<K, T, Tokio<T>>,
        ),
    ) {
        if self.connection.is_retired() {
            return self.close(Retirement::Replaced);
        }
        let Self {
            connection,
            mut claim,
            ..
        } = self;
        let idle_limit = connection.idle_limit();
        let now = claim.shared.moment_of(now);
        claim.give_up(|ledger, slot, after| {
            enter(ledger, slot, connection, idle_limit, now, after);
        });
    }

    fn facts(&self) -> LentFacts<K, Handle> {
        let slot = self.claim.slot;
        self.claim.shared.update(|ledger, _| ledger.facts(slot))
    }
}

impl<K: Key, T: Reusable> Deref for Lease<K, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.connection
    }
}

impl<K: Key, T: Reusable> DerefMut for Lease<K, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.connection
    }
}

impl<K: Key, T: Reusable> fmt::Debug for Lease<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl<K: Key, T: Reusable> Claim<K, T> {
    pub(crate) fn shared(&self) -> &Arc<Shared<K, T>> {
        &self.shared
    }

    /// Leaves the slot to what the ledger is told of it.
    #[inline]
    pub(crate) fn give_up<R>(
        &mut self,
        tell: impl FnOnce(&mut Ledger<K, T, Tokio<T>>, SlotIndex, &mut After<K, T, Tokio<T>>) -> R,
    ) -> R {
        self.end = End::GivenBack;
        let slot = self.slot;
        self.shared
            .update(|ledger, after| tell(ledger, slot, after))
    }
}

impl<K: Key, T: Reusable> Drop for Claim<K, T> {
    fn drop(&mut self) {
        if let End::Closed(reason) = self.end {
            let now = self.shared.moment();
            let slot = self.slot;
            self.shared
                .update(|ledger, after| ledger.closed(slot, reason, now, after));
        }
    }
}
