//! The sweeper: a task for each runtime that looks after its idle connections.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::contain::contain;
use crate::host::{Handle, Instant, Notify, timeout_at};
use crate::ledger::{HomeIndex, Sight};
use crate::reusable::{Key, Reusable};
use crate::shared::Shared;
use crate::stats::Retirement;

impl<K: Key, T: Reusable> Shared<K, T> {
    pub(crate) fn begin_to_sweep(self: &Arc<Self>, home: HomeIndex, runtime: &Handle) {
        runtime.spawn(sweep(Watch::new(self, home)));
    }
}

/// Closes what has ended or expired among a runtime's idle connections, and cancels its surplus
/// dials, until there are none of either.
///
/// RFC 9112 §9.5 wants closes noticed: nothing idle stays in CLOSE_WAIT until the next request.
async fn sweep<K: Key, T: Reusable>(mut watch: Watch<K, T>) {
    let home = watch.home;
    let closed = Arc::clone(&watch.closed);
    let mut due = None;
    loop {
        let tick = Instant::now() + EVERY;
        let wake = due.map_or(tick, |due| tick.min(due));
        // Either the time has come or the pool has been closed: in both cases there is work.
        let _ = timeout_at(wake, closed.notified()).await;
        let Some(shared) = watch.shared.upgrade() else {
            watch.is_over = true;
            return;
        };
        due = cancel_overdue(&shared, home);
        visit(&shared, home);
        if shared.update(|ledger, after| ledger.end_sweeper(home, after)) {
            watch.is_over = true;
            return;
        }
    }
}

/// A sweeper's duty. It tells the ledger that a runtime has ended: that is what drops a sweeper
/// before its time, or before it has ever been polled.
struct Watch<K: Key, T: Reusable> {
    shared: Weak<Shared<K, T>>,
    home: HomeIndex,
    closed: Arc<Notify>,
    is_over: bool,
}

impl<K: Key, T: Reusable> Watch<K, T> {
    fn new(shared: &Arc<Shared<K, T>>, home: HomeIndex) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            home,
            closed: Arc::clone(&shared.closed),
            is_over: false,
        }
    }
}

impl<K: Key, T: Reusable> Drop for Watch<K, T> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if let Some(shared) = self.shared.upgrade() {
            let now = shared.moment();
            shared.update(|ledger, after| ledger.runtime_ended(self.home, now, after));
        }
    }
}

/// Brings back a connection that has been looked at.
pub(crate) fn keep<K: Key, T: Reusable>(shared: &Arc<Shared<K, T>>, sight: Sight<T>) {
    let now = shared.now();
    shared.update(|ledger, after| ledger.keep(sight.slot, sight.connection, now, after));
}

/// Closes a connection that has been looked at.
pub(crate) fn close<K: Key, T: Reusable>(
    shared: &Arc<Shared<K, T>>,
    sight: Sight<T>,
    reason: Retirement,
) {
    contain(|| drop(sight.connection));
    let now = shared.moment();
    shared.update(|ledger, after| ledger.looked_out(sight.slot, reason, now, after));
}

fn cancel_overdue<K: Key, T: Reusable>(
    shared: &Arc<Shared<K, T>>,
    home: HomeIndex,
) -> Option<Instant> {
    let now = shared.moment();
    shared
        .update(|ledger, after| ledger.cancel_overdue(home, now, after))
        .map(|due| shared.instant_of(due))
}

/// One bounded round through the idle connections, a few at a time.
fn visit<K: Key, T: Reusable>(shared: &Arc<Shared<K, T>>, home: HomeIndex) {
    let round = shared.update(|ledger, _| ledger.round(home));
    let mut left = round.min(A_TICK);
    let mut sights = Vec::new();
    while left > 0 {
        let now = shared.now();
        let steps = shared
            .update(|ledger, after| ledger.look(home, left.min(AT_ONCE), now, &mut sights, after));
        for mut sight in sights.drain(..) {
            // One that panics is no good.
            let verdict = AssertUnwindSafe(|| verdict(&mut sight.connection));
            match catch_unwind(verdict).unwrap_or(Some(Retirement::Ended)) {
                Some(reason) => close(shared, sight, reason),
                None => keep(shared, sight),
            }
        }
        if steps == 0 {
            return;
        }
        left -= steps;
    }
}

fn verdict<T: Reusable>(connection: &mut T) -> Option<Retirement> {
    if connection.is_retired() {
        Some(Retirement::Replaced)
    } else {
        connection.has_ended().then_some(Retirement::Ended)
    }
}

/// How often the sweeper comes.
const EVERY: Duration = Duration::from_secs(1);

/// How many connections it looks at each time, so that it never holds a worker for long.
const A_TICK: usize = 1_024;

/// How many it takes out at once. While they are out they cannot be lent, for some microseconds.
const AT_ONCE: usize = 16;
