//! The line of a lane: who waits for a connection, in the order of coming.

use std::task::Waker;

use super::indices::{DialId, LaneIndex, OfWaiters, Ticket, WaiterIndex};
use super::list::{Chained, Links, List};
use super::moment::Moment;
use super::slab::Slab;
use super::slot::Taken;
use crate::error::WaitError;
use crate::reusable::Reusable;

/// The chain of a line.
#[derive(Debug)]
pub(crate) struct InLine;

pub(crate) struct Waiter<T: Reusable, D> {
    pub(crate) ticket: Ticket,
    pub(crate) since: Moment,
    pub(crate) waker: Option<Waker>,
    pub(crate) state: WaiterState<T, D>,
    links: Links<OfWaiters>,
}

pub(crate) enum WaiterState<T: Reusable, D> {
    /// Stands in its lane's line.
    Waiting(Waiting<D>),
    /// Has been given a connection that it has not fetched yet.
    Delivered(Taken<T>),
    /// Has been given an error that it has not fetched yet.
    Failed(WaitError<T::Error>),
}

pub(crate) struct Waiting<D> {
    pub(crate) lane: LaneIndex,
    pub(crate) want: Want,
    pub(crate) dial: OwnDial<D>,
}

/// The dial of a waiter.
pub(crate) enum OwnDial<D> {
    Ahead(D),
    /// And perhaps ended: what came of it went to another then.
    Begun(DialId),
}

/// Which connections a request takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Want {
    /// Any.
    Any,
    /// Only one straight from its dial, as a retry does that must not meet another stale one.
    Fresh,
}

/// The waiters of a lane, in two lists, so that finding the first who takes a used connection
/// does not pass those who do not.
///
/// Dials are begun in the order of coming. Those whose dial has begun are therefore always the
/// first of the line, and each list's mark stands at the first whose dial has not.
///
/// Who takes a used connection is asked for whenever one is taken back, hence the order.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Line {
    any: List<InLine, OfWaiters>,
    fresh: List<InLine, OfWaiters>,
    attempted: u32,
}

impl Line {
    pub(crate) const fn new() -> Self {
        Self {
            any: List::new(),
            fresh: List::new(),
            attempted: 0,
        }
    }

    /// Puts a waiter, whose dial has not begun, in the place that its ticket gives it.
    ///
    /// If that is among those whose dial has begun, it becomes one of them; the last of these, who
    /// is none any more, is returned. The two have to exchange their dials.
    pub(crate) fn add<T: Reusable, D>(
        &mut self,
        waiters: &mut Slab<OfWaiters, Waiter<T, D>>,
        index: WaiterIndex,
        want: Want,
    ) -> Option<WaiterIndex> {
        let ticket = waiters[index].ticket;
        let is_later = |it: &WaiterIndex| waiters[*it].ticket > ticket;
        let ousted = self.last_attempted(waiters).filter(|(it, _)| is_later(it));
        let list = self.list_mut(want);
        let newer = first_later(list, waiters, ticket);
        let is_next = list.mark() == newer;
        list.insert(waiters, index, newer);
        let Some((ousted, want)) = ousted else {
            if is_next {
                list.put_mark(index);
            }
            return None;
        };
        self.list_mut(want).put_mark(ousted);
        Some(ousted)
    }

    /// Takes a waiter out, wherever it stands.
    pub(crate) fn unlink<T: Reusable, D>(
        &mut self,
        waiters: &mut Slab<OfWaiters, Waiter<T, D>>,
        index: WaiterIndex,
    ) {
        let WaiterState::Waiting(waiting) = &waiters[index].state else {
            return;
        };
        self.attempted -= u32::from(waiting.dial.begun().is_some());
        self.list_mut(waiting.want).unlink(waiters, index);
    }

    /// Passes the mark over the next waiter to dial; its dial counts as begun from here on.
    pub(crate) fn pass<T: Reusable, D>(
        &mut self,
        waiters: &Slab<OfWaiters, Waiter<T, D>>,
    ) -> Option<WaiterIndex> {
        let (_, want) = self.next_to_dial(waiters)?;
        self.attempted += 1;
        self.list_mut(want).pass(waiters)
    }

