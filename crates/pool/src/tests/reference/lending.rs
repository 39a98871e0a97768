//! Lending and taking back.

use super::{Conn, Given, Lane, Reference, State, Waiter};
use crate::{Retirement, Want};

impl Reference {
    /// The idle connection that a lease gets, with how long it has idled.
    pub(crate) fn lease(&mut self, lane: Lane) -> Option<(u32, u64)> {
        let found = loop {
            let Some(conn) = self.take_newest(lane) else {
                break None;
            };
            self.counters.reuses += 1;
            if self.ended.contains_key(&conn.number) {
                self.close(conn, Retirement::Stale);
                self.follow();
                continue;
            }
            let place = self.next_place();
            break Some(self.lend(conn, place));
        };
        self.follow();
        found
    }

    pub(crate) fn release(&mut self, number: u32) {
        let now = self.now;
        self.lent_mut(number).since = now;
        self.take_back(number);
    }

    pub(crate) fn release_unused(&mut self, number: u32) {
        self.lent_mut(number).uses -= 1;
        self.take_back(number);
    }

    /// A lease is dropped, or closed for a reason.
    pub(crate) fn close_lease(&mut self, number: u32, reason: Retirement) {
        let conn = self.take_lent(number);
        self.close(conn, reason);
        self.follow();
    }

    /// A connection is closed by its holder, who becomes a waiter of this number in its old place.
    pub(crate) fn refuse(&mut self, conn: u32, number: u32, want: Want) {
        let conn = self.take_lent(conn);
        self.close(conn, Retirement::Stale);
        if self.serves_nobody() {
            self.given.insert(number, Given::ShutDown);
            return self.follow();
        }
        self.enter(number, conn.lane, want, conn.place);
        self.follow();
    }

    /// Makes a connection idle that stands nowhere.
    pub(super) fn lay_down(&mut self, mut conn: Conn) {
        let forever = u64::MAX;
        let by_peer = self.idle_limit.map_or(forever, |it| conn.since + it);
        conn.laid = self.now;
        conn.until = by_peer.min(conn.since + self.rules.idle_timeout);
        self.idle.push(conn);
        self.trim(conn.lane);
        self.follow();
        // A sweeper is asked for, and cannot be had.
        if self.homes[&conn.lane.1] == State::Ended {
            self.fail_home(conn.lane.1);
            self.follow();
        }
    }

    /// The newest idle connection that may still be lent.
    pub(super) fn take_newest(&mut self, lane: Lane) -> Option<Conn> {
        loop {
            let newest = *self.idle.iter().rev().find(|it| it.lane == lane)?;
            match self.fate(&newest) {
                None => return Some(self.take_idle(newest.number)),
                Some(reason) => self.close_idle_one(newest, reason),
            }
        }
    }

    pub(super) fn lend(&mut self, mut conn: Conn, place: u32) -> (u32, u64) {
        conn.uses += 1;
        conn.place = place;
        self.lent.push(conn);
        (conn.number, self.now - conn.since)
    }

    fn take_back(&mut self, number: u32) {
        let conn = self.take_lent(number);
        self.settling.remove(&number);
        if self.retired.contains_key(&number) {
            self.close(conn, Retirement::Replaced);
            return self.follow();
        }
        let mut line = self.line.iter();
        let head = line.find(|it| it.lane == conn.lane && it.want == Want::Any);
        match head.copied() {
            _ if let Some(reason) = self.fate_at_return(&conn) => self.close(conn, reason),
            Some(_) if self.is_beyond_its_limit(&conn) => self.close(conn, Retirement::OverLimit),
            Some(head) if self.owes_room(conn, head) => self.close(conn, Retirement::MadeRoom),
            Some(head) => self.hand_on(conn, head),
            None if !self.is_open() => self.close(conn, Retirement::ShutDown),
            None => return self.lay_down(conn),
        }
        self.follow();
    }

    fn fate_at_return(&self, conn: &Conn) -> Option<Retirement> {
        let has_limit = |limit| conn.since + limit <= self.now;
        if self.is_too_old(conn) {
            Some(Retirement::Lifetime)
        } else if conn.uses >= self.rules.max_uses.max(1) {
            Some(Retirement::MaxUses)
        } else {
            let is_over = self.idle_limit.is_some_and(has_limit);
            is_over.then_some(Retirement::IdleTimeout)
        }
    }

    fn hand_on(&mut self, conn: Conn, head: Waiter) {
        self.check_fairness(head);
        let (number, _) = self.lend(conn, head.place);
        self.counters.handed_on += 1;
        self.give(head, Given::HandedOn { number });
    }

    fn lent_mut(&mut self, number: u32) -> &mut Conn {
        let lent = self.lent.iter_mut().find(|it| it.number == number);
        lent.expect("it is lent")
    }
}
