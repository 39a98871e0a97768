//! What is left to do once the ledger is unlocked.

use std::task::Waker;

use super::Host;
use super::indices::{DialId, HomeIndex};
use crate::error::WaitError;
use crate::reusable::Reusable;

/// What the ledger asks its holder to do after unlocking: nothing in here may run under the lock,
/// dropping included.
///
/// One vector of all, as lending and taking back make one each and mostly put nothing in.
pub(crate) struct After<K, T: Reusable, H: Host> {
    deeds: Vec<Deed<K, T, H>>,
}

/// Something to do, in the order in which it is done.
pub(crate) enum Deed<K, T: Reusable, H: Host> {
    /// Wakes a waiter or a dial.
    Wake(Waker),
    /// Drops what must not be dropped under the lock.
    Drop(Debris<K, T, H>),
    /// Spawns a dial.
    Dial(Begin<H>),
    /// Spawns a sweeper.
    Sweep(HomeIndex, H::Runtime),
    /// Tells that the pool has been shut down, and nothing is lent, dialled or waited for any more.
    TellDrained,
}

/// A dial to spawn.
pub(crate) struct Begin<H: Host> {
    pub(crate) id: DialId,
    pub(crate) runtime: H::Runtime,
    pub(crate) dial: H::Dial,
}

/// A value that may run foreign code when it is dropped.
pub(crate) enum Debris<K, T: Reusable, H: Host> {
    Connection(T),
    Key(K),
    Dial(H::Dial),
    #[expect(dead_code, reason = "kept only to be dropped outside the lock")]
    Error(WaitError<T::Error>),
    Runtime(H::Runtime),
    #[expect(dead_code, reason = "kept only to be dropped outside the lock")]
    Waker(Waker),
}

impl<K, T: Reusable, H: Host> After<K, T, H> {
    pub(crate) const fn new() -> Self {
        Self { deeds: Vec::new() }
    }

    pub(crate) fn push(&mut self, deed: Deed<K, T, H>) {
        self.deeds.push(deed);
    }

    pub(crate) fn discard(&mut self, debris: Debris<K, T, H>) {
        self.push(Deed::Drop(debris));
    }

    /// Takes out the connections that were to be dropped.
    pub(crate) fn take_connections(&mut self) -> Vec<T> {
        let is_connection =
            |deed: &mut Deed<K, T, H>| matches!(deed, Deed::Drop(Debris::Connection(_)));
        let taken = self.deeds.extract_if(.., is_connection);
        taken
            .filter_map(|deed| match deed {
                Deed::Drop(Debris::Connection(connection)) => Some(connection),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.deeds.is_empty()
    }

    /// What is to be done, each kind in its turn.
    pub(crate) fn in_order(mut self) -> Vec<Deed<K, T, H>> {
        self.deeds.sort_by_key(Deed::turn);
        self.deeds
    }
}

impl<K, T: Reusable, H: Host> Deed<K, T, H> {
    fn turn(&self) -> u8 {
        match self {
            Self::Wake(_) => 0,
            // Connections close before others are dialled: see `Ledger::evict`.
            Self::Drop(_) => 1,
            Self::Dial(_) => 2,
            Self::Sweep(..) => 3,
            Self::TellDrained => 4,
        }
    }
}
