//! What is left to do once the ledger is unlocked.

use std::task::Waker;

use crate::error::WaitError;
use crate::ledger::{HomeIndex, Host, SlotIndex};
use crate::reusable::Reusable;

/// What the ledger asks its holder to do after unlocking: nothing in here may run under the lock,
/// dropping included.
pub(crate) struct After<T: Reusable, H: Host> {
    /// Waiters and dials to wake.
    pub(crate) wakes: Vec<Waker>,
    /// Dials to spawn.
    pub(crate) dials: Vec<Begin<H>>,
    /// Sweepers to spawn.
    pub(crate) sweepers: Vec<(HomeIndex, H::Runtime)>,
    /// What is to be dropped.
    pub(crate) debris: Vec<Debris<T, H>>,
    /// The pool has been shut down, and nothing is lent, dialled or waited for any more.
    pub(crate) is_drained: bool,
}

/// A dial to spawn.
pub(crate) struct Begin<H: Host> {
    pub(crate) slot: SlotIndex,
    pub(crate) runtime: H::Runtime,
    pub(crate) dial: H::Dial,
}

/// A value that may run foreign code when it is dropped.
#[expect(dead_code, reason = "kept only to be dropped outside the lock")]
pub(crate) enum Debris<T: Reusable, H: Host> {
    Connection(T),
    Dial(H::Dial),
    Error(WaitError<T::Error>),
    Runtime(H::Runtime),
    Waker(Waker),
}

impl<T: Reusable, H: Host> After<T, H> {
    pub(crate) const fn new() -> Self {
        Self {
            wakes: Vec::new(),
            dials: Vec::new(),
            sweepers: Vec::new(),
            debris: Vec::new(),
            is_drained: false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wakes.is_empty()
            && self.dials.is_empty()
            && self.sweepers.is_empty()
            && self.debris.is_empty()
            && !self.is_drained
    }
}
