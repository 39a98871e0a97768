//! Runtimes that sleep, wake, end.

use super::{Dial, Given, Home, Lane, Reference, State};
use crate::Retirement;

impl Reference {
    pub(crate) fn open_home(&mut self, home: Home) {
        self.homes.insert(home, State::Awake { since: self.now });
    }

    pub(crate) fn sleep(&mut self, home: Home) {
        self.homes.insert(home, State::Asleep);
    }

    /// A runtime goes on: its tasks hear what has happened meanwhile.
    pub(crate) fn wake(&mut self, home: Home) {
        self.homes.insert(home, State::Awake { since: self.now });
        let is_of_home = |dial: &mut Dial| dial.lane.1 == home;
        let ended = self.cancelled.extract_if(.., is_of_home).count();
        self.counters.dials_cancelled += ended as u64;
        self.begin_to_settle();
        self.follow();
    }

    /// A lent connection is left to a task of the pool.
    pub(crate) fn settle(&mut self, number: u32) {
        if self.homes[&self.lent(number).lane.1] == State::Ended {
            return self.close_lease(number, Retirement::Dropped);
        }
        self.settling.insert(number, None);
        self.begin_to_settle();
    }

    /// A runtime ends, with its sweeper if it has one, and all other tasks on it, in any order.
    ///
    /// A waiter there may be told or not, which the lines that are left show; but where there
    /// was a dial or a sweeper, it must be told.
    pub(crate) fn end_home(&mut self, home: Home, is_swept: bool, waiting: &[Lane]) {
        self.homes.insert(home, State::Ended);
        for waiter in self.line.clone() {
            let lane = waiter.lane;
            if lane.1 == home && !waiting.contains(&lane) {
                self.give(waiter, Given::NoRuntime);
            } else {
                let must_be_told = is_swept || self.dials_in(lane) > 0;
                assert!(lane.1 != home || !must_be_told, "{waiter:?} was not told");
            }
        }
        let is_of_home = |dial: &mut Dial| dial.lane.1 == home;
        let ended = self.dials.extract_if(.., is_of_home).count();
        let ended = ended + self.cancelled.extract_if(.., is_of_home).count();
        self.counters.dials_cancelled += ended as u64;
        let settling = self.settling.keys().copied();
        let here = settling.filter(|it| self.lent(*it).lane.1 == home);
        for number in here.collect::<Vec<_>>() {
            self.settling.remove(&number);
            let conn = self.take_lent(number);
            self.close(conn, Retirement::Dropped);
        }
        self.close_idle(Retirement::RuntimeEnded, |it| it.lane.1 == home);
    }

    /// A runtime that has ended is of no use to anybody.
    pub(super) fn fail_home(&mut self, home: Home) {
        self.fail(|lane| lane.1 == home, u32::MAX, Given::NoRuntime);
        self.close_idle(Retirement::RuntimeEnded, |it| it.lane.1 == home);
    }

    /// Ends a dial on a runtime that has ended, if there is one: everybody in its lane fails. A
    /// dial that is left over there asks for a sweeper, which there is none to be had.
    pub(super) fn bury_dial(&mut self) -> bool {
        let is_dead = |dial: &Dial| self.homes[&dial.lane.1] == State::Ended;
        let Some(position) = self.dials.iter().position(is_dead) else {
            return false;
        };
        let lane: Lane = self.dials.remove(position).lane;
        self.counters.dials_cancelled += 1;
        self.fail(|it| it == lane, u32::MAX, Given::NoRuntime);
        self.note_surplus();
        if self.surplus_of(lane) > 0 {
            self.fail(|it| it.1 == lane.1, u32::MAX, Given::NoRuntime);
        }
        true
    }

    fn begin_to_settle(&mut self) {
        let waiting = self.settling.iter().filter(|(_, since)| since.is_none());
        let awake = waiting.filter(|(it, _)| self.is_awake(self.lent(**it).lane.1));
        for number in awake.map(|(it, _)| *it).collect::<Vec<_>>() {
            self.settling.insert(number, Some(self.now));
        }
    }
}
