//! Who needs a dial, and who makes room for it.

use super::{Conn, Lane, Reference, Waiter};
use crate::Retirement;
use crate::tests::stage::Station;

impl Reference {
    /// The position of the waiter that dials next, if there is one, with room made for it.
    pub(super) fn next_dial(&mut self) -> Option<usize> {
        let needy: Vec<_> = self
            .needy()
            .map(|(position, it)| (position, it.lane))
            .collect();
        let (waiter, lane) = needy.into_iter().find(|it| self.makes_room_in_key(it.1))?;
        if self.connections() >= self.rules.max_connections {
            match self.oldest_idle(lane) {
                Some(victim) => self.close_idle_one(victim, Retirement::MadeRoom),
                None if !self.gives_up_dial(|_| true) => return None,
                None => {}
            }
        }
        Some(waiter)
    }

    /// Closes the oldest idle connections beyond the limits, on behalf of a lane.
    pub(super) fn trim(&mut self, lane: Lane) {
        loop {
            let (counts, limits) = (self.counts_of(lane.0), self.limits(lane.0));
            let reason = if counts.idle > limits.max_idle {
                Retirement::OverIdleLimit
            } else if counts.connections() > limits.max_connections {
                Retirement::OverLimit
            } else {
                break;
            };
            let Some(victim) = self.oldest_idle_of_key(lane) else {
                break;
            };
            self.close_idle_one(victim, reason);
        }
        while self.idle.len() > self.rules.max_idle {
            let victim = self.oldest_idle(lane).expect("some idle");
            self.close_idle_one(victim, Retirement::OverIdleLimit);
        }
    }

    /// Whether a key has more than it may since its limit was lowered, counting one that was lent.
    pub(super) fn is_beyond_its_limit(&self, conn: &Conn) -> bool {
        let key = conn.lane.0;
        self.connections_of(key) + 1 > self.limits(key).max_connections
    }

    /// Whether what has been returned must rather make room: somebody came earlier and needs a
    /// dial, and would never be served by a returned connection.
    pub(super) fn owes_room(&self, conn: Conn, head: Waiter) -> bool {
        self.needy().any(|(_, it)| {
            let is_alone = self.slots_in(it.lane) == 0;
            let is_hopeless = match it.lane.0 == conn.lane.0 {
                true => it.lane == conn.lane || is_alone,
                false => is_alone && !self.is_full(it.lane.0),
            };
            it.place < head.place && is_hopeless
        })
    }

    /// No returned connection goes past a waiter who came earlier and whom none will ever serve, as
    /// its lane has none: so it is served after as many returns as others came before it.
    pub(super) fn check_fairness(&self, head: Waiter) {
        let mut earlier = self.line.iter().filter(|it| it.place < head.place);
        let starving = earlier.find(|it| self.slots_in(it.lane) == 0 && !self.is_full(it.lane.0));
        assert!(starving.is_none(), "{head:?} went before {starving:?}");
    }

    /// The position of the youngest dial of a lane that has more than it needs.
    pub(super) fn youngest_surplus(&self, is_meant: impl Fn(Lane) -> bool) -> Option<usize> {
        let is_surplus = |lane| is_meant(lane) && self.surplus_of(lane) > 0;
        self.dials.iter().rposition(|it| is_surplus(it.lane))
    }

    /// The first in each lane that needs a dial, in the order of coming.
    fn needy(&self) -> impl Iterator<Item = (usize, &Waiter)> {
        let firsts = self.line.iter().enumerate().filter(|(position, waiter)| {
            let mut before = self.line[..*position].iter();
            let is_first = !before.any(|it| it.lane == waiter.lane && it.dial.is_some());
            waiter.dial.is_some() && is_first
        });
        firsts.filter(|(_, it)| self.waiting_in(it.lane) > self.dials_in(it.lane))
    }

    fn makes_room_in_key(&mut self, lane: Lane) -> bool {
        while self.is_full(lane.0) {
            match self.oldest_idle_of_key(lane) {
                Some(victim) => self.close_idle_one(victim, Retirement::MadeRoom),
                None if !self.gives_up_dial(|it| it.0 == lane.0) => return false,
                None => {}
            }
        }
        true
    }

    /// The oldest cancelled dial, or else the youngest surplus one, makes room, if there is one.
    fn gives_up_dial(&mut self, is_meant: impl Fn(Lane) -> bool) -> bool {
        let mut cancelled = self.cancelled.iter();
        if let Some(position) = cancelled.position(|it| is_meant(it.lane)) {
            self.cancelled.remove(position);
        } else if let Some(youngest) = self.youngest_surplus(is_meant) {
            self.dials.remove(youngest);
        } else {
            return false;
        }
        self.counters.dials_cancelled += 1;
        self.note_surplus();
        true
    }

    /// The one that idles longest of a key, those of other runtimes first.
    fn oldest_idle_of_key(&self, lane: Lane) -> Option<Conn> {
        let of_key = self.idle.iter().filter(|it| it.lane.0 == lane.0);
        self.longest_idle(of_key, lane)
    }

    /// The one that idles longest of all, those of other runtimes first.
    fn oldest_idle(&self, lane: Lane) -> Option<Conn> {
        self.longest_idle(self.idle.iter(), lane)
    }

    /// Of each runtime the one that was laid down first, of these the one that served least
    /// recently. Where several did, either may go.
    fn longest_idle<'a>(
        &self,
        idle: impl Iterator<Item = &'a Conn> + Clone,
        lane: Lane,
    ) -> Option<Conn> {
        let first_of = |home| idle.clone().find(|it| it.lane.1 == home).copied();
        let others = self.homes.keys().filter(|home| **home != lane.1);
        let firsts: Vec<_> = others.filter_map(|home| first_of(*home)).collect();
        let Some(since) = firsts.iter().map(|it| it.since).min() else {
            return first_of(lane.1);
        };
        let longest = firsts.into_iter().filter(|it| it.since == since);
        let mut longest = longest.collect::<Vec<_>>();
        longest.sort_by_key(|it| !self.witness.contains(&it.number));
        longest.first().copied()
    }

    fn slots_in(&self, lane: Lane) -> usize {
        self.counts_where(|it| it == lane).connections()
    }

    fn is_full(&self, key: Station) -> bool {
        self.connections_of(key) >= self.limits(key).max_connections
    }
}
