//! Whose turn it is: what a request in line waits for.

use std::sync::Arc;

use transport::Progress;

use crate::client::Home;
use crate::error::{Cause, Phase};
use crate::route::Key;
use crate::timeouts::{Elapsed, Scope};

/// Whether a request's turn to have a connection made has come, and how that
/// goes. Until then a limit on connections holds it back, or a dial that was
/// begun for another one is to serve it.
pub(crate) struct Turn {
    key: Key,
    home: Arc<Home>,
    dial: Arc<Progress>,
    has_come: bool,
}

impl Turn {
    /// The turn that comes when the dial begins whose progress this shows.
    pub(crate) fn before(key: Key, home: &Arc<Home>) -> (Self, Arc<Progress>) {
        let dial = Arc::new(Progress::new());
        let turn = Self {
            key,
            home: Arc::clone(home),
            dial: Arc::clone(&dial),
            has_come: false,
        };
        (turn, dial)
    }

    pub(crate) fn phase(&mut self) -> Phase {
        self.has_come = self.has_come || self.dial.is_under_way();
        if self.has_come {
            Phase::Connect
        } else {
            Phase::Acquire
        }
    }

    /// What a limit was reached in, and how far the dial had come.
    pub(crate) fn cut_short(&self, elapsed: Elapsed) -> (Cause, Phase) {
        let own = self.dial.timed_out(&self.key.0.endpoint());
        let dial = own.or_else(|| self.home.left_behind.timed_out(&self.key));
        match dial {
            None => (Cause::Elapsed(elapsed), elapsed.phase),
            Some(dial) => {
                let is_acquiring = elapsed.phase == Phase::Acquire && elapsed.scope == Scope::Phase;
                let phase = if is_acquiring {
                    Phase::Acquire
                } else {
                    Phase::of_dial(dial.phase())
                };
                (Cause::DialElapsed(elapsed, dial), phase)
            }
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
