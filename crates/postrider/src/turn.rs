//! Whose turn it is: what a request in line waits for.

use std::sync::Arc;

use transport::Progress;

use crate::error::Cause;
use crate::home::Home;
use crate::left_behind::Standing;
use crate::phase::Phase;
use crate::route::Key;
use crate::timeouts::Elapsed;

/// How the dial goes that a request in line has asked for.
///
/// Where a request comes back to its place in the line, the pool exchanges its
/// dial for one that has begun for a later one. Each is told of the dial that it
/// has asked for all the same: both lead to the same place.
pub(crate) struct Turn {
    home: Arc<Home>,
    dial: Arc<Standing>,
}

/// A dial as others see it. Goes with the dial itself, from before it begins
/// until it is over.
pub(crate) struct Watched {
    pub(crate) home: Arc<Home>,
    dial: Arc<Standing>,
}

impl Turn {
    /// The turn that comes when the dial begins which is watched by this.
    pub(crate) fn before(key: Key, home: &Arc<Home>) -> (Self, Watched) {
        let watched = Watched::new(key, home);
        let turn = Self {
            home: Arc::clone(home),
            dial: Arc::clone(&watched.dial),
        };
        (turn, watched)
    }

    /// What a limit was reached in, and how far the dial had come: the request's
    /// own, or one that others have left behind.
    pub(crate) fn cut_short(&self, elapsed: Elapsed) -> (Cause, Phase) {
        let phase = elapsed.phase;
        if phase != Phase::Acquire
            && let Some(own) = self.dial.timed_out()
        {
            let phase = Phase::of_dial(own.phase());
            return (Cause::DialElapsed(elapsed, own), phase);
        }
        match self.home.left_behind.timed_out(&self.dial.key) {
            Some(dial) => (Cause::DialElapsed(elapsed, dial), phase),
            None => (Cause::Elapsed(elapsed), phase),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.home.left_behind.add(&self.dial);
    }
}

impl Watched {
    /// A dial that nobody waits for in person: it is for whoever comes.
    pub(crate) fn of_nobody(key: Key, home: &Arc<Home>) -> Self {
        let watched = Self::new(key, home);
        home.left_behind.add(&watched.dial);
        watched
    }

    fn new(key: Key, home: &Arc<Home>) -> Self {
        Self {
            home: Arc::clone(home),
            dial: Arc::new(Standing::of(key)),
        }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.dial.key
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.dial.progress
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.home.left_behind.end(&self.dial);
    }
}
