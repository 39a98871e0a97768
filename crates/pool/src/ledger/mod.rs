//! The books of the pool: who holds what, who waits, and what follows from it.
//!
//! Plain data, no clock, no task, no lock: the async skin keeps the [`Ledger`] under one mutex,
//! tells it what happened and when, and after unlocking does what the ledger asks for ([`After`]).
//!
//! ```text
//! Entry (a key) ─┬─ Lane (that key on one runtime) ─┬─ idle slots, most recently used first
//!                │                                  ├─ dials under way
//!                │                                  └─ the line of waiters
//!                └─ Lane ...
//! Home (a runtime) ── its idle slots over all lanes, for the sweeper
//!
//! slot:    Dialling ──> Lent <──> Idle <──> Looked (the sweeper has it for a moment)
//!          Dialling ──> Cancelled (until its task has ended, or somebody needs the room)
//! waiter:  Waiting ──> Delivered | Failed
//! ```

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::hash::RandomState;

use self::directory::Directory;
use self::entry::{Entry, Home, Lane, Place};
use self::indices::{LaneIndex, OfEntries, OfHomes, OfLanes, OfSlots, OfWaiters, Ticket};
use self::line::Waiter;
use self::list::List;
use self::slab::Slab;
use self::slot::{InLane, Slot};
use crate::policy::Policy;
use crate::reusable::{Key, Reusable};
use crate::stats::{Counters, Counts, Stats};

mod after;
mod close;
mod dials;
mod directory;
mod entry;
mod indices;
mod lend;
mod line;
mod list;
mod look;
mod moment;
mod needs;
mod room;
mod slab;
mod slot;
mod surplus;
mod wait;
mod warm;

#[cfg(test)]
mod audit;
#[cfg(test)]
#[cfg(not(postrider_loom))]
mod shown;
#[cfg(test)]
mod tests;

pub(crate) use self::after::{After, Deed};
pub(crate) use self::close::Among;
pub(crate) use self::dials::{DialEnd, DialState};
pub(crate) use self::directory::Sought;
pub(crate) use self::entry::Address;
pub(crate) use self::indices::{DialId, HomeIndex, SlotIndex, WaiterIndex};
pub(crate) use self::lend::LentFacts;
pub use self::line::Want;
pub(crate) use self::look::Sight;
pub(crate) use self::moment::{Moment, Now};
pub use self::slot::Source;
pub(crate) use self::slot::Taken;
pub(crate) use self::wait::{Asking, AskingAgain, Joined};

/// What the async skin keeps in the ledger without the ledger looking inside.
pub(crate) trait Host {
    /// What tells one runtime from another.
    type Id: Copy + Eq;
    /// A handle by which tasks are spawned on a runtime.
    type Runtime: Clone;
    /// A dial that has not begun.
    type Dial;
}

pub(crate) struct Ledger<K, T: Reusable, H: Host> {
    policy: Policy,
    keys: Directory<K, Place>,
    entries: Slab<OfEntries, Entry<K>>,
    lanes: Slab<OfLanes, Lane<H::Id>>,
    homes: Slab<OfHomes, Home<H>>,
    slots: Slab<OfSlots, Slot<T>>,
    /// Dials that have been told that nobody wants them, and have not ended yet.
    cancelled: List<InLane, OfSlots>,
    waiters: Slab<OfWaiters, Waiter<T, H::Dial>>,
    /// The lanes in which somebody is to dial as soon as there is room in total, first come first.
    needs: BTreeSet<(Ticket, LaneIndex)>,
    /// Those among them that have no slot at all, so that no returned connection serves them.
    stranded: BTreeSet<(Ticket, LaneIndex)>,
    totals: Counts,
    /// How many of the idle connections will be closed when they come back from being looked at.
    doomed: usize,
    counters: Counters,
    service: Service,
    next_ticket: u64,
    chance: u64,
}

/// Whom the pool serves: fewer and fewer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Service {
    Everybody,
    /// It is being shut down: those who stand in line already.
    InLine,
    Nobody,
}

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// `seed` decides the jitter of lifetimes.
    pub(crate) fn new(policy: Policy, seed: u64) -> Self {
        Self {
            policy,
            keys: Directory::new(),
            entries: Slab::new(),
            lanes: Slab::new(),
            homes: Slab::new(),
            slots: Slab::new(),
            cancelled: List::new(),
            waiters: Slab::new(),
            needs: BTreeSet::new(),
            stranded: BTreeSet::new(),
            totals: Counts::default(),
            doomed: 0,
            counters: Counters::default(),
            service: Service::Everybody,
            next_ticket: 0,
            chance: seed,
        }
    }

    /// By what keys are hashed before they are looked up.
    pub(crate) fn hashing(&self) -> &RandomState {
        self.keys.hashing()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.service == Service::Everybody
    }

    pub(crate) fn totals(&self) -> Counts {
        self.totals
    }

    pub(crate) fn stats(&self) -> Stats<K> {
        let mut keys = Vec::with_capacity(self.keys.len());
        let entries = self.entries.iter();
        keys.extend(entries.map(|(index, entry)| (entry.key.clone(), self.counts_in(index))));
        Stats {
            totals: self.totals,
            keys,
            counters: self.counters,
        }
    }

    /// What stands under one key; zeros for a key that the pool does not know at the moment.
    pub(crate) fn counts_of(&self, key: &Sought<'_, K>) -> Counts {
        self.keys
            .find(key)
            .map(|place| self.counts_in(place.entry))
            .unwrap_or_default()
    }

    /// How many connections of a key idle on a runtime.
    pub(crate) fn idle_of<Q>(&self, key: &Sought<'_, Q>, runtime: H::Id) -> usize
    where
        K: Borrow<Q>,
        Q: ?Sized + Eq,
    {
        let place = self.keys.find(key);
        let lane = place.and_then(|place| self.lane_at(*place, runtime));
        lane.map_or(0, |lane| self.lanes[lane].idle.len() as usize)
    }

    /// The splitmix64 generator: good enough to spread lifetimes.
    fn next_chance(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut chance = self.chance;
        chance = (chance ^ (chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chance = (chance ^ (chance >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chance ^ (chance >> 31)
    }
}
