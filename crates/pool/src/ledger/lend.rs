//! Lending a connection and taking it back.

use std::borrow::Borrow;
use std::time::Duration;

use super::after::Debris;
use super::indices::{LaneIndex, SlotIndex, Ticket};
use super::slot::{Slot, SlotState, Source, Taken};
use super::{After, Host, Ledger, Moment, Now, Sought};
use crate::reusable::{Key, Reusable};
use crate::stats::Retirement;

/// What is known of a lent connection.
#[derive(Debug)]
pub(crate) struct LentFacts<K, R> {
    pub(crate) key: K,
    pub(crate) born: Moment,
    pub(crate) uses: u64,
    pub(crate) runtime: R,
}

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// The most recently used idle connection of a key on a runtime.
    #[inline]
    pub(crate) fn take_idle<Q>(
        &mut self,
        key: &Sought<'_, Q>,
        runtime: H::Id,
        now: Now,
        after: &mut After<K, T, H>,
    ) -> Option<Taken<T>>
    where
        K: Borrow<Q>,
        Q: ?Sized + Eq,
    {
        let place = *self.keys.find(key)?;
        let lane = self.lane_at(place, runtime)?;
        let ticket = self.next_ticket();
        let taken = self.pop_idle(lane, ticket, now, after);
        // Else nothing follows: nobody waits for the room of an idle connection, expired or not.
        if taken.is_none() {
            self.settle(lane, now.mono, after);
        }
        taken
    }

    /// Takes a connection back after use: to the first who waits for it, else it idles, unless it
    /// has come to its end. `idle_limit` is how long its peer keeps it.
    #[inline]
    pub(crate) fn give_back(
        &mut self,
        slot: SlotIndex,
        connection: T,
        idle_limit: Option<Duration>,
        now: Moment,
        after: &mut After<K, T, H>,
    ) {
        self.slots[slot].served = now;
        self.take_back(slot, connection, idle_limit, now, after);
    }

    /// Takes a connection back that was lent, but never used.
    pub(crate) fn give_back_unused(
        &mut self,
        slot: SlotIndex,
        connection: T,
        idle_limit: Option<Duration>,
        now: Moment,
        after: &mut After<K, T, H>,
    ) {
        self.slots[slot].uses -= 1;
        self.take_back(slot, connection, idle_limit, now, after);
    }

    /// A lent connection has been closed by its holder.
    pub(crate) fn closed(
        &mut self,
        slot: SlotIndex,
        reason: Retirement,
        now: Moment,
        after: &mut After<K, T, H>,
    ) {
        let lane = self.slots[slot].lane;
        self.retire(slot, reason);
        self.settle(lane, now, after);
    }

    pub(crate) fn facts(&self, slot: SlotIndex) -> LentFacts<K, H::Runtime> {
        let slot = &self.slots[slot];
        let lane = &self.lanes[slot.lane];
        LentFacts {
            key: self.entries[lane.entry].key.clone(),
            born: slot.born.mono,
            uses: slot.uses.into(),
            runtime: self.homes[lane.home].runtime.clone(),
        }
    }

    /// Does what follows from a change in a lane: dates surplus dials, begins those that are
    /// needed, forgets the lane if it is empty.
    pub(super) fn settle(&mut self, index: LaneIndex, now: Moment, after: &mut After<K, T, H>) {
        // First, as making room for a dial may forget the lane.
        self.mark_surplus(index, now, after);
        if let Some(lane) = self.lanes.get(index)
            && (self.totals.waiting > 0 || lane.need.is_some())
        {
            let entry = lane.entry;
            if !self.meet_at_once(index, entry, after) {
                self.note_needs(entry);
            }
        }
        if !self.needs.is_empty() {
            self.begin_dials(after);
        }
        self.forget_if_empty(index, after);
        self.tell_if_drained(after);
    }

    /// Lends the idle slot used last, after closing those whose time is over. The caller settles
    /// the lane.
    #[inline]
    pub(super) fn pop_idle(
        &mut self,
        lane: LaneIndex,
        ticket: Ticket,
        now: Now,
        after: &mut After<K, T, H>,
    ) -> Option<Taken<T>> {
        loop {
            let idle = &self.lanes[lane].idle;
            let newest = idle.pick_newest(&self.slots, |slot| match slot.state {
                SlotState::Idle { until, .. } => Some((slot.served, slot.fate(until, now))),
                _ => None,
            });
            let (slot, (served, fate)) = newest?;
            if let Some(reason) = fate {
                self.evict(slot, reason, after);
                continue;
            }
            let connection = self.take_up(slot)?;
            let source = Source::Idle {
                idle_for: now.mono.since(served),
            };
            return Some(self.lend(slot, ticket, connection, source));
        }
    }

    /// Counts a slot, that stands nowhere, as lent.
    #[inline]
    pub(super) fn lend(
        &mut self,
        slot: SlotIndex,
        ticket: Ticket,
        connection: T,
        source: Source,
    ) -> Taken<T> {
        let lent = &mut self.slots[slot];
        lent.state = SlotState::Lent(ticket);
        lent.uses = lent.uses.saturating_add(1);
        self.totals.lent += 1;
        match source {
            Source::Idle { .. } => self.counters.reuses += 1,
            Source::HandedOn => self.counters.handed_on += 1,
            Source::Dialled => {}
        }
        Taken {
            slot,
            connection,
            source,
        }
    }

    /// Makes a slot, that stands nowhere, idle since it last served; the oldest idle one goes if
    /// there are too many.
    #[inline]
    pub(super) fn lay_down(
        &mut self,
        index: SlotIndex,
        connection: T,
        idle_limit: Option<Duration>,
        after: &mut After<K, T, H>,
    ) {
        let slot = &mut self.slots[index];
        let since = slot.served;
        let until =
            |limit: Option<Duration>| limit.map_or(Moment::NEVER, |limit| since.plus(limit));
        slot.state = SlotState::Idle {
            connection,
            until: until(self.policy.idle_timeout).min(until(idle_limit)),
        };
        let lane = slot.lane;
        let here = &mut self.lanes[lane];
        let home = &mut self.homes[here.home];
        here.idle.push(&mut self.slots, index);
        home.idle.push(&mut self.slots, index);
        let home = here.home;
        self.totals.idle += 1;
        self.ensure_sweeper(home, after);
        self.trim_idle(lane, after);
    }

    /// Takes an idle slot out of the idle set; `None` if its connection is not there to take.
    #[inline]
    pub(super) fn take_up(&mut self, slot: SlotIndex) -> Option<T> {
        let idle = &mut self.slots[slot];
        let connection = idle.take_up()?;
        let lane = idle.lane;
        self.unlink_idle(lane, slot);
        Some(connection)
    }

    /// Takes a slot out of the lists of idle ones and out of their count.
    #[inline]
    pub(super) fn unlink_idle(&mut self, lane: LaneIndex, slot: SlotIndex) {
        let here = &mut self.lanes[lane];
        here.idle.unlink(&mut self.slots, slot);
        self.homes[here.home].idle.unlink(&mut self.slots, slot);
        self.totals.idle -= 1;
    }

    /// Closes an idle connection. The caller settles the lane, or forgets it.
    ///
    /// Its slot is free at once, while the connection is dropped after unlocking: before any dial
    /// that begins in the same step, but perhaps a moment after one that another thread begins in
    /// between. Then one socket more than the limit exists for as long as a drop takes. To keep the
    /// slot until then would need a count of those that are leaving, and a second lock for each,
    /// and would not show at the peer, which learns of a close later than of a connection anyway.
    /// A lease is different: what its holder closes has been dropped before its slot is free.
    pub(super) fn evict(
        &mut self,
        slot: SlotIndex,
        reason: Retirement,
        after: &mut After<K, T, H>,
    ) {
        if let Some(connection) = self.take_up(slot) {
            after.discard(Debris::Connection(connection));
            self.strike(slot);
            self.counters.closes.add(reason);
        }
    }

    /// Counts a lent slot's connection as closed and strikes the slot.
    pub(super) fn retire(&mut self, slot: SlotIndex, reason: Retirement) {
        self.totals.lent -= 1;
        self.strike(slot);
        self.counters.closes.add(reason);
    }

    /// Removes a slot that stands nowhere.
    pub(super) fn strike(&mut self, slot: SlotIndex) {
        if let Some(struck) = self.slots.remove(slot) {
            self.lanes[struck.lane].slots -= 1;
            self.note_whether_stranded(struck.lane);
        }
    }

    #[inline]
    fn take_back(
        &mut self,
        slot: SlotIndex,
        connection: T,
        idle_limit: Option<Duration>,
        now: Moment,
        after: &mut After<K, T, H>,
    ) {
        let (lane, fate) = {
            let slot = &self.slots[slot];
            (slot.lane, self.fate_at_return(slot, idle_limit, now))
        };
        let waiter = self.lanes[lane].line.oldest_for_any();
        if let Some(reason) = fate {
            after.discard(Debris::Connection(connection));
            self.retire(slot, reason);
        } else if waiter.is_some() && self.is_beyond_limit(self.lanes[lane].entry) {
            after.discard(Debris::Connection(connection));
            self.retire(slot, Retirement::OverLimit);
        } else if waiter.is_some_and(|waiter| self.owes_room(lane, waiter)) {
            after.discard(Debris::Connection(connection));
            self.retire(slot, Retirement::MadeRoom);
        } else if let Some(waiter) = waiter {
            self.deliver(waiter, slot, connection, Source::HandedOn, now, after);
        } else if !self.is_open() {
            after.discard(Debris::Connection(connection));
            self.retire(slot, Retirement::ShutDown);
        } else {
            self.totals.lent -= 1;
            self.lay_down(slot, connection, idle_limit, after);
            if self.totals.waiting == 0 && after.is_empty() {
                // Nobody is served by it and nothing had to make room: nothing follows.
                return;
            }
        }
        self.settle(lane, now, after);
    }

    /// Why a returned connection is neither handed on nor kept, if so.
    #[inline]
    fn fate_at_return(
        &self,
        slot: &Slot<T>,
        idle_limit: Option<Duration>,
        now: Moment,
    ) -> Option<Retirement> {
        let max_uses = self.policy.max_uses;
        if slot.is_too_old(now) {
            Some(Retirement::Lifetime)
        } else if max_uses.is_some_and(|max| u64::from(slot.uses) >= max.max(1)) {
            Some(Retirement::MaxUses)
        } else if idle_limit.is_some_and(|limit| slot.served.plus(limit) <= now) {
            Some(Retirement::IdleTimeout)
        } else {
            None
        }
    }
}