    /// Who dials next, and what that waiter wants.
    pub(crate) fn next_to_dial<T: Reusable, D>(
        &self,
        waiters: &Slab<OfWaiters, Waiter<T, D>>,
    ) -> Option<(Ticket, Want)> {
        let marked = |list: &List<InLine, OfWaiters>| list.mark().map(|it| waiters[it].ticket);
        let any = marked(&self.any).map(|ticket| (ticket, Want::Any));
        let fresh = marked(&self.fresh).map(|ticket| (ticket, Want::Fresh));
        [any, fresh]
            .into_iter()
            .flatten()
            .min_by_key(|(ticket, _)| *ticket)
    }

    /// The head of the line.
    pub(crate) fn oldest<T: Reusable, D>(
        &self,
        waiters: &Slab<OfWaiters, Waiter<T, D>>,
    ) -> Option<WaiterIndex> {
        [self.any.oldest(), self.fresh.oldest()]
            .into_iter()
            .flatten()
            .min_by_key(|index| waiters[*index].ticket)
    }

    /// The first who takes a used connection.
    pub(crate) fn oldest_for_any(&self) -> Option<WaiterIndex> {
        self.any.oldest()
    }

    /// Everybody who came before `ticket`.
    pub(crate) fn before<T: Reusable, D>(
        &self,
        waiters: &Slab<OfWaiters, Waiter<T, D>>,
        ticket: Ticket,
    ) -> Vec<WaiterIndex> {
        let mut before: Vec<_> = [&self.any, &self.fresh]
            .into_iter()
            .flat_map(|list| list.oldest_first(waiters))
            .filter(|index| waiters[*index].ticket < ticket)
            .collect();
        before.sort_unstable_by_key(|index| waiters[*index].ticket);
        before
    }

    /// How many waiters' dials have begun.
    pub(crate) fn attempted(&self) -> u32 {
        self.attempted
    }

    /// How many take a used connection.
    pub(crate) fn len_for_any(&self) -> u32 {
        self.any.len()
    }

    pub(crate) fn len(&self) -> u32 {
        self.any.len() + self.fresh.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last of those whose dial has begun, and what that one wants.
    fn last_attempted<T: Reusable, D>(
        &self,
        waiters: &Slab<OfWaiters, Waiter<T, D>>,
    ) -> Option<(WaiterIndex, Want)> {
        let any = self.any.last_passed(waiters).map(|it| (it, Want::Any));
        let fresh = self.fresh.last_passed(waiters).map(|it| (it, Want::Fresh));
        [any, fresh]
            .into_iter()
            .flatten()
            .max_by_key(|(index, _)| waiters[*index].ticket)
    }

    fn list_mut(&mut self, want: Want) -> &mut List<InLine, OfWaiters> {
        match want {
            Want::Any => &mut self.any,
            Want::Fresh => &mut self.fresh,
        }
    }
}

/// The first in a list with a later ticket. Nearly everybody comes last; those who come back have
/// early tickets, and do so more or less in the order of coming, or from the last to the first, many
/// at a time where a server restarts. So it is looked for from both ends at once.
fn first_later<T: Reusable, D>(
    list: &List<InLine, OfWaiters>,
    waiters: &Slab<OfWaiters, Waiter<T, D>>,
    ticket: Ticket,
) -> Option<WaiterIndex> {
    let is_later = |it: WaiterIndex| waiters[it].ticket > ticket;
    let mut later = None;
    let from_newest = list.newest_first(waiters);
    for (new, old) in from_newest.zip(list.oldest_first(waiters)) {
        if !is_later(new) {
            return later;
        }
        if is_later(old) {
            return Some(old);
        }
        later = Some(new);
    }
    later
}

impl<D> OwnDial<D> {
    pub(crate) fn begun(&self) -> Option<DialId> {
        match self {
            Self::Ahead(_) => None,
            Self::Begun(dial) => Some(*dial),
        }
    }
}

impl<T: Reusable, D> Waiter<T, D> {
    pub(crate) fn new(ticket: Ticket, since: Moment, waiting: Waiting<D>) -> Self {
        Self {
            ticket,
            since,
            waker: None,
            state: WaiterState::Waiting(waiting),
            links: Links::default(),
        }
    }
}

impl<T: Reusable, D> Chained<InLine, OfWaiters> for Waiter<T, D> {
    fn links(&self) -> &Links<OfWaiters> {
        &self.links
    }

    fn links_mut(&mut self) -> &mut Links<OfWaiters> {
        &mut self.links
    }
}
