//! Coming and leaving.

use std::collections::BTreeSet;

use super::{Given, KeyRules, Lane, Reference, Service, Waiter};
use crate::Want;

impl Reference {
    /// Somebody comes, under these limits.
    pub(crate) fn wait(&mut self, number: u32, lane: Lane, want: Want, limits: KeyRules) {
        if !self.is_open() {
            self.given.insert(number, Given::ShutDown);
            return;
        }
        self.heed(lane, limits);
        let place = self.next_place();
        self.enter(number, lane, want, place);
        let counts = self.counts_of(lane.0);
        let held_back = counts.waiting.saturating_sub(counts.dialling);
        let waiter = self.line.iter().find(|it| it.number == number);
        let has_not_dialled = waiter.is_some_and(|it| it.dial.is_some());
        let limit = limits.max_waiting;
        if has_not_dialled && held_back > limit {
            self.line.retain(|it| it.number != number);
            self.given.insert(number, Given::LineFull { limit });
            self.counters.waits_refused += 1;
        }
        self.follow();
    }

    /// A waiter leaves, perhaps with something given to it but not fetched.
    pub(crate) fn leave(&mut self, number: u32) {
        let len = self.line.len();
        self.line.retain(|it| it.number != number);
        self.counters.waits_given_up += (len - self.line.len()) as u64;
        let given = self.given.remove(&number);
        match given.and_then(Given::connection) {
            Some(number) => self.release_unused(number),
            None => self.follow(),
        }
    }

    /// How many come when a lane is warmed up to `count`, under limits that hold from now on.
    pub(crate) fn missing(&mut self, lane: Lane, count: usize, limits: KeyRules) -> usize {
        if !self.is_open() {
            return 0;
        }
        self.heed(lane, limits);
        self.follow();
        let (of_key, all) = (self.counts_of(lane.0), self.counts());
        let left = [
            limits.max_connections.saturating_sub(of_key.connections()),
            limits
                .max_idle
                .saturating_sub(of_key.idle + of_key.dialling),
            self.rules.max_connections - all.connections(),
            self.rules.max_idle.saturating_sub(all.idle + all.dialling),
        ];
        let missing = count.saturating_sub(self.idle_in(lane));
        let room = left.into_iter().min().expect("four");
        let waiting = self.line.iter().filter(|it| it.lane.0 == lane.0);
        let lanes: BTreeSet<_> = waiting.map(|it| it.lane).collect();
        let short = |lane| self.waiting_in(lane).saturating_sub(self.dials_in(lane));
        let held_back: usize = lanes.into_iter().map(short).sum();
        missing.min(room.saturating_sub(held_back))
    }

    pub(super) fn serves_nobody(&self) -> bool {
        self.service == Service::Nobody
    }

    /// An idle connection at once, or a place in the line. The caller follows up.
    pub(super) fn enter(&mut self, number: u32, lane: Lane, want: Want, place: u32) {
        if want == Want::Any
            && let Some(conn) = self.take_newest(lane)
        {
            let (given, idle_for) = self.lend(conn, place);
            let given = Given::Idle {
                number: given,
                idle_for,
            };
            self.counters.reuses += 1;
            self.given.insert(number, given);
            return self.begin_dials();
        }
        let position = self.line.partition_point(|it| it.place < place);
        let waiter = Waiter {
            number,
            lane,
            want,
            place,
            since: self.now,
            dial: Some(number),
        };
        self.line.insert(position, waiter);
        self.exchange_dials(position);
        self.begin_dials();
    }

    /// Fails everybody in the lanes meant who came up to a place.
    pub(super) fn fail(&mut self, is_meant: impl Fn(Lane) -> bool, place: u32, how: Given) {
        for waiter in self.line.clone() {
            if is_meant(waiter.lane) && waiter.place <= place {
                self.give(waiter, how);
            }
        }
    }

    /// Those of a lane whose dial has begun are the first who came: whoever comes back among them
    /// exchanges its dial for that of the last of them.
    fn exchange_dials(&mut self, position: usize) {
        let heir = self.line[position];
        let later = self.line[position..].iter_mut();
        let mut later = later.filter(|it| it.lane == heir.lane && it.dial.is_none());
        let Some(last) = later.next_back() else {
            return;
        };
        last.dial = heir.dial;
        let begun = self.dials.iter_mut().find(|it| it.owner == last.number);
        if let Some(begun) = begun {
            begun.owner = heir.number;
        }
        self.line[position].dial = None;
    }

    /// The latest limits hold, for what idles too.
    fn heed(&mut self, lane: Lane, limits: KeyRules) {
        self.limits.insert(lane.0, limits);
        self.trim(lane);
    }
}
