//! Room under the limits: for one more connection, for one more idle one.

use super::after::Debris;
use super::entry::{EntryIndex, HomeIndex, LaneIndex};
use super::list::{Chained, List};
use super::slot::{OfSlots, Slot, SlotIndex, SlotState};
use super::{After, Asking, Host, Joined, Ledger, Moment, Now};
use crate::policy::KeyLimits;
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
    pub(super) fn make_room(&mut self, lane: LaneIndex, after: &mut After<T, H>) -> Room {
        let entry = self.lanes[lane].entry;
        if self.is_full(entry) {
            if let Some(victim) = self.oldest_idle_of_key(entry, lane) {
                self.make_way(victim, after);
            } else if let Some(dial) = self.unwanted_dial_of_key(entry) {
                self.give_up_dial(dial, after);
            } else {
                return Room::FullForKey;
            }
        }
        if self.totals.connections() >= self.policy.max_connections.max(1) {
            let home = self.lanes[lane].home;
            if let Some(victim) = self.oldest_idle(home) {
                self.make_way(victim, after);
            } else if let Some(dial) = self.unwanted_dial() {
                self.give_up_dial(dial, after);
            } else {
                return Room::FullInTotal;
            }
        }
        Room::Made
    }

    /// Whether a key has as many connections as it may.
    pub(super) fn is_full(&self, entry: EntryIndex) -> bool {
        let max = self.entries[entry].limits.max_connections.max(1);
        self.counts_in(entry).connections() >= max
    }

    /// How many more connections of a key could be made, and idle, without another having to go.
    pub(crate) fn room_to_warm(&self, key: &K, limits: KeyLimits) -> usize {
        let counts = self.counts_of(key);
        let left = [
            (limits.max_connections.max(1), counts.connections()),
            (limits.max_idle, counts.idle),
            (
                self.policy.max_connections.max(1),
                self.totals.connections(),
            ),
            (self.policy.max_idle, self.totals.idle),
        ];
        let left = left.map(|(max, taken)| max.saturating_sub(taken));
        left.into_iter().min().unwrap_or_default()
    }

    /// Joins the line only where there is room to warm. The dial then begins at once: nobody else
    /// waits for room that there is.
    pub(crate) fn join_if_room(
        &mut self,
        asking: Asking<K, H>,
        now: Now,
        after: &mut After<T, H>,
    ) -> Option<Joined<T>> {
        if self.room_to_warm(&asking.key, asking.limits) > 0 {
            return Some(self.join(asking, now, after));
        }
        after.discard(Debris::Dial(asking.dial));
        after.discard(Debris::Runtime(asking.runtime));
        None
    }

    /// Closes the oldest idle connections beyond the limits.
    pub(super) fn trim_idle(&mut self, lane: LaneIndex, after: &mut After<T, H>) {
        let here = &self.lanes[lane];
        if here.idle.len() > here.idle_unasked
            && self.counts_in(here.entry).idle > self.entries[here.entry].limits.max_idle
            && let Some(victim) = self.oldest_idle_of_key(here.entry, lane)
        {
            self.evict_elsewhere(victim, Retirement::OverIdleLimit, lane, after);
        }
        if self.totals.idle > self.policy.max_idle
            && let Some(victim) = self.oldest_idle(self.lanes[lane].home)
        {
            self.evict_elsewhere(victim, Retirement::OverIdleLimit, lane, after);
        }
    }

    /// The oldest idle connection of a key, those on other runtimes before those of a lane. If
    /// somebody waits in that lane, he would not take any of them.
    fn oldest_idle_of_key(&self, entry: EntryIndex, lane: LaneIndex) -> Option<SlotIndex> {
        self.foreign_idle_of_key(entry, lane)
            .or_else(|| self.oldest_in(&self.lanes[lane].idle))
    }

    /// The oldest idle connection of a key on other runtimes than a lane's.
    fn foreign_idle_of_key(&self, entry: EntryIndex, lane: LaneIndex) -> Option<SlotIndex> {
        let lanes = self.entries[entry].lanes.iter();
        lanes
            .filter(|other| **other != lane)
            .filter_map(|other| self.oldest_in(&self.lanes[*other].idle))
            .min_by_key(|slot| self.idle_since(*slot))
    }

    /// The oldest idle connection of all, those on other runtimes before those of `home`.
    fn oldest_idle(&self, home: HomeIndex) -> Option<SlotIndex> {
        let homes = self.homes.iter();
        homes
            .filter(|(other, _)| *other != home)
            .filter_map(|(_, other)| self.oldest_in(&other.idle))
            .min_by_key(|slot| self.idle_since(*slot))
            .or_else(|| self.oldest_in(&self.homes[home].idle))
    }

    fn oldest_in<C>(&self, list: &List<C, OfSlots>) -> Option<SlotIndex>
    where
        Slot<T>: Chained<C, OfSlots>,
    {
        list.oldest_first(&self.slots)
            .find(|slot| matches!(self.slots[*slot].state, SlotState::Idle { .. }))
    }

    fn idle_since(&self, slot: SlotIndex) -> Option<Moment> {
        match &self.slots[slot].state {
            SlotState::Idle { rest, .. } => Some(rest.since),
            _ => None,
        }
    }

    fn make_way(&mut self, victim: SlotIndex, after: &mut After<T, H>) {
        let lane = self.slots[victim].lane;
        self.evict(victim, Retirement::MadeRoom, after);
        self.forget_if_empty(lane, after);
    }

    /// Evicts from any lane, and forgets that lane unless it is the one at hand.
    fn evict_elsewhere(
        &mut self,
        victim: SlotIndex,
        reason: Retirement,
        at_hand: LaneIndex,
        after: &mut After<T, H>,
    ) {
        let lane = self.slots[victim].lane;
        self.evict(victim, reason, after);
        if lane != at_hand {
            self.forget_if_empty(lane, after);
        }
    }
}
