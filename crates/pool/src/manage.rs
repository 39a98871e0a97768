//! Operating a pool: warming it, closing what idles, shutting it down.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::dial::prepare;
use crate::error::WaitError;
use crate::host::{Handle, Instant, timeout_at};
use crate::leaving::Leaving;
use crate::ledger::{Among, Asking, Sight, Want};
use crate::pool::Pool;
use crate::reusable::{Key, Reusable};
use crate::shared::Tokio;
use crate::stats::{Counts, Retirement};
use crate::sweep::{close, keep};
use crate::wait::Wait;

/// What [`Pool::evict`] shows of an idle connection, beside the connection itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct IdleFacts {
    /// How long ago it was made.
    pub age: Duration,
    /// How long it has idled: since it last served, or was made.
    pub idle_for: Duration,
    /// How many times it has been lent.
    pub uses: u64,
}

impl<K: Key, T: Reusable> Pool<K, T> {
    /// Dials until `count` connections of this key stand idle on this runtime, as far as the limits
    /// leave room, and tells how many it has dialled.
    ///
    /// The limits are those of connections and of idle ones, per key and in total. Nothing is
    /// closed to make room, and nothing is waited for but the dials, which end by themselves.
    ///
    /// # Errors
    ///
    /// The first [`WaitError`] of a dial, after all have ended; the others stay in the pool.
    /// [`WaitError::NoRuntime`] outside a runtime, and [`WaitError::ShutDown`] once the pool has
    /// been shut down.
    ///
    /// # Cancel safety
    ///
    /// Connections that have been made stay in the pool; dials under way go on for the grace of
    /// surplus dials.
    pub async fn warm<F, Fut>(
        &self,
        key: K,
        count: usize,
        dial: F,
    ) -> Result<usize, WaitError<T::Error>>
    where
        F: FnOnce() -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<T, T::Error>> + Send + 'static,
    {
        let runtime = Handle::try_current().map_err(|_| WaitError::NoRuntime)?;
        let missing = self.missing(&key, count, &runtime)?;
        let waits: Vec<_> = (0..missing)
            .map_while(|_| {
                let dial = prepare(dial.clone());
                self.wait_if_room(self.asking(key.clone(), Want::Fresh, runtime.clone(), dial))
            })
            .collect();
        let mut dialled = Ok(0);
        release_each(waits, |outcome| match (&mut dialled, outcome) {
            (Ok(count), Ok(())) => *count += 1,
            (Ok(_), Err(error)) => dialled = Err(error),
            (Err(_), _) => {}
        })
        .await;
        dialled
    }

    /// Closes all idle connections and tells how many.
    pub fn close_idle(&self) -> usize {
        self.close_idle_among(Among::All)
    }

    /// Closes the idle connections of a key and tells how many.
    pub fn close_idle_for(&self, key: &K) -> usize {
        let sought = self.shared().seek(key);
        self.close_idle_among(Among::Key(&sought))
    }

    /// Closes the idle connections of the keys that `is_meant` picks, and tells how many.
    ///
    /// Each of them, whoever may be looking at it at the moment. No lock is held while `is_meant`
    /// is asked, once for each key that has idle connections.
    pub fn close_idle_where(&self, mut is_meant: impl FnMut(&K) -> bool) -> usize {
        let keys = self.shared().update(|ledger, _| ledger.idle_keys());
        let meant = keys.into_iter().filter(|key| is_meant(key));
        meant.map(|key| self.close_idle_for(&key)).sum()
    }

    /// Closes the idle connections that `is_unwanted` picks, and tells how many.
    ///
    /// No lock is held meanwhile; connections that are being looked at cannot be lent, and serve
    /// whoever waits for one when they come back.
    ///
    /// A connection that somebody else looks at, the sweeper for some microseconds or another call
    /// of this, is asked about once it is back. If it is not back when all others have been asked
    /// about, it is left alone, as waiting for it might be without end. Where the key tells,
    /// [`close_idle_where`](Self::close_idle_where) leaves out none.
    pub fn evict(&self, is_unwanted: impl FnMut(&K, &T, &IdleFacts) -> bool) -> usize {
        self.evict_as(Retirement::Evicted, is_unwanted)
    }

    /// Closes the idle connections that [are retired](Reusable::is_retired), and tells how many.
    ///
    /// As [`evict`](Self::evict) does; where one is left out the sweeper sees to it.
    pub fn close_retired(&self) -> usize {
        self.evict_as(Retirement::Replaced, |_, connection, _| {
            connection.is_retired()
        })
    }

