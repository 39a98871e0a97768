//! Closing: on demand, by the sweeper, for good.

use super::dialling::A_TICK;
use super::{Conn, Given, Reference, Service, State};
use crate::Retirement;

impl Reference {
    /// Closes idle connections and tells how many.
    pub(crate) fn close_idle(
        &mut self,
        reason: Retirement,
        is_meant: impl Fn(&Conn) -> bool,
    ) -> usize {
        let idle = self.idle.clone();
        let meant: Vec<_> = idle.into_iter().filter(|it| is_meant(it)).collect();
        for conn in &meant {
            self.close_idle_one(*conn, reason);
        }
        self.follow();
        meant.len()
    }

    /// All idle connections are looked at: those that are meant are closed, which is counted, and
    /// so are those whose time is over.
    pub(crate) fn evict(&mut self, reason: Retirement, is_meant: impl Fn(&Conn) -> bool) -> usize {
        for conn in self.idle.clone() {
            if let Some(reason) = self.fate(&conn).filter(|_| !is_meant(&conn)) {
                self.close_idle_one(conn, reason);
            }
        }
        self.close_idle(reason, is_meant)
    }

    /// The pool has closed a connection by itself: was it right?
    pub(crate) fn swept(&mut self, number: u32) {
        if self.closed.contains(&number) {
            // It went as a consequence of another.
            return;
        }
        if let Some(since) = self.settling.remove(&number) {
            let since = since.expect("its task runs");
            assert!(since + PATIENCE <= self.now, "{number} had time to settle");
            return self.close_lease(number, Retirement::Dropped);
        }
        let conn = self.take_idle(number);
        let reason = match self.fate(&conn) {
            Some(reason) => reason,
            None if self.retired.contains_key(&number) => Retirement::Replaced,
            None if self.ended.contains_key(&number) => Retirement::Ended,
            None => panic!("{conn:?} was closed at {}", self.now),
        };
        self.close(conn, reason);
        self.follow();
    }

    /// The sweeper of an awake runtime comes once a second: has it forgotten anything?
    pub(crate) fn check_sweeper(&self) {
        for conn in &self.idle {
            let State::Awake { since } = self.homes[&conn.lane.1] else {
                continue;
            };
            let dead = self.dead_since(conn).max(since);
            let is_due = dead.saturating_add(A_TICK) <= self.now;
            assert!(!is_due, "{conn:?} idles at {}", self.now);
        }
        for (number, since) in &self.settling {
            let State::Awake { since: awake } = self.homes[&self.lent(*number).lane.1] else {
                continue;
            };
            let due = since.map(|it| (it + PATIENCE).max(awake) + A_QUARTER);
            assert!(due > Some(self.now), "{number} settles at {}", self.now);
        }
        self.check_surplus();
    }

    /// The pool is shut down: nobody is served but those in line.
    pub(crate) fn shut_down(&mut self) {
        self.service = Service::InLine;
        self.close_idle(Retirement::ShutDown, |_| true);
        self.cancel_surplus();
        self.follow();
    }

    /// The time to shut down is over.
    pub(crate) fn give_up(&mut self) {
        self.service = Service::Nobody;
        self.fail(|_| true, u32::MAX, Given::ShutDown);
        self.follow();
        self.cancel_surplus();
        self.follow();
    }

    /// Cancels all surplus dials: their tasks end at once, unless their runtime sleeps.
    fn cancel_surplus(&mut self) {
        while let Some(youngest) = self.youngest_surplus(|_| true) {
            let dial = self.dials.remove(youngest);
            if self.is_awake(dial.lane.1) {
                self.counters.dials_cancelled += 1;
            } else {
                self.cancelled.push(dial);
            }
            self.note_surplus();
        }
    }

    fn dead_since(&self, conn: &Conn) -> u64 {
        let of_old = conn.until.min(conn.born + self.rules.lifetime);
        let marks = [self.ended.get(&conn.number), self.retired.get(&conn.number)];
        let dead = marks.into_iter().flatten().fold(of_old, |a, b| a.min(*b));
        dead.max(conn.laid)
    }
}

/// How long the pool may try to finish what is left of an exchange.
pub(crate) const PATIENCE: u64 = 600;

/// The milliseconds of the shortest time that passes.
pub(crate) const A_QUARTER: u64 = 250;
