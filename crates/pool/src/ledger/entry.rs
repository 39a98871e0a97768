//! Keys, their lanes, and the runtimes that lanes belong to.

use std::collections::BTreeSet;

use super::after::{Debris, Deed};
use super::directory::{KeyHash, Listing, Sought};
use super::indices::{EntryIndex, HomeIndex, LaneIndex, OfSlots, Ticket};
use super::line::Line;
use super::list::List;
use super::moment::Moment;
use super::slot::{InHome, InLane};
use super::surplus::Surplus;
use super::{After, Host, Ledger};
use crate::policy::KeyLimits;
use crate::reusable::{Key, Reusable};
use crate::stats::Counts;

/// A key, as long as it has a slot or a waiter.
#[derive(Debug)]
pub(crate) struct Entry<K> {
    pub(crate) key: K,
    pub(crate) listing: Listing,
    pub(crate) limits: KeyLimits,
    /// Never empty.
    pub(crate) lanes: Vec<LaneIndex>,
}

/// Where somebody comes to: a key, the limits that hold for it from now on, and a runtime.
pub(crate) struct Address<K, H: Host> {
    pub(crate) key: K,
    pub(crate) hash: KeyHash,
    pub(crate) limits: KeyLimits,
    pub(crate) id: H::Id,
    pub(crate) runtime: H::Runtime,
}

/// Where the books of a key are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) entry: EntryIndex,
    /// The first of its lanes: mostly the only one, and then found without a look at the entry.
    pub(crate) first: LaneIndex,
}

/// A key on one runtime: connections are lent and handed on within a lane only.
///
/// In this order, so that what lending and taking back need lies in one line of the cache. That is
/// also why the need comes first: by it, the slab tells a lane from a vacant cell.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Lane<I> {
    /// Who is to dial next here, if noted among the needs.
    pub(crate) need: Option<Ticket>,
    pub(crate) runtime: I,
    pub(crate) home: HomeIndex,
    /// How many may idle here without a look at the key: as many as it may have, but none if it has
    /// other lanes, or had more connections than it may when somebody last came.
    pub(crate) idle_unasked: u32,
    pub(crate) idle: List<InLane, OfSlots>,
    pub(crate) line: Line,
    pub(crate) entry: EntryIndex,
    /// All its slots, whatever their state.
    pub(crate) slots: u32,
    /// How many of the idle ones are being looked at and will be back in a moment.
    pub(crate) looked: u32,
    /// How many of the idle ones will be closed when they come back.
    pub(crate) doomed: u32,
    /// The dials under way, without the cancelled ones.
    pub(crate) dials: List<InLane, OfSlots>,
    /// How many dials have been cancelled and have not ended yet.
    pub(crate) cancelled: u32,
    pub(crate) surplus: Surplus,
}

