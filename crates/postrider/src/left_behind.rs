//! Dials that go on although nobody who asked for them waits any more.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use transport::{ConnectError, Progress};

use crate::route::Key;

/// The dials that the pool goes on with for whoever comes next: those whose
/// request has gone, and those that warm a client up. Who comes next has no dial
/// of his own then, and is told of one of these if his time runs out: also where
/// a limit holds him back, since that dial counts in it.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind(Mutex<Dials>);

#[derive(Debug, Default)]
struct Dials {
    by_key: HashMap<Key, OfKey>,
}

/// In the order in which they were left behind.
type OfKey = VecDeque<Arc<Standing>>;

/// How a dial stands, and for whom it is.
#[derive(Debug, Default)]
pub(crate) struct Standing {
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
    pub(crate) fn add(&self, key: &Key, dial: &Arc<Standing>) {
        if dial.stage.load(Ordering::Acquire) == OVER {
            return;
        }
        let mut dials = self.dials();
        // Under the lock: a dial that is over from here on finds what is added.
        if dial.go_over(ASKED_FOR, LEFT_BEHIND) {
            let of_key = dials.by_key.entry(key.clone()).or_default();
            of_key.push_back(Arc::clone(dial));
        }
    }

    /// The dial is over, or will never begin.
    pub(crate) fn end(&self, key: &Key, dial: &Arc<Standing>) {
        if dial.stage.swap(OVER, Ordering::AcqRel) == LEFT_BEHIND {
            let removed = self.dials().remove(key, dial);
            // Outside the lock: a key may hold TLS settings with code of the user's.
            drop(removed);
        }
    }

    /// How the one that has been here for the longest would end if its time
    /// were up now.
    pub(crate) fn timed_out(&self, key: &Key) -> Option<ConnectError> {
        let dials = self.dials().by_key.get(key)?.clone();
        let endpoint = key.0.endpoint();
        dials
            .iter()
            .find_map(|dial| dial.progress.timed_out(&endpoint))
    }

    fn dials(&self) -> MutexGuard<'_, Dials> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn go_over(&self, from: u8, to: u8) -> bool {
        let stage = &self.stage;
        let gone = stage.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        gone.is_ok()
    }
}

impl Dials {
    /// What is taken out is given back: the key with the last dial to it.
    fn remove(&mut self, key: &Key, dial: &Arc<Standing>) -> Option<(Key, OfKey)> {
        let of_key = self.by_key.get_mut(key)?;
        let n = of_key.iter().position(|it| Arc::ptr_eq(it, dial))?;
        // The caller has another reference: nothing is dropped here.
        of_key.remove(n);
        if of_key.is_empty() {
            return self.by_key.remove_entry(key);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::Rotation;
    use crate::route::Route;

    fn key(n: usize) -> Key {
        let url = format!("http://{n}.test/").parse().unwrap();
        let (route, _) = Route::of(&url, None, &Rotation::default()).unwrap();
        route.to_key()
    }

    fn kept(left: &LeftBehind) -> usize {
        left.dials().by_key.values().map(VecDeque::len).sum()
    }

    #[test]
    fn what_is_over_is_not_kept_however_many_there_were() {
        let left = LeftBehind::default();
        let dials: Vec<_> = (0..1000)
            .map(|n| (key(n % 300), Arc::new(Standing::default())))
            .collect();
        for (key, dial) in &dials {
            left.add(key, dial);
            left.add(key, dial);
        }
        assert_eq!((kept(&left), left.dials().by_key.len()), (1000, 300));
        for (n, (key, dial)) in dials.iter().enumerate() {
            left.end(key, dial);
            assert_eq!(kept(&left), 999 - n);
            assert_eq!(Arc::strong_count(dial), 1);
        }
        assert!(left.dials().by_key.is_empty());
    }

    #[test]
    fn what_is_over_before_its_asker_goes_is_never_kept() {
        let left = LeftBehind::default();
        let dial = Arc::new(Standing::default());
        left.end(&key(1), &dial);
        left.add(&key(1), &dial);
        assert!(left.dials().by_key.is_empty());
    }
}
