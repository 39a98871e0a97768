//! Dials that go on although nobody who asked for them waits any more.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use transport::{ConnectError, Progress};

use crate::route::Key;

/// The dials that the pool goes on with for whoever comes next: those whose
/// request has gone, and those that warm a client up. A request that comes next
/// has no dial of its own then, and is told of one of these if its time runs out:
/// also where a limit holds it back, since that dial counts in it.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind(Mutex<Dials>);

#[derive(Debug, Default)]
struct Dials {
    by_key: HashMap<Key, OfKey>,
}

/// In the order in which they were left behind.
type OfKey = VecDeque<Arc<Standing>>;

/// How a dial stands, and for whom it is.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) key: Key,
    pub(crate) progress: Progress,
    stage: AtomicU8,
}

/// Whoever asked for the dial waits for it.
const ASKED_FOR: u8 = 0;
const LEFT_BEHIND: u8 = 1;
const OVER: u8 = 2;

impl LeftBehind {
    /// Whoever asked for the dial goes. It stays here until it is over; where it
    /// is so already, nothing is done.
    pub(crate) fn add(&self, dial: &Arc<Standing>) {
        if dial.stage.load(Ordering::Acquire) == OVER {
            return;
        }
        let mut dials = self.dials();
        // Under the lock: a dial that is over from here on finds what is added.
        if dial.leave_behind() {
            let of_key = dials.by_key.entry(dial.key.clone()).or_default();
            of_key.push_back(Arc::clone(dial));
        }
    }

    /// The dial is over, or will never begin.
    pub(crate) fn end(&self, dial: &Arc<Standing>) {
        if dial.stage.swap(OVER, Ordering::AcqRel) == LEFT_BEHIND {
            let removed = self.dials().remove(dial);
            // Outside the lock: a key may hold TLS settings with code of the user's.
            drop(removed);
        }
    }

    /// How the one that has been here for the longest would end if its time
    /// were up now.
    pub(crate) fn timed_out(&self, key: &Key) -> Option<ConnectError> {
        let dials = self.dials().by_key.get(key)?.clone();
        dials.iter().find_map(|dial| dial.timed_out())
    }

    fn dials(&self) -> MutexGuard<'_, Dials> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    /// Of a dial that has not begun.
    pub(crate) fn of(key: Key) -> Self {
        Self {
            key,
            progress: Progress::new(),
            stage: AtomicU8::new(ASKED_FOR),
        }
    }

    /// How the dial would end if its time were up now.
    pub(crate) fn timed_out(&self) -> Option<ConnectError> {
        self.progress.timed_out(&self.key.0.endpoint())
    }

    /// Whether it is this call that leaves it behind: it may be over by now, or
    /// left behind already.
    fn leave_behind(&self) -> bool {
        let (from, to) = (ASKED_FOR, LEFT_BEHIND);
        let stage = &self.stage;
        let left = stage.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        left.is_ok()
    }
}

impl Dials {
    /// What is taken out is given back: the key with the last dial to it.
    fn remove(&mut self, dial: &Arc<Standing>) -> Option<(Key, OfKey)> {
        let of_key = self.by_key.get_mut(&dial.key)?;
        let n = of_key.iter().position(|it| Arc::ptr_eq(it, dial))?;
        // The caller has another reference: nothing is dropped here.
        of_key.remove(n);
        if of_key.is_empty() {
            return self.by_key.remove_entry(&dial.key);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::Rotation;
    use crate::route::Route;

    fn dial_to(n: usize) -> Arc<Standing> {
        let url = format!("http://{n}.test/").parse().unwrap();
        let (route, _) = Route::of(&url, None, &Rotation::default()).unwrap();
        Arc::new(Standing::of(route.to_key()))
    }

    fn kept(left: &LeftBehind) -> usize {
        left.dials().by_key.values().map(VecDeque::len).sum()
    }

    #[test]
    fn what_is_over_is_not_kept_however_many_there_were() {
        let left = LeftBehind::default();
        let dials: Vec<_> = (0..1000).map(|n| dial_to(n % 300)).collect();
        for dial in &dials {
            left.add(dial);
            left.add(dial);
        }
        assert_eq!((kept(&left), left.dials().by_key.len()), (1000, 300));
        for (n, dial) in dials.iter().enumerate() {
            left.end(dial);
            assert_eq!(kept(&left), 999 - n);
            assert_eq!(Arc::strong_count(dial), 1);
        }
        assert!(left.dials().by_key.is_empty());
    }

    #[test]
    fn what_is_over_before_its_asker_goes_is_never_kept() {
        let left = LeftBehind::default();
        let dial = dial_to(1);
        left.end(&dial);
        left.add(&dial);
        assert!(left.dials().by_key.is_empty());
    }
}