/// A runtime, as long as it has a lane or a sweeper.
pub(crate) struct Home<H: Host> {
    pub(crate) id: H::Id,
    pub(crate) runtime: H::Runtime,
    pub(crate) lanes: usize,
    pub(crate) idle: List<InHome, OfSlots>,
    /// How many of the idle ones the sweeper's round still goes through.
    pub(crate) ahead: u32,
    pub(crate) is_swept: bool,
    /// Its lanes with surplus dials, by when the first of these became surplus.
    pub(crate) surplus: BTreeSet<(Moment, LaneIndex)>,
}

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// The lane of a key on a runtime, made if there is none.
    pub(super) fn lane_for(
        &mut self,
        address: Address<K, H>,
        after: &mut After<K, T, H>,
    ) -> LaneIndex {
        let known = self.keys.find(&address.sought()).copied();
        let Address {
            key,
            hash,
            limits,
            id,
            runtime,
        } = address;
        let Some(place) = known else {
            // First, as it may panic.
            let listed = key.clone();
            let listing = self.keys.new_listing(hash);
            let entry = self.entries.insert(Entry {
                key,
                listing,
                limits,
                lanes: Vec::with_capacity(1),
            });
            let first = self.open_lane(entry, id, runtime, after);
            self.keys.insert(listing, listed, Place { entry, first });
            return first;
        };
        after.discard(Debris::Key(key));
        self.change_limits(place.entry, limits);
        let lane = match self.lane_at(place, id) {
            Some(lane) => {
                after.discard(Debris::Runtime(runtime));
                lane
            }
            None => self.open_lane(place.entry, id, runtime, after),
        };
        // The limits may have been lowered.
        self.trim_idle_of_key(lane, after);
        lane
    }

    /// The lane of a key on a runtime, if there is one.
    pub(super) fn lane_at(&self, place: Place, id: H::Id) -> Option<LaneIndex> {
        let is_there = |lane: &LaneIndex| self.lanes[*lane].runtime == id;
        if is_there(&place.first) {
            return Some(place.first);
        }
        self.entries[place.entry]
            .lanes
            .iter()
            .copied()
            .find(is_there)
    }

    /// What idles beyond them the caller sees to.
    pub(super) fn change_limits(&mut self, entry: EntryIndex, limits: KeyLimits) {
        self.entries[entry].limits = limits;
        self.share_idle(entry);
    }

    /// What stands under a key, over all its lanes.
    pub(super) fn counts_in(&self, entry: EntryIndex) -> Counts {
        let mut counts = Counts::default();
        for lane in &self.entries[entry].lanes {
            let lane = &self.lanes[*lane];
            counts.idle += lane.idle.len() as usize;
            counts.lent += lane.lent() as usize;
            counts.dialling += (lane.dials.len() + lane.cancelled) as usize;
            counts.waiting += lane.line.len() as usize;
        }
        counts
    }

    /// Forgets a lane that has neither slots nor waiters, and with it what it alone needed.
    pub(super) fn forget_if_empty(&mut self, index: LaneIndex, after: &mut After<K, T, H>) {
        let is_empty = |lane: &Lane<H::Id>| lane.slots == 0 && lane.line.is_empty();
        if !self.lanes.get(index).is_some_and(is_empty) {
            return;
        }
        self.forget_need(index);
        let Some(lane) = self.lanes.remove(index) else {
            return;
        };
        self.homes[lane.home].lanes -= 1;
        self.forget_home_if_unused(lane.home, after);
        let entry = &mut self.entries[lane.entry];
        entry.lanes.retain(|other| *other != index);
        if let Some(first) = entry.lanes.first() {
            if let Some(place) = self.keys.get_mut(entry.listing) {
                place.first = *first;
            }
            self.share_idle(lane.entry);
        } else if let Some(entry) = self.entries.remove(lane.entry) {
            let listed = self.keys.remove(entry.listing);
            for key in listed.into_iter().chain([entry.key]) {
                after.discard(Debris::Key(key));
            }
        }
    }

    pub(super) fn forget_home_if_unused(&mut self, home: HomeIndex, after: &mut After<K, T, H>) {
        let is_unused = |home: &Home<H>| home.lanes == 0 && !home.is_swept;
        if self.homes.get(home).is_some_and(is_unused)
            && let Some(home) = self.homes.remove(home)
        {
            after.discard(Debris::Runtime(home.runtime));
        }
    }

    /// Asks for a sweeper if the home has something to sweep and no sweeper.
    #[inline]
    pub(super) fn ensure_sweeper(&mut self, index: HomeIndex, after: &mut After<K, T, H>) {
        let home = &mut self.homes[index];
        if !home.is_swept && home.needs_sweeping() {
            home.is_swept = true;
            after.push(Deed::Sweep(index, home.runtime.clone()));
        }
    }

    fn open_lane(
        &mut self,
        entry: EntryIndex,
        id: H::Id,
        runtime: H::Runtime,
        after: &mut After<K, T, H>,
    ) -> LaneIndex {
        let home = self.home_for(id, runtime, after);
        self.homes[home].lanes += 1;
        let lane = self.lanes.insert(Lane {
            need: None,
            runtime: id,
            home,
            idle_unasked: 0,
            idle: List::new(),
            line: Line::new(),
            entry,
            slots: 0,
            looked: 0,
            doomed: 0,
            dials: List::new(),
            cancelled: 0,
            surplus: Surplus::default(),
        });
        self.entries[entry].lanes.push(lane);
        self.share_idle(entry);
        lane
    }

    fn share_idle(&mut self, index: EntryIndex) {
        let entry = &self.entries[index];
        let unasked = match entry.lanes.len() {
            1 if !self.is_beyond_limit(index) => {
                u32::try_from(entry.limits.max_idle).unwrap_or(u32::MAX)
            }
            _ => 0,
        };
        for lane in &entry.lanes {
            self.lanes[*lane].idle_unasked = unasked;
        }
    }

    fn home_for(
        &mut self,
        id: H::Id,
        runtime: H::Runtime,
        after: &mut After<K, T, H>,
    ) -> HomeIndex {
        let known = self.homes.iter().find(|(_, home)| home.id == id);
        if let Some((home, _)) = known {
            after.discard(Debris::Runtime(runtime));
            return home;
        }
        self.homes.insert(Home {
            id,
            runtime,
            lanes: 0,
            idle: List::new(),
            ahead: 0,
            is_swept: false,
            surplus: BTreeSet::new(),
        })
    }
}

impl<K, H: Host> Address<K, H> {
    pub(super) fn sought(&self) -> Sought<'_, K> {
        Sought::hashed(&self.key, self.hash)
    }

    /// Leaves it to be dropped outside the lock.
    pub(super) fn discard<T: Reusable>(self, after: &mut After<K, T, H>) {
        after.discard(Debris::Key(self.key));
        after.discard(Debris::Runtime(self.runtime));
    }
}

impl<I> Lane<I> {
    /// How many slots are lent: those that stand nowhere else.
    pub(super) fn lent(&self) -> u32 {
        self.slots - self.idle.len() - self.dials.len() - self.cancelled
    }
}

impl<H: Host> Home<H> {
    pub(super) fn needs_sweeping(&self) -> bool {
        !self.idle.is_empty() || !self.surplus.is_empty()
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn what_lending_and_taking_back_need_lies_in_one_line_of_the_cache() {
        // Who waits for a used connection is the first thing in a line.
        let end = offset_of!(Lane<u64>, line) + size_of::<List<InLane, OfSlots>>();
        assert_eq!((end, align_of::<Lane<u64>>()), (64, 64));
        assert_eq!(size_of::<Lane<u64>>(), 128);
        // The mark of a vacant cell takes no room of its own.
        assert_eq!(size_of::<Option<Lane<u64>>>(), 128);
    }
}
