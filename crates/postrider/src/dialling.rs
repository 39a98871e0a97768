//! Dials under way, as those see them who wait for what they make.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Handle, Id};
use transport::{ConnectError, Progress};

use crate::client::Home;
use crate::route::Key;

/// A dial that a request has asked for, or somebody who wants connections to
/// stand ready.
pub(crate) struct Dialling {
    key: Key,
    /// Dials of another runtime are of no use to whoever waits.
    runtime: Option<Id>,
    home: Arc<Home>,
    stage: Mutex<Stage>,
    progress: Progress,
}

enum Stage {
    Ahead,
    /// For whoever has asked for it.
    UnderWay,
    /// For nobody in particular; its number among those.
    Orphan(u64),
    Over,
}

impl Dialling {
    /// One that has not begun.
    pub(crate) fn to(key: Key, home: &Arc<Home>) -> Self {
        Self {
            key,
            runtime: Handle::try_current().ok().map(|runtime| runtime.id()),
            home: Arc::clone(home),
            stage: Mutex::new(Stage::Ahead),
            progress: Progress::new(),
        }
    }

    /// How it would end if its time were up now.
    pub(crate) fn timed_out(&self) -> Option<ConnectError> {
        self.progress.timed_out(&self.key.0.endpoint())
    }

    /// The dial that somebody waits for who has asked for this one: this, or
    /// one that goes on although whoever has asked for that has gone.
    pub(crate) fn or_inherited(self: &Arc<Self>) -> Option<Arc<Self>> {
        match *self.stage() {
            Stage::UnderWay | Stage::Orphan(_) => Some(Arc::clone(self)),
            Stage::Ahead | Stage::Over => self.home.orphans.first(&self.key, self.runtime),
        }
    }

    /// It is under way from here on, until what this gives is dropped.
    pub(crate) fn begin(self: Arc<Self>) -> UnderWay {
        *self.stage() = Stage::UnderWay;
        UnderWay(self)
    }

    /// Whoever asked for it waits no more. The pool goes on with it for a while.
    pub(crate) fn abandon(self: &Arc<Self>) {
        if matches!(*self.stage(), Stage::UnderWay) {
            self.home.orphans.add(self);
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A dial that is under way for as long as this lives.
pub(crate) struct UnderWay(Arc<Dialling>);

impl UnderWay {
    pub(crate) fn progress(&self) -> &Progress {
        &self.0.progress
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut *self.0.stage(), Stage::Over);
        if let Stage::Orphan(number) = stage {
            self.0.home.orphans.remove(&self.0.key, number);
        }
    }
}

/// The dials under way that nobody in particular waits for. They serve whoever
/// comes next for their key, who has no dial of his own then.
#[derive(Debug, Default)]
pub(crate) struct Orphans(Mutex<Register>);

#[derive(Debug, Default)]
struct Register {
    latest: u64,
    by_key: HashMap<Key, BTreeMap<u64, Arc<Dialling>>>,
}

impl Orphans {
    /// Takes a dial in, unless it is over.
    fn add(&self, dialling: &Arc<Dialling>) {
        let mut register = self.register();
        register.latest += 1;
        let number = register.latest;
        // Decided under both locks: it ends before this and is not taken in, or
        // after it and takes itself out.
        let mut stage = dialling.stage();
        if matches!(*stage, Stage::UnderWay) {
            *stage = Stage::Orphan(number);
            let of_key = register.by_key.entry(dialling.key.clone()).or_default();
            of_key.insert(number, Arc::clone(dialling));
        }
    }

    fn remove(&self, key: &Key, number: u64) {
        let mut register = self.register();
        let Some(of_key) = register.by_key.get_mut(key) else {
            return;
        };
        of_key.remove(&number);
        if of_key.is_empty() {
            register.by_key.remove(key);
        }
    }

    /// The one that has been here for the longest.
    fn first(&self, key: &Key, runtime: Option<Id>) -> Option<Arc<Dialling>> {
        let register = self.register();
        let mut of_key = register.by_key.get(key)?.values();
        of_key.find(|it| it.runtime == runtime).cloned()
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Dialling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialling")
            .field("key", &self.key)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Route;

    fn dialling(home: &Arc<Home>, host: &str) -> Arc<Dialling> {
        let url = format!("http://{host}/").parse().unwrap();
        let (route, _) = Route::of(&url, None, &home.rotation).unwrap();
        Arc::new(Dialling::to(route.to_key(), home))
    }

    fn is_empty(home: &Home) -> bool {
        home.orphans.register().by_key.is_empty()
    }

    #[test]
    fn a_dial_is_inherited_by_its_own_key_only_and_for_as_long_as_it_is_under_way() {
        let home = Arc::new(Home::default());
        let [first, second, third] = ["a.test", "a.test", "b.test"].map(|it| dialling(&home, it));
        assert!(second.or_inherited().is_none());

        let under_way = Arc::clone(&first).begin();
        assert!(second.or_inherited().is_none(), "somebody waits for it");
        first.abandon();
        let inherited = second.or_inherited().unwrap();
        assert!(Arc::ptr_eq(&inherited, &first));
        assert!(third.or_inherited().is_none());

        drop(under_way);
        assert!(second.or_inherited().is_none());
        assert!(is_empty(&home));
    }

    #[test]
    fn of_several_the_oldest_is_inherited_until_it_ends() {
        let home = Arc::new(Home::default());
        let dials = ["a.test"; 3].map(|it| dialling(&home, it));
        let [heir, first, second] = &dials;
        let [_, first_way, second_way] = dials.each_ref().map(|it| Arc::clone(it).begin());
        for it in [first, second] {
            it.abandon();
            it.abandon();
        }
        *heir.stage() = Stage::Over;
        assert!(Arc::ptr_eq(&heir.or_inherited().unwrap(), first));
        drop(first_way);
        assert!(Arc::ptr_eq(&heir.or_inherited().unwrap(), second));
        drop(second_way);
        assert!(is_empty(&home));
    }

    #[test]
    fn what_has_not_begun_or_is_over_is_nobodys_to_inherit() {
        let home = Arc::new(Home::default());
        let ahead = dialling(&home, "a.test");
        ahead.abandon();
        let over = dialling(&home, "a.test");
        drop(Arc::clone(&over).begin());
        over.abandon();
        assert!(is_empty(&home));
    }

    #[test]
    fn a_dial_of_another_runtime_is_not_inherited() {
        let runtime = || {
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
        };
        let (here, there) = (runtime(), runtime());
        let home = Arc::new(Home::default());
        let in_runtime = |runtime: &tokio::runtime::Runtime| {
            let _entered = runtime.enter();
            dialling(&home, "a.test")
        };
        let first = in_runtime(&here);
        let _under_way = Arc::clone(&first).begin();
        first.abandon();
        assert!(in_runtime(&there).or_inherited().is_none());
        assert!(in_runtime(&here).or_inherited().is_some());
    }
}
