//! Whose turn it is: what a request in line waits for.

use std::sync::Arc;

use crate::client::Inner;
use crate::dialling::Dialling;
use crate::error::{Cause, Phase};
use crate::route::Key;
use crate::timeouts::Elapsed;

/// Whether a request's turn to have a connection made has come, and how that
/// goes. Until then a limit on connections holds it back.
pub(crate) struct Turn {
    dialling: Arc<Dialling>,
    has_come: bool,
}

impl Turn {
    /// The turn that comes when the dial begins that shows itself by what this
    /// gives.
    pub(crate) fn before(key: Key, client: &Inner) -> (Self, Arc<Dialling>) {
        let dialling = Arc::new(Dialling::to(key, &client.home));
        let turn = Self {
            dialling: Arc::clone(&dialling),
            has_come: false,
        };
        (turn, dialling)
    }

    pub(crate) fn phase(&mut self) -> Phase {
        self.has_come = self.has_come || self.dialling.or_inherited().is_some();
        if self.has_come {
            Phase::Connect
        } else {
            Phase::Acquire
        }
    }

    /// What a limit was reached in, and how far the dial had come.
    pub(crate) fn cut_short(&self, elapsed: Elapsed) -> (Cause, Phase) {
        let dial = self.dialling.or_inherited();
        match dial.and_then(|dial| dial.timed_out()) {
            Some(dial) => {
                let phase = Phase::of_dial(dial.phase());
                (Cause::DialElapsed(elapsed, dial), phase)
            }
            None => (Cause::Elapsed(elapsed), elapsed.phase),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.dialling.abandon();
    }
}
