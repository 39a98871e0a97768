//! When a dial begins, and what its end means for those who wait.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::after::{Begin, Debris, Deed};
use super::indices::{DialId, EntryIndex, LaneIndex, SlotIndex, Ticket, WaiterIndex};
use super::line::{OwnDial, WaiterState, Want};
use super::room::Room;
use super::slot::{Dialling, Slot, SlotState, Source};
use super::{After, Host, Ledger, Moment, Now};
use crate::error::WaitError;
use crate::reusable::{Key, Reusable};
use crate::stats::Retirement;

/// How a dial ended without a connection.
#[derive(Debug)]
pub(crate) enum DialEnd<E> {
    Failed(Arc<E>),
    Panicked,
    Cancelled,
    RuntimeEnded,
}

/// Whether a dial is to go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DialState {
    Wanted,
    Cancelled,
}

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// Begins the dials that a lane needs, if nobody else needs any and there is room: so it is
    /// nearly always, and then nothing has to be noted. `false` if something may have to be.
    pub(super) fn meet_at_once(
        &mut self,
        lane: LaneIndex,
        entry: EntryIndex,
        after: &mut After<K, T, H>,
    ) -> bool {
        if !self.needs.is_empty() || self.entries[entry].lanes.len() > 1 {
            return false;
        }
        while self.need_of(lane).is_some() {
            if !self.has_room(entry) {
                return false;
            }
            self.begin_dial(lane, after);
        }
        true
    }

    /// Begins the dials that are needed, in the order of coming over all keys, as far as there is
    /// room.
    pub(super) fn begin_dials(&mut self, after: &mut After<K, T, H>) {
        while let Some(&(_, lane)) = self.needs.first() {
            match self.make_room(lane, after) {
                Room::Made => {
                    self.begin_dial(lane, after);
                    self.note_need(lane);
                }
                // Noted again when something changes for the key.
                Room::FullForKey => self.forget_need(lane),
                // Full for one is full for all.
                Room::FullInTotal => return,
            }
        }
    }

    /// Asked by a dial before it goes on; leaves a waker by which it is told of its cancellation.
    pub(crate) fn poll_dial(
        &mut self,
        dial: DialId,
        waker: &Waker,
        after: &mut After<K, T, H>,
    ) -> DialState {
        if !self.is_under_way(dial) {
            return DialState::Cancelled;
        }
        let SlotState::Dialling(dialling) = &mut self.slots[dial.slot].state else {
            return DialState::Cancelled;
        };
        let is_known = dialling
            .waker
            .as_ref()
            .is_some_and(|it| it.will_wake(waker));
        if !is_known {
            let former = dialling.waker.replace(waker.clone());
            if let Some(former) = former {
                after.discard(Debris::Waker(former));
            }
        }
        DialState::Wanted
    }

    /// A dial has made its connection: to the waiter who cannot do without it, else to the head of
    /// the line, else it idles.
    pub(crate) fn dialled(
        &mut self,
        dial: DialId,
        connection: T,
        idle_limit: Option<Duration>,
        now: Now,
        after: &mut After<K, T, H>,
    ) {
        if !self.is_under_way(dial) {
            return after.discard(Debris::Connection(connection));
        }
        let slot = dial.slot;
        let lane = self.slots[slot].lane;
        let dialling = self.unlink_dial(slot);
        let owner = dialling.and_then(|dialling| self.owner_in_line(dial, &dialling));
        let chance = self.next_chance();
        let lifetime = self.policy.lifetime_by(chance);
        let made = &mut self.slots[slot];
        made.born = now;
        made.served = now.mono;
        made.retires = lifetime.map_or(Moment::NEVER, |lifetime| now.mono.plus(lifetime));
        let recipient = owner
            .filter(|(_, want)| *want == Want::Fresh)
            .map(|(waiter, _)| waiter)
            .or_else(|| self.lanes[lane].line.oldest(&self.waiters));
        self.totals.dialling -= 1;
        if let Some(waiter) = recipient {
            self.deliver(waiter, slot, connection, Source::Dialled, now.mono, after);
        } else if self.is_open() && idle_limit != Some(Duration::ZERO) {
            self.lay_down(slot, connection, idle_limit, after);
        } else {
            after.discard(Debris::Connection(connection));
            self.strike(slot);
            self.counters.closes.add(if self.is_open() {
                Retirement::IdleTimeout
            } else {
                Retirement::ShutDown
            });
        }
        self.settle(lane, now.mono, after);
    }

    /// A dial has ended without a connection; its slot comes back.
    pub(crate) fn dial_ended(
        &mut self,
        dial: DialId,
        end: DialEnd<T::Error>,
        now: Moment,
        after: &mut After<K, T, H>,
    ) {
        if !self.is_under_way(dial) {
            return;
        }
        let slot = dial.slot;
        let lane = self.slots[slot].lane;
        let dialling = self.unlink_dial(slot);
        let owner = dialling
            .as_deref()
            .and_then(|dialling| self.owner_in_line(dial, dialling))
            .map(|(waiter, _)| waiter);
        self.totals.dialling -= 1;
        self.strike(slot);
        match end {
            DialEnd::Cancelled => self.counters.dials_cancelled += 1,
            DialEnd::RuntimeEnded => {
                self.counters.dials_cancelled += 1;
                self.fail_line(lane, Ticket(u64::MAX), &WaitError::NoRuntime, after);
            }
            DialEnd::Panicked => {
                self.counters.dial_failures += 1;
                self.fail_uncovered(lane, owner, WaitError::DialPanicked, after);
            }
            DialEnd::Failed(cause) => {
                self.counters.dial_failures += 1;
                let error = WaitError::Dial(cause);
                self.fail_uncovered(lane, owner, error.clone(), after);
                if let Some(dialling) = dialling
                    && !self.has_prospects(lane)
                {
                    self.fail_line(lane, dialling.begun, &error, after);
                }
            }
        }
        self.settle(lane, now, after);
    }

    /// Tells a dial that nobody wants it. Its slot comes back once it has really ended.
    pub(super) fn cancel_dial(&mut self, slot: SlotIndex, after: &mut After<K, T, H>) {
        let Some(dialling) = self.unlink_dial(slot) else {
            return;
        };
        let cancelled = &mut self.slots[slot];
        cancelled.state = SlotState::Cancelled(dialling.number);
        self.lanes[cancelled.lane].cancelled += 1;
        self.cancelled.push(&mut self.slots, slot);
        if let Some(waker) = dialling.waker {
            after.push(Deed::Wake(waker));
        }
    }

    /// Takes the slot from a cancelled dial, which has not ended yet, for somebody who waits for
    /// room.
    ///
    /// Its task hears of it when its runtime gets to it; that may sleep for long. So one socket
    /// more than the limit may be about to be opened for as long as that takes, in which it can
    /// serve nobody: better than that nobody else is served so long. Where the runtime is awake it
    /// ends about when the next dial begins.
    pub(super) fn strike_cancelled(&mut self, slot: SlotIndex, after: &mut After<K, T, H>) {
        let lane = self.slots[slot].lane;
        self.unlink_dial(slot);
        self.totals.dialling -= 1;
        self.strike(slot);
        self.counters.dials_cancelled += 1;
        self.forget_if_empty(lane, after);
    }

    /// Whether a dial has its slot still.
    pub(super) fn is_under_way(&self, dial: DialId) -> bool {
        let slot = self.slots.get(dial.slot);
        slot.is_some_and(|slot| slot.is_of_dial(dial.number))
    }

    /// Fails everybody in a lane who came before a ticket. The caller settles the lane.
    pub(super) fn fail_line(
        &mut self,
        lane: LaneIndex,
        before: Ticket,
        error: &WaitError<T::Error>,
        after: &mut After<K, T, H>,
    ) {
        for waiter in self.lanes[lane].line.before(&self.waiters, before) {
            self.fail(waiter, error.clone(), after);
        }
    }

    fn begin_dial(&mut self, index: LaneIndex, after: &mut After<K, T, H>) {
        let lane = &mut self.lanes[index];
        let Some(waiter) = lane.line.pass(&self.waiters) else {
            return;
        };
        let WaiterState::Waiting(waiting) = &mut self.waiters[waiter].state else {
            return;
        };
        self.counters.dials += 1;
        let number = self.counters.dials;
        let dialling = Dialling {
            number,
            owner: waiter,
            begun: Ticket(self.next_ticket + 1),
            waker: None,
        };
        let slot = self.slots.insert(Slot::dialling(index, dialling));
        let id = DialId { slot, number };
        let OwnDial::Ahead(dial) = std::mem::replace(&mut waiting.dial, OwnDial::Begun(id)) else {
            return;
        };
        lane.slots += 1;
        lane.dials.push(&mut self.slots, slot);
        let runtime = self.homes[lane.home].runtime.clone();
        self.note_whether_stranded(index);
        self.totals.dialling += 1;
        after.push(Deed::Dial(Begin { id, runtime, dial }));
    }

    /// Takes a dial's slot out of its lane's dials, or out of the cancelled ones: `None` then.
    fn unlink_dial(&mut self, index: SlotIndex) -> Option<Box<Dialling>> {
        let slot = &mut self.slots[index];
        let lane = &mut self.lanes[slot.lane];
        match std::mem::replace(&mut slot.state, SlotState::Cancelled(0)) {
            SlotState::Dialling(dialling) => {
                lane.dials.unlink(&mut self.slots, index);
                Some(dialling)
            }
            _ => {
                lane.cancelled -= 1;
                self.cancelled.unlink(&mut self.slots, index);
                None
            }
        }
    }

    /// Lets one waiter fail if more have dialled than dials are under way: the one whose dial it
    /// was, or, if that one has been served by another's, the first of those who have dialled.
    fn fail_uncovered(
        &mut self,
        lane: LaneIndex,
        owner: Option<WaiterIndex>,
        error: WaitError<T::Error>,
        after: &mut After<K, T, H>,
    ) {
        let line = &self.lanes[lane].line;
        if line.attempted() <= self.lanes[lane].dials.len() {
            return;
        }
        // Those who have dialled are the first of the line.
        if let Some(waiter) = owner.or_else(|| line.oldest(&self.waiters)) {
            self.fail(waiter, error, after);
        }
    }

    /// Whose dial it is, and what that one wants, if it waits still.
    fn owner_in_line(&self, dial: DialId, dialling: &Dialling) -> Option<(WaiterIndex, Want)> {
        match &self.waiters.get(dialling.owner)?.state {
            WaiterState::Waiting(waiting) if waiting.dial.begun() == Some(dial) => {
                Some((dialling.owner, waiting.want))
            }
            _ => None,
        }
    }

    /// Whether somebody who waits in a lane may still be served without a dial of its own.
    fn has_prospects(&self, lane: LaneIndex) -> bool {
        let lane = &self.lanes[lane];
        !lane.dials.is_empty() || lane.lent() > 0 || lane.looked > 0
    }
}

impl<E> DialEnd<E> {
    /// For the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
            Self::RuntimeEnded => "runtime ended",
        }
    }
}
