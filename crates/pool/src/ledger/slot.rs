//! A slot: the right to have a connection, from the start of its dial to its close.

use std::task::Waker;
use std::time::Duration;

use super::indices::{LaneIndex, OfSlots, SlotIndex, Ticket, WaiterIndex};
use super::list::{Chained, Links};
use super::moment::{Moment, Now};
use crate::stats::Retirement;

/// The chain of a lane's idle slots, of its dials, or of all cancelled dials.
#[derive(Debug)]
pub(crate) struct InLane;

/// The chain of a runtime's idle slots.
#[derive(Debug)]
pub(crate) struct InHome;

#[derive(Debug)]
pub(crate) struct Slot<T> {
    pub(crate) lane: LaneIndex,
    pub(crate) state: SlotState<T>,
    /// When its connection was made.
    pub(crate) born: Now,
    /// When its connection last served, or was made. A lease that did not use it does not count, as
    /// its peer has not noticed.
    pub(crate) served: Moment,
    /// When it is too old to be lent again.
    pub(crate) retires: Moment,
    pub(crate) uses: u32,
    in_lane: Links<OfSlots>,
    in_home: Links<OfSlots>,
}

#[derive(Debug)]
pub(crate) enum SlotState<T> {
    /// Stands among its lane's dials. Boxed, as a slot is lent for longer than it is dialled.
    Dialling(Box<Dialling>),
    /// A dial, by its number, that nobody wants any more and that has been told so.
    Cancelled(u64),
    /// With the place in the line that its holder has, or had.
    Lent(Ticket),
    /// Stands among its lane's and its home's idle slots, and so do the two below.
    Idle { connection: T, until: Moment },
    /// Somebody looks at the connection outside the lock, and brings it back.
    Looked { until: Moment },
    /// Somebody looks at it, and it is to be closed when it comes back.
    Doomed(Retirement),
}

#[derive(Debug)]
pub(crate) struct Dialling {
    /// In the order of their beginning, over all lanes.
    pub(crate) number: u64,
    /// Whose dial it is, if that waiter has it for its own. Else the owner has been served by
    /// another, and whoever stands there now has come since, or has come back.
    pub(crate) owner: WaiterIndex,
    /// Waiters with an earlier ticket were there when it began.
    pub(crate) begun: Ticket,
    /// Wakes the dial to tell it that it has been cancelled.
    pub(crate) waker: Option<Waker>,
}

/// A connection that has been lent: from now on its holder answers for the slot.
#[derive(Debug)]
pub(crate) struct Taken<T> {
    pub(crate) slot: SlotIndex,
    pub(crate) connection: T,
    pub(crate) source: Source,
}

/// Where a lent connection came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// From the idle set.
    Idle {
        /// How long it had idled: since it last served, or was made.
        idle_for: Duration,
    },
    /// Straight from another request that had done with it.
    HandedOn,
    /// Straight from its dial.
    Dialled,
}

impl<T> Slot<T> {
    pub(crate) fn dialling(lane: LaneIndex, dialling: Dialling) -> Self {
        Self {
            lane,
            state: SlotState::Dialling(Box::new(dialling)),
            // These three are set when the connection is made.
            born: Now::START,
            served: Now::START.mono,
            retires: Moment::NEVER,
            uses: 0,
            in_lane: Links::default(),
            in_home: Links::default(),
        }
    }

    /// Takes the connection out of an idle slot that nobody looks at, and leaves the slot lent, to
    /// whom is still to be said.
    #[inline]
    pub(crate) fn take_up(&mut self) -> Option<T> {
        let SlotState::Idle { .. } = self.state else {
            return None;
        };
        match std::mem::replace(&mut self.state, SlotState::Lent(Ticket::default())) {
            SlotState::Idle { connection, .. } => Some(connection),
            _ => None,
        }
    }

    /// Why it must not be lent any more, if so. It idles, and may until a moment.
    #[inline]
    pub(crate) fn fate(&self, until: Moment, now: Now) -> Option<Retirement> {
        if until <= now.mono {
            Some(Retirement::IdleTimeout)
        } else if self.is_too_old(now.mono) {
            Some(Retirement::Lifetime)
        } else if now.lead.has_grown_since(self.born.lead) {
            Some(Retirement::Suspended)
        } else {
            None
        }
    }

    /// Whether it is still the slot of a dial.
    pub(crate) fn is_of_dial(&self, number: u64) -> bool {
        match &self.state {
            SlotState::Dialling(dialling) => dialling.number == number,
            SlotState::Cancelled(cancelled) => *cancelled == number,
            _ => false,
        }
    }

    pub(crate) fn is_too_old(&self, now: Moment) -> bool {
        self.retires <= now
    }
}

impl<T> Chained<InLane, OfSlots> for Slot<T> {
    fn links(&self) -> &Links<OfSlots> {
        &self.in_lane
    }

    fn links_mut(&mut self) -> &mut Links<OfSlots> {
        &mut self.in_lane
    }
}

impl<T> Chained<InHome, OfSlots> for Slot<T> {
    fn links(&self) -> &Links<OfSlots> {
        &self.in_home
    }

    fn links_mut(&mut self) -> &mut Links<OfSlots> {
        &mut self.in_home
    }
}

#[cfg(test)]
mod tests {
    use super::super::slab::Slab;
    use super::*;

    /// A slot born at zero, which may idle until 60 s, retiring at 100 s.
    fn fate(mono: u64, wall: i64) -> Option<Retirement> {
        let second = |second| Moment::after_start(Duration::from_secs(second));
        let now = |mono, wall: i64| Now {
            mono: second(mono),
            lead: if wall < 0 {
                Moment::before_start(Duration::from_secs(wall.unsigned_abs()))
            } else {
                second(wall.unsigned_abs())
            }
            .lead_over(second(mono)),
        };
        let mut lanes: Slab<_, ()> = Slab::new();
        let mut waiters: Slab<_, ()> = Slab::new();
        let dialling = Dialling {
            number: 1,
            owner: waiters.insert(()),
            begun: Ticket::default(),
            waker: None,
        };
        let mut slot: Slot<()> = Slot::dialling(lanes.insert(()), dialling);
        slot.retires = second(100);
        slot.fate(second(60), now(mono, wall))
    }

    #[test]
    fn the_clocks_decide_whether_an_idle_slot_may_be_lent() {
        for (mono, wall, expected) in [
            (10, 10, None),
            (59, 59, None),
            (60, 60, Some(Retirement::IdleTimeout)),
            (100, 100, Some(Retirement::IdleTimeout)),
            // One second of skew is tolerated, more is a suspend.
            (20, 21, None),
            (20, 22, Some(Retirement::Suspended)),
            (20, 3_600, Some(Retirement::Suspended)),
            // A wall clock set back, before the birth even, is ignored.
            (20, 5, None),
            (20, -3_600, None),
        ] {
            assert_eq!(
                fate(mono, wall),
                expected,
                "at {mono} s, by the wall {wall} s"
            );
        }
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_slot_takes_a_cache_line_and_a_quarter() {
        assert_eq!(size_of::<Slot<Box<u8>>>(), 80);
    }
}
