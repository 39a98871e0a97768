//! Dials: when they begin, and what their end means.

use super::{Conn, Dial, Given, Lane, Reference, State};
use crate::{Retirement, Want};

impl Reference {
    pub(crate) fn dial_arrives(&mut self, number: u32) {
        let dial = self.take_dial(number);
        let conn = Conn {
            number,
            lane: dial.lane,
            place: 0,
            born: self.now,
            lead: self.lead,
            since: self.now,
            laid: self.now,
            until: u64::MAX,
            uses: 0,
        };
        let mut line = self.line.iter();
        let own = line.find(|it| it.number == dial.owner && it.want == Want::Fresh);
        let recipient = own.or_else(|| self.line.iter().find(|it| it.lane == dial.lane));
        match recipient.copied() {
            Some(waiter) => {
                self.lend(conn, waiter.place);
                self.give(waiter, Given::Dialled { number });
            }
            None if !self.is_open() => self.close(conn, Retirement::ShutDown),
            None if self.idle_limit == Some(0) => self.close(conn, Retirement::IdleTimeout),
            None => return self.lay_down(conn),
        }
        self.follow();
    }

    /// A dial fails or panics, as `how` says.
    pub(crate) fn dial_falls(&mut self, number: u32, how: Given) {
        let dial = self.take_dial(number);
        self.counters.dial_failures += 1;
        let of_lane = self.line.iter().filter(|it| it.lane == dial.lane);
        let dialled: Vec<_> = of_lane.filter(|it| it.dial.is_none()).copied().collect();
        if dialled.len() > self.dials_in(dial.lane) {
            let own = dialled.iter().find(|it| it.number == dial.owner);
            self.give(*own.unwrap_or(&dialled[0]), how);
        }
        let has_lent = self.lent.iter().any(|it| it.lane == dial.lane);
        if how == Given::Failed && self.dials_in(dial.lane) == 0 && !has_lent {
            self.fail(|lane| lane == dial.lane, dial.begun, how);
        }
        self.follow();
    }

    /// A dial has been cancelled: was it the right one, at the right time?
    pub(crate) fn cancelled(&mut self, number: u32) {
        let position = self.dials.iter().position(|it| it.number == number);
        let position = position.expect("it is dialled");
        let dial = self.dials.remove(position);
        let mut younger = self.dials[position..].iter();
        let is_youngest = younger.all(|it| it.lane != dial.lane);
        assert!(is_youngest, "not the youngest was cancelled");
        let surplus = self.surplus.get_mut(&dial.lane).expect("surplus");
        let since = surplus.remove(0);
        assert!(since + GRACE <= self.now, "cancelled within its grace");
        self.counters.dials_cancelled += 1;
        self.follow();
    }

    pub(crate) fn check_surplus(&self) {
        for (lane, since) in &self.surplus {
            let State::Awake { since: awake } = self.homes[&lane.1] else {
                continue;
            };
            let mut dues = since.iter().map(|it| (*it + GRACE).max(awake));
            let overdue = dues.find(|due| *due + A_TICK <= self.now);
            assert_eq!(overdue, None, "a surplus dial of {lane:?} goes on");
        }
    }

    /// Begins the dials that are needed and possible, and brings the surplus up to date.
    pub(super) fn follow(&mut self) {
        self.begin_dials();
        while self.bury_dial() {
            self.begin_dials();
        }
    }

    pub(super) fn begin_dials(&mut self) {
        self.note_surplus();
        while let Some(waiter) = self.next_dial() {
            self.begin_dial(waiter);
        }
    }

    pub(super) fn note_surplus(&mut self) {
        let lanes: Vec<Lane> = self.dials.iter().map(|it| it.lane).collect();
        for lane in lanes.into_iter().chain(self.surplus.clone().into_keys()) {
            let surplus = self.dials_in(lane).saturating_sub(self.waiting_in(lane));
            let now = self.now;
            self.surplus.entry(lane).or_default().resize(surplus, now);
        }
        self.surplus.retain(|_, since| !since.is_empty());
    }

    fn begin_dial(&mut self, waiter: usize) {
        let waiter = &mut self.line[waiter];
        self.dials.push(Dial {
            number: waiter.dial.take().expect("who needs a dial has one"),
            lane: waiter.lane,
            owner: waiter.number,
            begun: self.came,
        });
        self.counters.dials += 1;
    }

    fn take_dial(&mut self, number: u32) -> Dial {
        let position = self.dials.iter().position(|it| it.number == number);
        self.dials.remove(position.expect("it is dialled"))
    }
}

/// The policy's default.
const GRACE: u64 = 5_000;

/// Once a second, rounded up to the next quarter, of a clock that counts whole milliseconds.
pub(super) const A_TICK: u64 = 1_500;
