//! Closing on demand: idle connections, a runtime's, the whole pool.

use super::after::Deed;
use super::indices::{HomeIndex, LaneIndex, SlotIndex, Ticket};
use super::slot::SlotState;
use super::{After, Host, Ledger, Moment, Service, Sought};
use crate::error::WaitError;
use crate::reusable::{Key, Reusable};
use crate::stats::Retirement;

/// Which idle connections are meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Among<'a, K> {
    All,
    Key(&'a Sought<'a, K>),
}

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// Closes idle connections and tells how many.
    pub(crate) fn close_idle(
        &mut self,
        among: Among<'_, K>,
        now: Moment,
        after: &mut After<K, T, H>,
    ) -> usize {
        let idle: Vec<_> = match among {
            Among::All => self.slots.iter().map(|(index, _)| index).collect(),
            Among::Key(key) => self.idle_of_key(key),
        };
        idle.into_iter()
            .filter(|slot| self.close_if_idle(*slot, Retirement::Evicted, now, after))
            .count()
    }

    /// A runtime, and its sweeper with it, has ended: its idle connections are of no use, and
    /// whoever waits for one of them waits in vain.
    pub(crate) fn runtime_ended(
        &mut self,
        home: HomeIndex,
        now: Moment,
        after: &mut After<K, T, H>,
    ) {
        self.homes[home].is_swept = false;
        let lanes: Vec<_> = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.home == home)
            .map(|(index, _)| index)
            .collect();
        for lane in lanes {
            let last = Ticket(u64::MAX);
            self.fail_line(lane, last, &WaitError::NoRuntime, after);
            let idle: Vec<_> = self.lanes[lane].idle.oldest_first(&self.slots).collect();
            for slot in idle {
                self.close_if_idle(slot, Retirement::RuntimeEnded, now, after);
            }
            self.settle(lane, now, after);
        }
        self.forget_home_if_unused(home, after);
    }

    /// No new leases and waits from here on. Who waits already may still be served. Gives the idle
    /// connections to say goodbye on.
    pub(crate) fn shut_down(&mut self, now: Moment, after: &mut After<K, T, H>) -> Vec<T> {
        self.service = self.service.max(Service::InLine);
        let slots: Vec<_> = self.slots.iter().map(|(index, _)| index).collect();
        for slot in slots {
            self.close_if_idle(slot, Retirement::ShutDown, now, after);
        }
        for lane in self.all_lanes() {
            self.cancel_surplus(lane, after);
        }
        after.take_connections()
    }

    /// Fails whoever still waits and cancels whatever is still dialled.
    pub(crate) fn give_up(&mut self, now: Moment, after: &mut After<K, T, H>) {
        self.service = Service::Nobody;
        for lane in self.all_lanes() {
            let last = Ticket(u64::MAX);
            self.fail_line(lane, last, &WaitError::ShutDown, after);
            // Nor does any dial make room for them.
            self.forget_need(lane);
        }
        // Nobody takes the room of those who have failed.
        for lane in self.all_lanes() {
            self.settle(lane, now, after);
            self.cancel_surplus(lane, after);
        }
    }

    /// Whether a pool that has been shut down has nothing left.
    pub(crate) fn is_drained(&self) -> bool {
        !self.is_open() && self.totals.waiting == 0 && self.totals.connections() == 0
    }

    pub(super) fn tell_if_drained(&self, after: &mut After<K, T, H>) {
        if self.is_drained() {
            after.push(Deed::TellDrained);
        }
    }

    fn all_lanes(&self) -> Vec<LaneIndex> {
        self.lanes.iter().map(|(index, _)| index).collect()
    }

    fn idle_of_key(&self, key: &Sought<'_, K>) -> Vec<SlotIndex> {
        let Some(place) = self.keys.find(key) else {
            return Vec::new();
        };
        let lanes = self.entries[place.entry].lanes.iter();
        lanes
            .flat_map(|lane| self.lanes[*lane].idle.oldest_first(&self.slots))
            .collect()
    }

    /// Closes an idle connection, or sees to it that it is closed when it comes back from being
    /// looked at. Tells whether it will be closed. The caller settles the lane, or forgets it.
    pub(super) fn part_with(
        &mut self,
        slot: SlotIndex,
        reason: Retirement,
        after: &mut After<K, T, H>,
    ) -> bool {
        match self.slots[slot].state {
            SlotState::Idle { .. } => self.evict(slot, reason, after),
            SlotState::Looked { .. } => self.doom(slot, reason),
            _ => return false,
        }
        true
    }

    /// Parts with a connection if it idles.
    fn close_if_idle(
        &mut self,
        slot: SlotIndex,
        reason: Retirement,
        now: Moment,
        after: &mut After<K, T, H>,
    ) -> bool {
        let Some(lane) = self.slots.get(slot).map(|slot| slot.lane) else {
            return false;
        };
        let is_closed = self.part_with(slot, reason, after);
        if is_closed {
            self.settle(lane, now, after);
        }
        is_closed
    }
}
