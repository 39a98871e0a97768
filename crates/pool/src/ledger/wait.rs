//! Joining a line, being served, leaving it.

use std::task::{Poll, Waker};

use super::after::{Debris, Deed};
use super::entry::Address;
use super::indices::{LaneIndex, SlotIndex, Ticket, WaiterIndex};
use super::line::{OwnDial, Waiter, WaiterState, Waiting, Want};
use super::slot::{SlotState, Source, Taken};
use super::{After, Host, Ledger, Moment, Now, Service};
use crate::error::WaitError;
use crate::reusable::{Key, Reusable};
use crate::stats::Retirement;

/// A request for a connection.
pub(crate) struct Asking<K, H: Host> {
    pub(crate) address: Address<K, H>,
    pub(crate) want: Want,
    pub(crate) dial: H::Dial,
}

/// A request for another connection than the one that was given.
pub(crate) struct AskingAgain<D> {
    pub(crate) reason: Retirement,
    pub(crate) want: Want,
    pub(crate) dial: D,
}

/// What became of it.
pub(crate) enum Joined<T: Reusable> {
    Served(Taken<T>),
    Waiting(WaiterIndex),
    Refused(WaitError<T::Error>),
}

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// Joins the line of a key, unless an idle connection serves at once or the line is full.
    pub(crate) fn join(
        &mut self,
        asking: Asking<K, H>,
        now: Now,
        after: &mut After<K, T, H>,
    ) -> Joined<T> {
        if !self.is_open() {
            after.discard(Debris::Dial(asking.dial));
            asking.address.discard(after);
            return Joined::Refused(WaitError::ShutDown);
        }
        let limits = asking.address.limits;
        let lane = self.lane_for(asking.address, after);
        let ticket = self.next_ticket();
        let joined = self.enter(lane, ticket, asking.want, asking.dial, now, after);
        if let Joined::Waiting(waiter) = joined
            && self.is_beyond_the_line(waiter)
        {
            let limit = limits.max_waiting;
            self.counters.waits_refused += 1;
            self.step_out(waiter);
            let refused = self.waiters.remove(waiter);
            if let Some(WaiterState::Waiting(waiting)) = refused.map(|it| it.state) {
                waiting.dial.discard(after);
            }
            self.settle(lane, now.mono, after);
            return Joined::Refused(WaitError::LineFull { limit });
        }
        joined
    }

    /// A lent connection has been closed by its holder, who wants another in the place that it
    /// had in the line. It has been admitted once: neither a full line nor the beginning of a
    /// shutdown refuses it.
    pub(crate) fn join_again(
        &mut self,
        slot: SlotIndex,
        asking: AskingAgain<H::Dial>,
        now: Now,
        after: &mut After<K, T, H>,
    ) -> Joined<T> {
        let lane = self.slots[slot].lane;
        let ticket = match self.slots[slot].state {
            SlotState::Lent(ticket) => ticket,
            _ => self.next_ticket(),
        };
        self.retire(slot, asking.reason);
        if self.service == Service::Nobody {
            after.discard(Debris::Dial(asking.dial));
            self.settle(lane, now.mono, after);
            return Joined::Refused(WaitError::ShutDown);
        }
        self.enter(lane, ticket, asking.want, asking.dial, now, after)
    }

    /// Fetches what a waiter has been given, or leaves its waker. Once ready, the waiter is gone.
    pub(crate) fn poll_waiter(
        &mut self,
        index: WaiterIndex,
        waker: &Waker,
        after: &mut After<K, T, H>,
    ) -> Poll<Result<Taken<T>, WaitError<T::Error>>> {
        let waiter = &mut self.waiters[index];
        if let WaiterState::Waiting(_) = waiter.state {
            let is_known = waiter.waker.as_ref().is_some_and(|it| it.will_wake(waker));
            if !is_known {
                let former = waiter.waker.replace(waker.clone());
                if let Some(former) = former {
                    after.discard(Debris::Waker(former));
                }
            }
            return Poll::Pending;
        }
        match self.waiters.remove(index).map(|waiter| waiter.state) {
            Some(WaiterState::Delivered(taken)) => Poll::Ready(Ok(taken)),
            Some(WaiterState::Failed(error)) => Poll::Ready(Err(error)),
            Some(WaiterState::Waiting(_)) | None => Poll::Pending,
        }
    }

    /// Whether somebody waits for whom no dial has begun.
    pub(crate) fn is_held_back(&self, index: WaiterIndex) -> bool {
        matches!(&self.waiters[index].state, WaiterState::Waiting(waiting) if waiting.dial.begun().is_none())
    }

    /// Forgets a waiter. A connection that it has been given but has not fetched is returned here,
    /// for the caller to give back.
    pub(crate) fn leave(
        &mut self,
        index: WaiterIndex,
        now: Moment,
        after: &mut After<K, T, H>,
    ) -> Option<Taken<T>> {
        let lane = self.step_out(index);
        let waiter = self.waiters.remove(index)?;
        if let Some(waker) = waiter.waker {
            after.discard(Debris::Waker(waker));
        }
        if let Some(lane) = lane {
            self.counters.waits_given_up += 1;
            self.settle(lane, now, after);
        }
        match waiter.state {
            WaiterState::Delivered(taken) => Some(taken),
            WaiterState::Failed(error) => {
                after.discard(Debris::Error(error));
                None
            }
            WaiterState::Waiting(waiting) => {
                waiting.dial.discard(after);
                None
            }
        }
    }

    /// Gives a lent slot, or one that stands nowhere, to a waiter. The caller settles the lane.
    pub(super) fn deliver(
        &mut self,
        waiter: WaiterIndex,
        slot: SlotIndex,
        connection: T,
        source: Source,
        now: Moment,
        after: &mut After<K, T, H>,
    ) {
        if source == Source::HandedOn {
            self.totals.lent -= 1;
        }
        let ticket = self.waiters[waiter].ticket;
        let taken = self.lend(slot, ticket, connection, source);
        self.counters.waits += 1;
        let waited = now.since(self.waiters[waiter].since);
        self.counters.wait_time = self.counters.wait_time.saturating_add(waited);
        self.answer(waiter, WaiterState::Delivered(taken), after);
    }

    /// Lets a waiter fail. The caller settles the lane.
    pub(super) fn fail(
        &mut self,
        waiter: WaiterIndex,
        error: WaitError<T::Error>,
        after: &mut After<K, T, H>,
    ) {
        self.answer(waiter, WaiterState::Failed(error), after);
    }

    fn answer(
        &mut self,
        index: WaiterIndex,
        answer: WaiterState<T, H::Dial>,
        after: &mut After<K, T, H>,
    ) {
        self.step_out(index);
        let waiter = &mut self.waiters[index];
        if let Some(waker) = waiter.waker.take() {
            after.push(Deed::Wake(waker));
        }
        if let WaiterState::Waiting(waiting) = std::mem::replace(&mut waiter.state, answer) {
            waiting.dial.discard(after);
        }
    }

    /// Takes a waiter out of its line, if it stands in one.
    fn step_out(&mut self, index: WaiterIndex) -> Option<LaneIndex> {
        let WaiterState::Waiting(waiting) = &self.waiters[index].state else {
            return None;
        };
        let lane = waiting.lane;
        self.lanes[lane].line.unlink(&mut self.waiters, index);
        self.totals.waiting -= 1;
        Some(lane)
    }

    /// An idle connection at once, or a place in the line.
    fn enter(
        &mut self,
        lane: LaneIndex,
        ticket: Ticket,
        want: Want,
        dial: H::Dial,
        now: Now,
        after: &mut After<K, T, H>,
    ) -> Joined<T> {
        let taken = match want {
            Want::Any => self.pop_idle(lane, ticket, now, after),
            Want::Fresh => None,
        };
        let joined = match taken {
            Some(taken) => {
                after.discard(Debris::Dial(dial));
                Joined::Served(taken)
            }
            None => {
                let waiting = Waiting {
                    lane,
                    want,
                    dial: OwnDial::Ahead(dial),
                };
                Joined::Waiting(self.line_up(waiting, ticket, now.mono))
            }
        };
        self.settle(lane, now.mono, after);
        joined
    }

    fn line_up(&mut self, waiting: Waiting<H::Dial>, ticket: Ticket, now: Moment) -> WaiterIndex {
        let (lane, want) = (waiting.lane, waiting.want);
        let waiter = self.waiters.insert(Waiter::new(ticket, now, waiting));
        let ousted = self.lanes[lane].line.add(&mut self.waiters, waiter, want);
        self.totals.waiting += 1;
        if let Some(ousted) = ousted {
            self.exchange_dials(waiter, ousted);
        }
        waiter
    }

    /// Gives the dial that has begun for one waiter to another, and that one's, which has not, to
    /// the first. A dial makes the same connection, whoever's it is.
    fn exchange_dials(&mut self, heir: WaiterIndex, former: WaiterIndex) {
        let WaiterState::Waiting(waiting) = &self.waiters[former].state else {
            return;
        };
        let Some(begun) = waiting.dial.begun() else {
            return;
        };
        let WaiterState::Waiting(waiting) = &mut self.waiters[heir].state else {
            return;
        };
        let ahead = std::mem::replace(&mut waiting.dial, OwnDial::Begun(begun));
        if let WaiterState::Waiting(waiting) = &mut self.waiters[former].state {
            waiting.dial = ahead;
        }
        if self.is_under_way(begun)
            && let SlotState::Dialling(dialling) = &mut self.slots[begun.slot].state
        {
            dialling.owner = heir;
        }
    }

    /// Whether a waiter that has just come finds the line full. Who waits for a dial that is under
    /// way, or for a connection that is being looked at, is not counted, so that the line is one of
    /// those whom a limit holds back.
    fn is_beyond_the_line(&self, waiter: WaiterIndex) -> bool {
        let WaiterState::Waiting(waiting) = &self.waiters[waiter].state else {
            return false;
        };
        let entry = self.lanes[waiting.lane].entry;
        let counts = self.counts_in(entry);
        let lanes = self.entries[entry].lanes.iter();
        let returning: usize = lanes.map(|lane| self.returning(*lane) as usize).sum();
        let held_back = counts.waiting.saturating_sub(counts.dialling + returning);
        waiting.dial.begun().is_none() && held_back > self.entries[entry].limits.max_waiting
    }

    pub(super) fn next_ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }
}

impl<D> OwnDial<D> {
    /// Leaves a dial that has not begun to be dropped outside the lock.
    fn discard<K, T: Reusable, H: Host<Dial = D>>(self, after: &mut After<K, T, H>) {
        if let Self::Ahead(dial) = self {
            after.discard(Debris::Dial(dial));
        }
    }
}
