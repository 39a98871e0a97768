//! Dials that were begun for requests which have gone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use transport::{ConnectError, Progress};

use crate::route::Key;

/// How the dials stand that the pool goes on with although nobody who asked for
/// them waits any more. They serve whoever comes next for their key, who has no
/// dial of his own then, and is told of one of these if his time runs out: also
/// where a limit holds him back, since that dial counts in it.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind(Mutex<Dials>);

#[derive(Debug, Default)]
struct Dials {
    by_key: HashMap<Key, Vec<Weak<Progress>>>,
    /// How many were added since those that are over were last taken out, and
    /// how many were kept then.
    added: usize,
    kept: usize,
}

impl LeftBehind {
    pub(crate) fn add(&self, key: &Key, dial: Weak<Progress>) {
        let mut dials = self.dials();
        let of_key = dials.by_key.entry(key.clone()).or_default();
        of_key.retain(|dial| dial.strong_count() > 0);
        of_key.push(dial);
        dials.added += 1;
        // Seldom enough to cost little, often enough to keep it small.
        if dials.added > dials.kept {
            dials.sort_out();
        }
    }

    /// How the one that has been here for the longest would end if its time
    /// were up now.
    pub(crate) fn timed_out(&self, key: &Key) -> Option<ConnectError> {
        let dials: Vec<_> = {
            let mut dials = self.dials();
            let of_key = dials.by_key.get_mut(key)?;
            of_key.retain(|dial| dial.strong_count() > 0);
            of_key.iter().filter_map(Weak::upgrade).collect()
        };
        let endpoint = key.0.endpoint();
        dials.iter().find_map(|dial| dial.timed_out(&endpoint))
    }

    fn dials(&self) -> MutexGuard<'_, Dials> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dials {
    fn sort_out(&mut self) {
        self.by_key.retain(|_, dials| {
            dials.retain(|dial| dial.strong_count() > 0);
            !dials.is_empty()
        });
        self.added = 0;
        self.kept = self.by_key.values().map(Vec::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rotation::Rotation;
    use crate::route::Route;

    fn key(host: &str) -> Key {
        let url = format!("http://{host}/").parse().unwrap();
        let (route, _) = Route::of(&url, None, &Rotation::default()).unwrap();
        route.to_key()
    }

    #[test]
    fn what_is_over_is_not_kept() {
        let left = LeftBehind::default();
        let lasting = Arc::new(Progress::new());
        left.add(&key("lasting.test"), Arc::downgrade(&lasting));
        for n in 0..1000 {
            let dial = Arc::new(Progress::new());
            left.add(&key(&format!("{}.test", n % 300)), Arc::downgrade(&dial));
            let dials = left.dials();
            let kept: usize = dials.by_key.values().map(Vec::len).sum();
            assert!(kept <= 4, "{kept}");
        }
        let dials = left.dials();
        assert!(dials.by_key.contains_key(&key("lasting.test")));
    }
}
