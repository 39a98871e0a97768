//! Keys, their lanes, and the runtimes that lanes belong to.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use super::after::Debris;
use super::line::{Line, Ticket};
use super::list::List;
use super::slab::Index;
use super::slot::{InHome, InLane, OfSlots};
use super::{After, Host, Ledger};
use crate::policy::KeyLimits;
use crate::reusable::{Key, Reusable};
use crate::stats::Counts;

pub(crate) type EntryIndex = Index<OfEntries>;
pub(crate) type HomeIndex = Index<OfHomes>;
pub(crate) type LaneIndex = Index<OfLanes>;

/// Marks the slab of entries.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct OfEntries;

/// Marks the slab of lanes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct OfLanes;

/// Marks the slab of homes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct OfHomes;

/// A key, as long as it has a slot or a waiter.
#[derive(Debug)]
pub(crate) struct Entry<K> {
    pub(crate) key: K,
    pub(crate) limits: KeyLimits,
    pub(crate) counts: Counts,
    pub(crate) lanes: Vec<LaneIndex>,
}

/// A key on one runtime: connections are lent and handed on within a lane only.
#[derive(Debug)]
pub(crate) struct Lane<I> {
    pub(crate) entry: EntryIndex,
    pub(crate) home: HomeIndex,
    pub(crate) runtime: I,
    /// All its slots, whatever their state.
    pub(crate) slots: usize,
    pub(crate) lent: usize,
    pub(crate) idle: List<InLane, OfSlots>,
    /// How many of the idle ones are being looked at and will be back in a moment.
    pub(crate) looked: usize,
    /// The dials under way, without the cancelled ones.
    pub(crate) dials: List<InLane, OfSlots>,
    pub(crate) line: Line,
    /// For each dial that nobody waits for, since when that has been so.
    pub(crate) surplus: VecDeque<Instant>,
    /// Who is to dial next here, if noted among the needs.
    pub(crate) need: Option<Ticket>,
}

/// A runtime, as long as it has a lane or a sweeper.
pub(crate) struct Home<H: Host> {
    id: H::Id,
    pub(crate) runtime: H::Runtime,
    pub(crate) lanes: usize,
    pub(crate) idle: List<InHome, OfSlots>,
    pub(crate) is_swept: bool,
    /// Its lanes with surplus dials, by when the first of these became surplus.
    pub(crate) surplus: BTreeSet<(Instant, LaneIndex)>,
}

/// What a connection, or who waits for one, counts as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    Dialling,
    Idle,
    Lent,
    Waiting,
}

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// The entry of a key, made if there is none.
    pub(super) fn entry_for(&mut self, key: K, limits: KeyLimits) -> EntryIndex {
        if let Some(entry) = self.keys.get(&key) {
            self.entries[*entry].limits = limits;
            return *entry;
        }
        let entry = self.entries.insert(Entry {
            key: key.clone(),
            limits,
            counts: Counts::default(),
            lanes: Vec::with_capacity(1),
        });
        self.keys.insert(key, entry);
        entry
    }

    /// The lane of an entry on a runtime, made if there is none.
    pub(super) fn lane_for(
        &mut self,
        entry: EntryIndex,
        id: H::Id,
        runtime: H::Runtime,
        after: &mut After<T, H>,
    ) -> LaneIndex {
        if let Some(lane) = self.lane_of(entry, id) {
            after.debris.push(Debris::Runtime(runtime));
            return lane;
        }
        let home = self.home_for(id, runtime, after);
        self.homes[home].lanes += 1;
        let lane = self.lanes.insert(Lane {
            entry,
            home,
            runtime: id,
            slots: 0,
            lent: 0,
            idle: List::new(),
            looked: 0,
            dials: List::new(),
            line: Line::new(),
            surplus: VecDeque::new(),
            need: None,
        });
        self.entries[entry].lanes.push(lane);
        lane
    }

    pub(super) fn lane_of(&self, entry: EntryIndex, id: H::Id) -> Option<LaneIndex> {
        let lanes = &self.entries[entry].lanes;
        lanes
            .iter()
            .copied()
            .find(|lane| self.lanes[*lane].runtime == id)
    }

    /// Counts something out of one standing and into another.
    pub(super) fn shift(&mut self, lane: LaneIndex, from: Option<Standing>, to: Option<Standing>) {
        let lane = &mut self.lanes[lane];
        let entry = &mut self.entries[lane.entry];
        if let Some(from) = from {
            *from.of(&mut entry.counts) -= 1;
            *from.of(&mut self.totals) -= 1;
        }
        if let Some(to) = to {
            *to.of(&mut entry.counts) += 1;
            *to.of(&mut self.totals) += 1;
        }
        lane.lent += usize::from(to == Some(Standing::Lent));
        lane.lent -= usize::from(from == Some(Standing::Lent));
    }

    /// Forgets a lane that has neither slots nor waiters, and with it what it alone needed.
    pub(super) fn forget_if_empty(&mut self, index: LaneIndex, after: &mut After<T, H>) {
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
        if entry.lanes.is_empty()
            && let Some(entry) = self.entries.remove(lane.entry)
        {
            self.keys.remove(&entry.key);
        }
    }

    pub(super) fn forget_home_if_unused(&mut self, home: HomeIndex, after: &mut After<T, H>) {
        let is_unused = |home: &Home<H>| home.lanes == 0 && !home.is_swept;
        if self.homes.get(home).is_some_and(is_unused)
            && let Some(home) = self.homes.remove(home)
        {
            after.debris.push(Debris::Runtime(home.runtime));
        }
    }

    /// Asks for a sweeper if the home has something to sweep and no sweeper.
    pub(super) fn ensure_sweeper(&mut self, index: HomeIndex, after: &mut After<T, H>) {
        let home = &mut self.homes[index];
        if !home.is_swept && home.needs_sweeping() {
            home.is_swept = true;
            after.sweepers.push((index, home.runtime.clone()));
        }
    }

    fn home_for(&mut self, id: H::Id, runtime: H::Runtime, after: &mut After<T, H>) -> HomeIndex {
        let known = self.homes.iter().find(|(_, home)| home.id == id);
        if let Some((home, _)) = known {
            after.debris.push(Debris::Runtime(runtime));
            return home;
        }
        self.homes.insert(Home {
            id,
            runtime,
            lanes: 0,
            idle: List::new(),
            is_swept: false,
            surplus: BTreeSet::new(),
        })
    }
}

impl<H: Host> Home<H> {
    pub(super) fn needs_sweeping(&self) -> bool {
        !self.idle.is_empty() || !self.surplus.is_empty()
    }
}

impl Standing {
    fn of(self, counts: &mut Counts) -> &mut usize {
        match self {
            Self::Dialling => &mut counts.dialling,
            Self::Idle => &mut counts.idle,
            Self::Lent => &mut counts.lent,
            Self::Waiting => &mut counts.waiting,
        }
    }
}
