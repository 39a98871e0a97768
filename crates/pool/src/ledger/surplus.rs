//! Dials that nobody waits for: how long they may go on, and when they make room.

use std::collections::VecDeque;

use super::indices::{EntryIndex, HomeIndex, LaneIndex, SlotIndex};
use super::slot::SlotState;
use super::{After, Host, Ledger, Moment};
use crate::reusable::{Key, Reusable};

/// For each of a lane's dials that nobody waits for, since when that has been so.
#[derive(Debug, Default)]
#[expect(
    clippy::box_collection,
    reason = "mostly there is none, and then this takes 8 bytes of a lane instead of 32"
)]
pub(crate) struct Surplus(Option<Box<VecDeque<Moment>>>);

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// Brings a lane's surplus up to date: one date for each dial beyond the waiters.
    ///
    /// Which dial is surplus is decided only when one is cancelled (the youngest then), so a
    /// waiter more takes away the youngest date.
    pub(super) fn mark_surplus(
        &mut self,
        index: LaneIndex,
        now: Moment,
        after: &mut After<K, T, H>,
    ) {
        let Some(lane) = self.lanes.get(index) else {
            return;
        };
        let surplus = lane.dials.len().saturating_sub(lane.line.len()) as usize;
        if surplus == lane.surplus.len() {
            return;
        }
        let lane = &mut self.lanes[index];
        let home = &mut self.homes[lane.home];
        if let Some(first) = lane.surplus.first() {
            home.surplus.remove(&(first, index));
        }
        lane.surplus.resize(surplus, now);
        if let Some(first) = lane.surplus.first() {
            home.surplus.insert((first, index));
        }
        let home = lane.home;
        self.ensure_sweeper(home, after);
    }

    /// Cancels the dials of a runtime whose grace is over. Tells when the next one's will be.
    pub(crate) fn cancel_overdue(
        &mut self,
        home: HomeIndex,
        now: Moment,
        after: &mut After<K, T, H>,
    ) -> Option<Moment> {
        loop {
            let (since, lane) = *self.homes[home].surplus.first()?;
            let due = since.plus(self.policy.surplus_grace);
            if due > now {
                return Some(due);
            }
            self.cancel_youngest(lane, after);
        }
    }

    /// Cancels all dials that nobody waits for, whatever their grace.
    pub(super) fn cancel_surplus(&mut self, lane: LaneIndex, after: &mut After<K, T, H>) {
        while self
            .lanes
            .get(lane)
            .is_some_and(|it| !it.surplus.is_empty())
        {
            self.cancel_youngest(lane, after);
        }
    }

    /// A dial that is cancelled already, or else the youngest surplus one.
    pub(super) fn unwanted_dial(&self) -> Option<SlotIndex> {
        self.cancelled.oldest().or_else(|| {
            let homes = self.homes.iter();
            let surplus = homes.flat_map(|(_, home)| home.surplus.iter());
            self.youngest_surplus(surplus.map(|(_, lane)| *lane))
        })
    }

    /// The same among those of a key.
    pub(super) fn unwanted_dial_of_key(&self, entry: EntryIndex) -> Option<SlotIndex> {
        let mut cancelled = self.cancelled.oldest_first(&self.slots);
        let is_of_key = |slot: &SlotIndex| self.lanes[self.slots[*slot].lane].entry == entry;
        cancelled.find(is_of_key).or_else(|| {
            let lanes = self.entries[entry].lanes.iter().copied();
            self.youngest_surplus(lanes.filter(|lane| !self.lanes[*lane].surplus.is_empty()))
        })
    }

    /// Takes its slot from a dial that nobody waits for, whatever its grace.
    pub(super) fn give_up_dial(&mut self, slot: SlotIndex, after: &mut After<K, T, H>) {
        let index = self.slots[slot].lane;
        if let SlotState::Dialling(_) = self.slots[slot].state {
            // The youngest date goes, as if one more waited.
            let lane = &mut self.lanes[index];
            if let Some(youngest) = lane.surplus.pop_last()
                && lane.surplus.is_empty()
            {
                self.homes[lane.home].surplus.remove(&(youngest, index));
            }
            self.cancel_dial(slot, after);
        }
        self.strike_cancelled(slot, after);
    }

    fn youngest_surplus(&self, lanes: impl Iterator<Item = LaneIndex>) -> Option<SlotIndex> {
        lanes
            .filter_map(|lane| self.lanes[lane].dials.newest())
            .max_by_key(|slot| match &self.slots[*slot].state {
                SlotState::Dialling(dialling) => dialling.number,
                _ => 0,
            })
    }

    fn cancel_youngest(&mut self, index: LaneIndex, after: &mut After<K, T, H>) {
        let lane = &mut self.lanes[index];
        let home = &mut self.homes[lane.home];
        if let Some(first) = lane.surplus.pop_first() {
            home.surplus.remove(&(first, index));
        }
        if let Some(next) = lane.surplus.first() {
            home.surplus.insert((next, index));
        }
        if let Some(youngest) = lane.dials.newest() {
            self.cancel_dial(youngest, after);
        }
    }
}

impl Surplus {
    /// Takes the youngest dates away, or adds some that are `now`.
    fn resize(&mut self, len: usize, now: Moment) {
        self.0.get_or_insert_default().resize(len, now);
        self.give_back();
    }

    fn pop_first(&mut self) -> Option<Moment> {
        let first = self.0.as_mut()?.pop_front();
        self.give_back();
        first
    }

    fn pop_last(&mut self) -> Option<Moment> {
        let last = self.0.as_mut()?.pop_back();
        self.give_back();
        last
    }

    pub(super) fn first(&self) -> Option<Moment> {
        self.0.as_ref()?.front().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |dates| dates.len())
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn give_back(&mut self) {
        if self.is_empty() {
            self.0 = None;
        }
    }
}
