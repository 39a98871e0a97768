//! Whose turn it is: what a request in line waits for.

use std::sync::Arc;

use transport::Progress;

use crate::client::Home;
use crate::error::{Cause, Phase};
use crate::route::Key;
use crate::timeouts::Elapsed;

/// Whether a request's turn to have a connection made has come, and how that
/// goes. Until then a limit on connections holds it back, or a dial that was
/// begun for another one is to serve it.
pub(crate) struct Turn {
    key: Key,
    home: Arc<Home>,
    dial: Arc<Progress>,
}

impl Turn {
    /// The turn that comes when the dial begins whose progress this shows.
    pub(crate) fn before(key: Key, home: &Arc<Home>) -> (Self, Arc<Progress>) {
        let dial = Arc::new(Progress::new());
        let turn = Self {
            key,
            home: Arc::clone(home),
            dial: Arc::clone(&dial),
        };
        (turn, dial)
    }

    pub(crate) fn phase(&self) -> Phase {
        if self.dial.has_begun() {
            Phase::Connect
        } else {
            Phase::Acquire
        }
    }

    /// What a limit was reached in, and how far the dial had come: the request's
    /// own, or one that others have left behind.
    pub(crate) fn cut_short(&self, elapsed: Elapsed) -> (Cause, Phase) {
        if let Some(own) = self.dial.timed_out(&self.key.0.endpoint()) {
            let phase = Phase::of_dial(own.phase());
            return (Cause::DialElapsed(elapsed, own), phase);
        }
        let phase = elapsed.phase;
        match self.home.left_behind.timed_out(&self.key) {
            Some(dial) => (Cause::DialElapsed(elapsed, dial), phase),
            None => (Cause::Elapsed(elapsed), phase),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Otherwise the dial is over, or will never begin.
        if Arc::strong_count(&self.dial) > 1 {
            self.home
                .left_behind
                .add(&self.key, Arc::downgrade(&self.dial));
        }
    }
}
