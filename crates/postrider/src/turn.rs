//! Whose turn it is: what a request in line waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Phase;

/// Whether a request's turn to have a connection made has come. Until then a
/// limit on connections holds it back.
pub(crate) struct Turn(Arc<AtomicBool>);

impl Turn {
    /// The turn that comes when `dial` is called.
    pub(crate) fn before<T>(
        dial: impl FnOnce() -> T + Send + 'static,
    ) -> (Self, impl FnOnce() -> T + Send) {
        let turn = Arc::new(AtomicBool::new(false));
        let has_come = Arc::clone(&turn);
        let dial = move || {
            has_come.store(true, Ordering::Relaxed);
            dial()
        };
        (Self(turn), dial)
    }

    pub(crate) fn phase(&self) -> Phase {
        if self.0.load(Ordering::Relaxed) {
            Phase::Connect
        } else {
            Phase::Acquire
        }
    }
}
