//! Time, and the runtimes that it passes on: they sleep, wake and end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::reference::{A_QUARTER, Home};
use super::Run;

impl Run {
    /// Lets the runtimes that are awake do all they have to.
    pub(super) fn settle(&mut self) {
        self.homes.run(&self.awake());
        self.reference.witness = self.stage.closed().into_iter().collect();
    }

    pub(super) fn let_time_pass(&mut self) {
        for _ in 0..self.chance.below(12) {
            self.pass(A_QUARTER);
            self.reference.now += A_QUARTER;
            self.settle();
            let before = self.reference.counts();
            self.hear_of_closes();
            self.check_deadline(before);
            self.hear_of_dials();
            self.reference.check_sweeper();
            self.compare();
        }
    }

    /// From now on nobody drives a runtime. One always goes on.
    pub(super) fn put_to_sleep(&mut self) {
        let mut awake = self.awake();
        awake.retain(|home| !self.shutdown.is_on(*home));
        if self.awake().len() > 1
            && let Some(home) = self.chance.pick_any(&awake)
        {
            self.reference.sleep(home);
        }
    }

    pub(super) fn wake_one(&mut self) {
        let alive = self.homes.alive();
        let asleep = alive.into_iter().filter(|it| !self.reference.is_awake(*it));
        if let Some(home) = self.chance.pick_any(&asleep.collect::<Vec<_>>()) {
            self.wake(home);
        }
    }

    pub(super) fn wake_all(&mut self) {
        for home in self.homes.alive() {
            if !self.reference.is_awake(home) {
                self.wake(home);
            }
        }
    }

    /// A runtime ends, asleep or not, and another begins.
    pub(super) fn end_runtime(&mut self) {
        let mut alive = self.homes.alive();
        alive.retain(|home| !self.shutdown.is_on(*home) && self.awake() != [*home]);
        let Some(home) = self.chance.pick_any(&alive) else {
            return;
        };
        let is_swept = self.stage.is_swept(self.homes.id_of(home));
        self.homes.end(home);
        let next = self.homes.open();
        self.reference.open_home(next);
        self.unheard.retain(|(number, _)| {
            let mut dials = self.reference.dials.iter();
            dials.any(|it| it.number == *number && it.lane.1 != home)
        });
        self.settle();
        let lines = self.stage.lines().into_iter();
        let waiting: Vec<_> = lines
            .map(|(key, id)| (key, self.homes.home_of(id)))
            .collect();
        self.reference.end_home(home, is_swept, &waiting);
        self.agree_on_order();
    }

    /// What the pool has closed and cancelled by itself, it may; what it must is checked apart.
    fn hear_of_closes(&mut self) {
        for number in self.newly_closed() {
            self.reference.swept(number);
        }
    }

    fn hear_of_dials(&mut self) {
        let dialling = self.stage.dials();
        let dials = self.reference.dials.iter();
        let dials = dials.filter(|it| self.reference.is_awake(it.lane.1));
        let mut cancelled: Vec<_> = dials.map(|it| it.number).collect();
        cancelled.retain(|number| !dialling.contains(number));
        for number in cancelled.into_iter().rev() {
            self.reference.cancelled(number);
        }
        self.agree_on_order();
    }

    fn wake(&mut self, home: Home) {
        self.newly_closed();
        self.reference.wake(home);
        self.settle();
        for (number, meaning) in std::mem::take(&mut self.unheard) {
            let mut dials = self.reference.dials.iter();
            match dials.find(|it| it.number == number) {
                Some(dial) if dial.lane.1 == home => self.dial_ended(number, meaning),
                Some(_) => self.unheard.push((number, meaning)),
                // It had to make room meanwhile.
                None => {}
            }
        }
        self.hear_of_closes();
        self.hear_of_dials();
    }

    fn pass(&mut self, milliseconds: u64) {
        self.homes.pass(Duration::from_millis(milliseconds));
        self.outside.wall.fetch_add(milliseconds, Ordering::SeqCst);
    }

    fn awake(&self) -> Vec<Home> {
        let mut alive = self.homes.alive();
        alive.retain(|home| self.reference.is_awake(*home));
        alive
    }

    fn newly_closed(&mut self) -> Vec<u32> {
        let closed = self.stage.closed().split_off(self.seen);
        self.seen += closed.len();
        closed
    }
}
