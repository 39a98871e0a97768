//! Looking at idle connections: the sweeper's round, and the user's own predicate.

use std::time::Duration;

use super::after::Debris;
use super::entry::Home;
use super::indices::{HomeIndex, LaneIndex, OfSlots, SlotIndex};
use super::slab::Slab;
use super::slot::{Slot, SlotState, Source};
use super::{After, Host, Ledger, Moment, Now};
use crate::reusable::{Key, Reusable};
use crate::stats::Retirement;

/// An idle connection that is being looked at. Its slot keeps its place meanwhile; whoever holds
/// this brings it back by [`Ledger::keep`] or strikes it by [`Ledger::looked_out`].
#[derive(Debug)]
pub(crate) struct Sight<T> {
    pub(crate) slot: SlotIndex,
    pub(crate) connection: T,
    pub(crate) age: Duration,
    pub(crate) idle_for: Duration,
    pub(crate) uses: u64,
}

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// Goes on with the round through a runtime's idle connections, by `steps` at most, and begins
    /// anew at its end: closes those whose time is over and hands out the others to be looked at.
    /// Gives the steps made.
    pub(crate) fn look(
        &mut self,
        home: HomeIndex,
        steps: usize,
        now: Now,
        sights: &mut Vec<Sight<T>>,
        after: &mut After<K, T, H>,
    ) -> usize {
        for step in 0..steps {
            let Some(slot) = self.homes[home].next_to_look_at(&self.slots) else {
                return step;
            };
            let SlotState::Idle { until, .. } = self.slots[slot].state else {
                continue;
            };
            match self.slots[slot].fate(until, now) {
                None => sights.extend(self.hand_out(slot, now.mono)),
                Some(reason) => {
                    let lane = self.slots[slot].lane;
                    self.evict(slot, reason, after);
                    self.settle(lane, now.mono, after);
                }
            }
        }
        steps
    }

    /// How many wait in a lane for what is being looked at: it will be back in a moment.
    pub(super) fn returning(&self, lane: LaneIndex) -> u32 {
        let lane = &self.lanes[lane];
        lane.looked.min(lane.line.len_for_any())
    }

    /// How many steps a whole round through a runtime's idle connections takes.
    pub(crate) fn round(&self, home: HomeIndex) -> usize {
        self.homes[home].idle.len() as usize
    }

    /// All idle connections, those that are being looked at among them.
    pub(crate) fn idle_slots(&self) -> Vec<SlotIndex> {
        let homes = self.homes.iter();
        homes
            .flat_map(|(_, home)| home.idle.oldest_first(&self.slots))
            .collect()
    }

    /// Each key that has idle connections, those that are being looked at among them.
    pub(crate) fn idle_keys(&self) -> Vec<K> {
        let entries = self.entries.iter();
        entries
            .filter(|(index, _)| self.counts_in(*index).idle > 0)
            .map(|(_, entry)| entry.key.clone())
            .collect()
    }

    /// Hands out those of the slots that idle, each with its key, and leaves those among them that
    /// somebody else looks at.
    pub(crate) fn look_at_all(
        &mut self,
        slots: &mut Vec<SlotIndex>,
        now: Moment,
    ) -> Vec<(K, Sight<T>)> {
        let idle: Vec<_> = slots
            .iter()
            .filter_map(|index| match self.slots.get(*index)?.state {
                SlotState::Idle { .. } => Some((*index, self.key_of(*index).clone())),
                _ => None,
            })
            .collect();
        slots.retain(|index| {
            let slot = self.slots.get(*index);
            slot.is_some_and(|slot| matches!(slot.state, SlotState::Looked { .. }))
        });
        idle.into_iter()
            .filter_map(|(slot, key)| Some((key, self.hand_out(slot, now)?)))
            .collect()
    }

    /// Brings a connection back that has been looked at: to the first who waits for it, else it
    /// goes on idling, unless its time is over by now.
    pub(crate) fn keep(
        &mut self,
        slot: SlotIndex,
        connection: T,
        now: Now,
        after: &mut After<K, T, H>,
    ) {
        match self.slots[slot].state {
            SlotState::Looked { until } => {
                let lane = self.slots[slot].lane;
                self.lanes[lane].looked -= 1;
                self.slots[slot].state = SlotState::Idle { connection, until };
                match self.fate_at_keeping(lane, slot, until, now) {
                    Some(reason) => self.evict(slot, reason, after),
                    None => self.hand_over_or_trim(lane, slot, now.mono, after),
                }
                self.settle(lane, now.mono, after);
            }
            SlotState::Doomed(reason) => {
                after.discard(Debris::Connection(connection));
                self.looked_out(slot, reason, now.mono, after);
            }
            _ => after.discard(Debris::Connection(connection)),
        }
    }

    /// A connection that was being looked at has been closed.
    pub(crate) fn looked_out(
        &mut self,
        slot: SlotIndex,
        reason: Retirement,
        now: Moment,
        after: &mut After<K, T, H>,
    ) {
        let lane = self.slots[slot].lane;
        if let SlotState::Looked { .. } = self.slots[slot].state {
            self.doom(slot, reason);
        }
        self.lanes[lane].doomed -= 1;
        self.doomed -= 1;
        self.unlink_idle(lane, slot);
        self.strike(slot);
        self.counters.closes.add(reason);
        self.settle(lane, now, after);
    }

    /// Sees to it that a connection that is being looked at is closed when it comes back.
    pub(super) fn doom(&mut self, index: SlotIndex, reason: Retirement) {
        let slot = &mut self.slots[index];
        slot.state = SlotState::Doomed(reason);
        let lane = &mut self.lanes[slot.lane];
        lane.looked -= 1;
        lane.doomed += 1;
        self.doomed += 1;
    }

    /// Ends a sweeper that has nothing left to do; `false` if it has.
    pub(crate) fn end_sweeper(&mut self, index: HomeIndex, after: &mut After<K, T, H>) -> bool {
        let home = &mut self.homes[index];
        if home.needs_sweeping() {
            return false;
        }
        home.is_swept = false;
        self.forget_home_if_unused(index, after);
        true
    }

    /// Why a connection that comes back from being looked at is neither handed on nor kept, if so.
    fn fate_at_keeping(
        &mut self,
        lane: LaneIndex,
        slot: SlotIndex,
        until: Moment,
        now: Now,
    ) -> Option<Retirement> {
        if let Some(reason) = self.slots[slot].fate(until, now) {
            return Some(reason);
        }
        let waiter = self.lanes[lane].line.oldest_for_any()?;
        if self.is_beyond_limit(self.lanes[lane].entry) {
            Some(Retirement::OverLimit)
        } else if self.owes_room(lane, waiter) {
            Some(Retirement::MadeRoom)
        } else {
            None
        }
    }

    fn hand_over_or_trim(
        &mut self,
        lane: LaneIndex,
        slot: SlotIndex,
        now: Moment,
        after: &mut After<K, T, H>,
    ) {
        let waiter = self.lanes[lane].line.oldest_for_any();
        if let Some(waiter) = waiter
            && let Some(connection) = self.take_up(slot)
        {
            let source = Source::Idle {
                idle_for: now.since(self.slots[slot].served),
            };
            self.deliver(waiter, slot, connection, source, now, after);
        } else {
            // Who was to take it may have left.
            self.trim_idle(lane, after);
        }
    }

    fn key_of(&self, slot: SlotIndex) -> &K {
        let lane = self.slots[slot].lane;
        &self.entries[self.lanes[lane].entry].key
    }

    fn hand_out(&mut self, index: SlotIndex, now: Moment) -> Option<Sight<T>> {
        let slot = &mut self.slots[index];
        let SlotState::Idle { until, .. } = slot.state else {
            return None;
        };
        let state = std::mem::replace(&mut slot.state, SlotState::Looked { until });
        let SlotState::Idle { connection, .. } = state else {
            return None;
        };
        self.lanes[slot.lane].looked += 1;
        Some(Sight {
            slot: index,
            connection,
            age: now.since(slot.born.mono),
            idle_for: now.since(slot.served),
            uses: slot.uses.into(),
        })
    }
}

impl<H: Host> Home<H> {
    /// The next of a round. A round is as long as there were idle ones at its beginning: if it went
    /// on to the newest end, where all that are lent and returned stand anew, it would not come
    /// back to the quiet ones while there is much to do.
    fn next_to_look_at<T>(&mut self, slots: &Slab<OfSlots, Slot<T>>) -> Option<SlotIndex> {
        self.ahead = self.ahead.min(self.idle.len());
        if self.ahead == 0 || self.idle.mark().is_none() {
            self.idle.rewind();
            self.ahead = self.idle.len();
        }
        let slot = self.idle.pass(slots)?;
        self.ahead -= 1;
        Some(slot)
    }
}