    /// Lends nothing from here on. Idle connections say goodbye and close; who waits already is
    /// still served, and lent connections close when they are returned. Waits for all that until
    /// `deadline` is over; then those who still wait fail, dials are cancelled, and connections
    /// whose goodbye has not ended close without it. Gives what was left at that moment; those
    /// still saying goodbye are not counted, as they had left the pool before.
    ///
    /// Outside a runtime nothing is waited for, as if `deadline` were over at once.
    ///
    /// # Cancel safety
    ///
    /// The pool is shut down from the first poll on. Dropping this then stops only the waiting.
    pub async fn shutdown(&self, deadline: Duration) -> Counts {
        let shared = self.shared();
        let now = shared.moment();
        let until = Instant::now()
            .checked_add(deadline)
            .unwrap_or_else(|| Instant::now() + A_YEAR);
        let idle = shared.update(|ledger, after| ledger.shut_down(now, after));
        let mut leaving = Leaving::new(idle);
        shared.closed.notify_waiters();
        let end = async {
            poll_fn(|cx| leaving.poll_goodbyes(cx)).await;
            let mut drained = pin!(shared.drained.notified());
            drained.as_mut().enable();
            while !shared.update(|ledger, _| ledger.is_drained()) {
                drained.as_mut().await;
                drained.set(shared.drained.notified());
                drained.as_mut().enable();
            }
        };
        if Handle::try_current().is_ok() && timeout_at(until, end).await.is_ok() {
            return Counts::default();
        }
        let now = shared.moment();
        shared.update(|ledger, after| {
            let left = ledger.totals();
            ledger.give_up(now, after);
            left
        })
    }

    /// How many more connections of a key could idle on a runtime, up to `count`.
    fn missing(
        &self,
        key: &K,
        count: usize,
        runtime: &Handle,
    ) -> Result<usize, WaitError<T::Error>> {
        let shared = self.shared();
        let address = self.address(key.clone(), runtime.clone());
        let limits = address.limits;
        let now = shared.moment();
        let sought = shared.seek(key);
        shared.update(|ledger, after| {
            ledger.heed_limits(address, now, after);
            // Also where there is no room, or nothing to do.
            if !ledger.is_open() {
                return Err(WaitError::ShutDown);
            }
            let missing = count.saturating_sub(ledger.idle_of(&sought, runtime.id()));
            Ok(missing.min(ledger.room_to_warm(&sought, limits)))
        })
    }

    fn wait_if_room(&self, asking: Asking<K, Tokio<T>>) -> Option<Wait<K, T>> {
        let shared = self.shared();
        let now = shared.now();
        let joined = shared.update(|ledger, after| ledger.join_if_room(asking, now, after));
        joined.map(|joined| Wait::new(self, joined))
    }

    fn evict_as(
        &self,
        reason: Retirement,
        mut is_unwanted: impl FnMut(&K, &T, &IdleFacts) -> bool,
    ) -> usize {
        let shared = self.shared();
        let mut ahead = shared.update(|ledger, _| ledger.idle_slots());
        let mut evicted = 0;
        loop {
            let now = shared.moment();
            let sights = shared.update(|ledger, _| ledger.look_at_all(&mut ahead, now));
            if sights.is_empty() {
                return evicted;
            }
            evicted += self.evict_among(sights, reason, &mut is_unwanted);
        }
    }

    fn evict_among(
        &self,
        sights: Vec<(K, Sight<T>)>,
        reason: Retirement,
        mut is_unwanted: impl FnMut(&K, &T, &IdleFacts) -> bool,
    ) -> usize {
        let mut tour = Tour { pool: self, sights };
        let mut evicted = 0;
        while let Some((key, sight)) = tour.sights.pop() {
            let mut stop = Stop {
                pool: self,
                sight: Some(sight),
            };
            let is_unwanted = stop
                .sight
                .as_ref()
                .is_some_and(|sight| is_unwanted(&key, &sight.connection, &sight.facts()));
            if is_unwanted && let Some(sight) = stop.sight.take() {
                close(self.shared(), sight, reason);
                evicted += 1;
            }
        }
        evicted
    }

    fn close_idle_among(&self, among: Among<'_, K>) -> usize {
        let shared = self.shared();
        let now = shared.moment();
        shared.update(|ledger, after| ledger.close_idle(among, now, after))
    }
}

/// Gives connections back that are still out, should the predicate panic.
struct Tour<'a, K: Key, T: Reusable> {
    pool: &'a Pool<K, T>,
    sights: Vec<(K, Sight<T>)>,
}

/// The connection that the predicate looks at; kept unless it is taken out.
struct Stop<'a, K: Key, T: Reusable> {
    pool: &'a Pool<K, T>,
    sight: Option<Sight<T>>,
}

impl<K: Key, T: Reusable> Drop for Tour<'_, K, T> {
    fn drop(&mut self) {
        for (_, sight) in self.sights.drain(..) {
            keep(self.pool.shared(), sight);
        }
    }
}

impl<K: Key, T: Reusable> Drop for Stop<'_, K, T> {
    fn drop(&mut self) {
        if let Some(sight) = self.sight.take() {
            keep(self.pool.shared(), sight);
        }
    }
}

impl<T> Sight<T> {
    fn facts(&self) -> IdleFacts {
        IdleFacts {
            age: self.age,
            idle_for: self.idle_for,
            uses: self.uses,
        }
    }
}

/// Releases each connection as it comes, and reports what each wait came to.
async fn release_each<K: Key, T: Reusable>(
    mut waits: Vec<Wait<K, T>>,
    mut report: impl FnMut(Result<(), WaitError<T::Error>>),
) {
    poll_fn(|cx| {
        waits.retain_mut(|wait| match pin!(wait).poll(cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(lease)) => {
                lease.release_unused();
                report(Ok(()));
                false
            }
            Poll::Ready(Err(error)) => {
                report(Err(error));
                false
            }
        });
        if waits.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Stands for a deadline too far away to be told.
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
