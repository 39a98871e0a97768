//! Room under the limits: for one more connection, for one more idle one.

use super::indices::{EntryIndex, HomeIndex, LaneIndex, OfSlots, SlotIndex};
use super::list::{Chained, List};
use super::slot::{Slot, SlotState};
use super::{After, Host, Ledger};
use crate::reusable::{Key, Reusable};
use crate::stats::Retirement;

/// Whether one more connection may be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Room {
    Made,
    FullForKey,
    FullInTotal,
}

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// Makes room for a dial of the next waiter of a lane, if need be by closing an idle
    /// connection that is of no use to that waiter, or a dial that nobody waits for. A limit of
    /// zero counts as one.
    pub(super) fn make_room(&mut self, lane: LaneIndex, after: &mut After<K, T, H>) -> Room {
        let entry = self.lanes[lane].entry;
        // More than once if the limit has been lowered.
        while self.is_full(entry) {
            if let Some(victim) = self.oldest_idle_of_key(entry, lane, Self::is_there) {
                self.make_way(victim, after);
            } else if let Some(dial) = self.unwanted_dial_of_key(entry) {
                self.give_up_dial(dial, after);
            } else {
                return Room::FullForKey;
            }
        }
        if self.is_full_in_total() {
            let home = self.lanes[lane].home;
            if let Some(victim) = self.oldest_idle(home, Self::is_there) {
                self.make_way(victim, after);
            } else if let Some(dial) = self.unwanted_dial() {
                self.give_up_dial(dial, after);
            } else {
                return Room::FullInTotal;
            }
        }
        Room::Made
    }

    /// Whether there is room for a dial without making any.
    pub(super) fn has_room(&self, entry: EntryIndex) -> bool {
        !self.is_full(entry) && !self.is_full_in_total()
    }

    fn is_full_in_total(&self) -> bool {
        self.totals.connections() >= self.policy.max_connections.max(1)
    }

    /// Whether a key has as many connections as it may.
    pub(super) fn is_full(&self, entry: EntryIndex) -> bool {
        let max = self.entries[entry].limits.max_connections.max(1);
        self.counts_in(entry).connections() >= max
    }

    /// Whether a key has more connections than it may, as its limit has been lowered. Those that
    /// are to be closed when they come back from being looked at do not count.
    pub(super) fn is_beyond_limit(&self, entry: EntryIndex) -> bool {
        let counts = self.counts_in(entry);
        let staying = counts.connections() - counts.idle + self.staying_in(entry);
        staying > self.entries[entry].limits.max_connections.max(1)
    }

    /// Closes the oldest idle connections beyond the limits. One that is being looked at is closed
    /// when it comes back, rather than a fresher one instead of it.
    #[inline]
    pub(super) fn trim_idle(&mut self, lane: LaneIndex, after: &mut After<K, T, H>) {
        let here = &self.lanes[lane];
        if here.idle.len() > here.idle_unasked {
            self.trim_idle_of_key(lane, after);
        }
        if self.totals.idle - self.doomed > self.policy.max_idle {
            self.trim_idle_of_all(lane, after);
        }
    }

    /// The same beyond the limits of a lane's key, the one of its connections among them, which may
    /// have been lowered.
    pub(super) fn trim_idle_of_key(&mut self, lane: LaneIndex, after: &mut After<K, T, H>) {
        let entry = self.lanes[lane].entry;
        let max = self.entries[entry].limits.max_idle;
        while self.staying_in(entry) > max
            && let Some(victim) = self.oldest_idle_of_key(entry, lane, Self::is_spare)
        {
            self.trim(victim, lane, Retirement::OverIdleLimit, after);
        }
        while self.is_beyond_limit(entry)
            && let Some(victim) = self.oldest_idle_of_key(entry, lane, Self::is_spare)
        {
            self.trim(victim, lane, Retirement::OverLimit, after);
        }
    }

    fn trim_idle_of_all(&mut self, lane: LaneIndex, after: &mut After<K, T, H>) {
        let home = self.lanes[lane].home;
        while self.totals.idle - self.doomed > self.policy.max_idle
            && let Some(victim) = self.oldest_idle(home, Self::is_spare)
        {
            self.trim(victim, lane, Retirement::OverIdleLimit, after);
        }
    }

    /// The oldest idle connection of a key that may be picked, those on other runtimes before those
    /// of a lane. Whoever waits in that lane would not take any of them.
    fn oldest_idle_of_key(
        &self,
        entry: EntryIndex,
        lane: LaneIndex,
        may_be: fn(&Self, SlotIndex) -> bool,
    ) -> Option<SlotIndex> {
        let others = self.entries[entry].lanes.iter();
        others
            .filter(|other| **other != lane)
            .filter_map(|other| self.oldest_in(&self.lanes[*other].idle, may_be))
            .min_by_key(|slot| self.slots[*slot].served)
            .or_else(|| self.oldest_in(&self.lanes[lane].idle, may_be))
    }

    /// The oldest idle connection of all that may be picked, those on other runtimes before those
    /// of `home`.
    fn oldest_idle(
        &self,
        home: HomeIndex,
        may_be: fn(&Self, SlotIndex) -> bool,
    ) -> Option<SlotIndex> {
        let homes = self.homes.iter();
        homes
            .filter(|(other, _)| *other != home)
            .filter_map(|(_, other)| self.oldest_in(&other.idle, may_be))
            .min_by_key(|slot| self.slots[*slot].served)
            .or_else(|| self.oldest_in(&self.homes[home].idle, may_be))
    }

    fn oldest_in<C>(
        &self,
        list: &List<C, OfSlots>,
        may_be: fn(&Self, SlotIndex) -> bool,
    ) -> Option<SlotIndex>
    where
        Slot<T>: Chained<C, OfSlots>,
    {
        list.oldest_first(&self.slots)
            .find(|slot| may_be(self, *slot))
    }

    /// Whether an idle connection is there to be closed at once.
    fn is_there(&self, slot: SlotIndex) -> bool {
        matches!(self.slots[slot].state, SlotState::Idle { .. })
    }

    /// Whether an idle connection may be closed, at once or when it comes back, without taking it
    /// from those who wait for it to come back.
    fn is_spare(&self, slot: SlotIndex) -> bool {
        match self.slots[slot].state {
            SlotState::Idle { .. } => true,
            SlotState::Looked { .. } => self.returning(self.slots[slot].lane) == 0,
            _ => false,
        }
    }

    /// How many connections of a key idle and are not to be closed when they come back.
    pub(super) fn staying_in(&self, entry: EntryIndex) -> usize {
        let lanes = self.entries[entry].lanes.iter();
        let lanes = lanes.map(|lane| &self.lanes[*lane]);
        lanes.map(|it| (it.idle.len() - it.doomed) as usize).sum()
    }

    fn make_way(&mut self, victim: SlotIndex, after: &mut After<K, T, H>) {
        let lane = self.slots[victim].lane;
        self.evict(victim, Retirement::MadeRoom, after);
        self.forget_if_empty(lane, after);
    }

    /// Parts with an idle connection of any lane, and forgets that lane unless it is the one at
    /// hand.
    fn trim(
        &mut self,
        victim: SlotIndex,
        at_hand: LaneIndex,
        reason: Retirement,
        after: &mut After<K, T, H>,
    ) {
        let lane = self.slots[victim].lane;
        self.part_with(victim, reason, after);
        if lane != at_hand {
            self.forget_if_empty(lane, after);
        }
    }
}
