//! Dials that nobody waits for: how long they may go on.

use std::collections::VecDeque;

use super::entry::{HomeIndex, LaneIndex};
use super::slab::SMALL;
use super::{After, Host, Ledger, Moment};
use crate::reusable::{Key, Reusable};

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// Brings a lane's surplus up to date: one date for each dial beyond the waiters.
    ///
    /// Which dial is surplus is decided only when one is cancelled (the youngest then), so a
    /// waiter more takes away the youngest date.
    pub(super) fn mark_surplus(&mut self, index: LaneIndex, now: Moment, after: &mut After<T, H>) {
        let Some(lane) = self.lanes.get(index) else {
            return;
        };
        let surplus = lane.dials.len().saturating_sub(lane.line.len()) as usize;
        if surplus == lane.surplus.len() {
            return;
        }
        let lane = &mut self.lanes[index];
        let home = &mut self.homes[lane.home];
        if let Some(first) = lane.surplus.front() {
            home.surplus.remove(&(*first, index));
        }
        lane.surplus.resize(surplus, now);
        if surplus == 0 && lane.surplus.capacity() > SMALL {
            lane.surplus = VecDeque::new();
        }
        if let Some(first) = lane.surplus.front() {
            home.surplus.insert((*first, index));
        }
        let home = lane.home;
        self.ensure_sweeper(home, after);
    }

    /// Cancels the dials of a runtime whose grace is over. Tells when the next one's will be.
    pub(crate) fn cancel_overdue(
        &mut self,
        home: HomeIndex,
        now: Moment,
        after: &mut After<T, H>,
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
    pub(super) fn cancel_surplus(&mut self, lane: LaneIndex, after: &mut After<T, H>) {
        while self
            .lanes
            .get(lane)
            .is_some_and(|it| !it.surplus.is_empty())
        {
            self.cancel_youngest(lane, after);
        }
    }

    fn cancel_youngest(&mut self, index: LaneIndex, after: &mut After<T, H>) {
        let lane = &mut self.lanes[index];
        let home = &mut self.homes[lane.home];
        if let Some(first) = lane.surplus.pop_front() {
            home.surplus.remove(&(first, index));
        }
        if let Some(next) = lane.surplus.front() {
            home.surplus.insert((*next, index));
        }
        if let Some(youngest) = lane.dials.newest() {
            self.cancel_dial(youngest, after);
        }
    }
}
