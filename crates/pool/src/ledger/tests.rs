//! The ledger on several runtimes, by random events: the books add up after each.
//!
//! The reference in `crate::tests` knows one runtime and nothing of connections that are being
//! looked at. Here both are random, and the audit decides.

use std::task::{Poll, Waker};
use std::time::Duration;

use super::line::Want;
use super::look::Sight;
use super::{
    Address, After, Among, Asking, AskingAgain, Deed, DialEnd, DialId, DialState, Host, Joined,
    Ledger, Moment, Now, Sought, Taken,
};
use super::{HomeIndex, SlotIndex, WaiterIndex};
use crate::policy::{KeyLimits, Policy};
use crate::reusable::Reusable;
use crate::seeds::each_seed;
use crate::stats::Retirement;

#[test]
fn the_books_add_up_on_several_runtimes_whatever_happens() {
    each_seed(30_000, |seed| {
        let mut world = World::new(seed);
        for _ in 0..A_RUN {
            world.step();
            world.ledger.audit();
        }
        if seed.is_multiple_of(2) {
            world.shut_down();
        }
        world.end();
        world.ledger.audit_empty();
        A_RUN
    });
}

struct Conn;

impl Reusable for Conn {
    type Error = ();

    fn has_ended(&mut self) -> bool {
        false
    }

    fn idle_limit(&self) -> Option<Duration> {
        None
    }
}

/// Runtimes are numbers, dials are nothing.
struct Numbered;

impl Host for Numbered {
    type Id = usize;
    type Runtime = usize;
    type Dial = ();
}

struct World {
    ledger: Ledger<usize, Conn, Numbered>,
    limits: KeyLimits,
    chance: u64,
    now: Moment,
    waiters: Vec<WaiterIndex>,
    leases: Vec<(SlotIndex, Conn)>,
    dials: Vec<(DialId, usize)>,
    sights: Vec<Sight<Conn>>,
    sweepers: Vec<(HomeIndex, usize)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let limits = KeyLimits::default();
        let mut world = Self {
            ledger: Ledger::new(Policy::default(), seed),
            limits,
            chance: seed,
            now: Now::START.mono,
            waiters: Vec::new(),
            leases: Vec::new(),
            dials: Vec::new(),
            sights: Vec::new(),
            sweepers: Vec::new(),
        };
        world.limits = limits
            .with_max_connections(1 + world.below(5))
            .with_max_idle(world.below(4))
            .with_max_waiting(world.below(5));
        let policy = Policy::default()
            .with_max_connections(1 + world.below(9))
            .with_max_idle(world.below(6))
            .with_lifetime(Some(Duration::from_secs(30)))
            .with_idle_timeout(Some(Duration::from_secs(10)));
        world.ledger = Ledger::new(policy, seed);
        world
    }

    fn step(&mut self) {
        match self.below(100) {
            0..28 => self.join(),
            28..40 => self.fetch(),
            40..47 => self.leave(),
            47..60 => self.end_lease(),
            60..63 => self.refuse(),
            63..80 => self.end_dial(),
            80..86 => self.look(),
            86..92 => self.bring_back(),
            92..95 => self.now = self.now.plus(Duration::from_secs(2)),
            95 | 96 => self.cancel_overdue(),
            97 => self.close_idle(),
            98 => self.end_runtime(),
            _ => self.take_idle(),
        }
    }

    fn join(&mut self) {
        let (runtime, key) = (self.below(3), self.below(3));
        let address = Address {
            key,
            hash: Sought::new(&key, self.ledger.hashing()).hash(),
            limits: self.limits,
            id: runtime,
            runtime,
        };
        let asking = Asking {
            address,
            want: [Want::Any, Want::Any, Want::Fresh][self.below(3)],
            dial: (),
        };
        match self.update(|ledger, now, after| ledger.join(asking, now, after)) {
            Joined::Served(taken) => self.leases.push((taken.slot, taken.connection)),
            Joined::Waiting(waiter) => self.waiters.push(waiter),
            Joined::Refused(_) => {}
        }
    }

    fn take_idle(&mut self) {
        let (key, runtime) = (self.below(3), self.below(3));
        let taken = self.update(|ledger, now, after| {
            let hashing = ledger.hashing().clone();
            ledger.take_idle(&Sought::new(&key, &hashing), runtime, now, after)
        });
        self.lend(taken);
    }

    fn fetch(&mut self) {
        let Some(position) = self.pick(self.waiters.len()) else {
            return;
        };
        let waiter = self.waiters[position];
        let answer =
            self.update(|ledger, _, after| ledger.poll_waiter(waiter, Waker::noop(), after));
        if let Poll::Ready(answer) = answer {
            self.waiters.swap_remove(position);
            self.lend(answer.ok());
        }
    }

    fn leave(&mut self) {
        if let Some(position) = self.pick(self.waiters.len()) {
            let waiter = self.waiters.swap_remove(position);
            let unseen = self.update(|ledger, now, after| ledger.leave(waiter, now.mono, after));
            if let Some(Taken {
                slot, connection, ..
            }) = unseen
            {
                self.update(|ledger, now, after| {
                    ledger.give_back_unused(slot, connection, None, now.mono, after);
                });
            }
        }
    }

    fn end_lease(&mut self) {
        let Some(position) = self.pick(self.leases.len()) else {
            return;
        };
        let (slot, connection) = self.leases.swap_remove(position);
        let is_dropped = self.below(4) == 0;
        self.update(|ledger, now, after| {
            if is_dropped {
                ledger.closed(slot, Retirement::Dropped, now.mono, after);
            } else {
                ledger.give_back(slot, connection, None, now.mono, after);
            }
        });
    }

    fn refuse(&mut self) {
        let Some(position) = self.pick(self.leases.len()) else {
            return;
        };
        let (slot, _) = self.leases.swap_remove(position);
        let asking = AskingAgain {
            reason: Retirement::Stale,
            want: [Want::Any, Want::Fresh][self.below(2)],
            dial: (),
        };
        match self.update(|ledger, now, after| ledger.join_again(slot, asking, now, after)) {
            Joined::Served(taken) => self.leases.push((taken.slot, taken.connection)),
            Joined::Waiting(waiter) => self.waiters.push(waiter),
            Joined::Refused(_) => {}
        }
    }

    fn end_dial(&mut self) {
        let Some(position) = self.pick(self.dials.len()) else {
            return;
        };
        let (dial, _) = self.dials.swap_remove(position);
        let chance = self.below(10);
        let has_asked = self.below(3) > 0;
        self.update(|ledger, now, after| {
            // It may be given up after it has asked.
            if has_asked && ledger.poll_dial(dial, Waker::noop(), after) == DialState::Cancelled {
                return ledger.dial_ended(dial, DialEnd::Cancelled, now.mono, after);
            }
            match chance {
                0..6 => ledger.dialled(dial, Conn, None, now, after),
                6..9 => ledger.dial_ended(dial, DialEnd::Failed(().into()), now.mono, after),
                _ => ledger.dial_ended(dial, DialEnd::Panicked, now.mono, after),
            }
        });
    }

    /// A sweeper begins to look, or somebody looks at all.
    fn look(&mut self) {
        let mut sights = Vec::new();
        match self.pick(self.sweepers.len()) {
            Some(position) if self.below(3) > 0 => {
                let (home, _) = self.sweepers[position];
                let steps = self.below(4);
                self.update(|ledger, now, after| {
                    ledger.look(home, steps, now, &mut sights, after);
                });
            }
            _ => {
                let all = self.update(|ledger, now, _| {
                    let mut slots = ledger.idle_slots();
                    ledger.look_at_all(&mut slots, now.mono)
                });
                sights.extend(all.into_iter().map(|(_, sight)| sight));
            }
        }
        self.sights.extend(sights);
    }

    fn bring_back(&mut self) {
        let Some(position) = self.pick(self.sights.len()) else {
            return;
        };
        let sight = self.sights.swap_remove(position);
        let has_ended = self.below(3) == 0;
        self.update(|ledger, now, after| {
            if has_ended {
                ledger.looked_out(sight.slot, Retirement::Ended, now.mono, after);
            } else {
                ledger.keep(sight.slot, sight.connection, now, after);
            }
        });
    }

    fn cancel_overdue(&mut self) {
        for (home, _) in self.sweepers.clone() {
            self.update(|ledger, now, after| ledger.cancel_overdue(home, now.mono, after));
        }
        self.end_sweepers();
    }

    fn close_idle(&mut self) {
        let key = self.below(3);
        let all = self.below(2) == 0;
        self.update(|ledger, now, after| {
            let hashing = ledger.hashing().clone();
            let sought = Sought::new(&key, &hashing);
            let among = if all { Among::All } else { Among::Key(&sought) };
            ledger.close_idle(among, now.mono, after);
        });
    }

    /// A runtime ends: its dials are dropped, and its sweeper.
    fn end_runtime(&mut self) {
        let ended = self.below(3);
        let is_there = |(_, runtime): &(DialId, usize)| *runtime == ended;
        // More dials may begin there, as the ledger does not know yet.
        while let Some(position) = self.dials.iter().position(is_there) {
            let (dial, _) = self.dials.swap_remove(position);
            self.update(|ledger, now, after| {
                ledger.dial_ended(dial, DialEnd::RuntimeEnded, now.mono, after);
            });
        }
        let is_there = |(_, runtime): &(HomeIndex, usize)| *runtime == ended;
        while let Some(position) = self.sweepers.iter().position(is_there) {
            let (home, _) = self.sweepers.swap_remove(position);
            self.update(|ledger, now, after| ledger.runtime_ended(home, now.mono, after));
        }
    }

    /// From here on nothing idles, and after the deadline nobody waits.
    fn shut_down(&mut self) {
        self.update(|ledger, now, after| ledger.shut_down(now.mono, after));
        for _ in 0..A_RUN / 5 {
            self.step();
            self.ledger.audit();
            let held = self.sights.len();
            assert!(self.ledger.totals().idle <= held, "it idles after the end");
        }
        self.update(|ledger, now, after| ledger.give_up(now.mono, after));
        assert_eq!(self.ledger.totals().waiting, 0);
    }

    /// Everything is let go of.
    fn end(&mut self) {
        while !self.sights.is_empty() {
            self.bring_back();
        }
        while !self.waiters.is_empty() {
            self.leave();
        }
        while !self.leases.is_empty() {
            self.end_lease();
        }
        self.now = self.now.plus(Duration::from_secs(10));
        self.cancel_overdue();
        while !self.dials.is_empty() {
            self.end_dial();
        }
        self.update(|ledger, now, after| ledger.close_idle(Among::All, now.mono, after));
        self.end_sweepers();
    }

    fn end_sweepers(&mut self) {
        for (home, runtime) in std::mem::take(&mut self.sweepers) {
            if !self.update(|ledger, _, after| ledger.end_sweeper(home, after)) {
                self.sweepers.push((home, runtime));
            }
        }
    }

    fn lend(&mut self, taken: Option<Taken<Conn>>) {
        if let Some(taken) = taken {
            self.leases.push((taken.slot, taken.connection));
        }
    }

    fn update<R>(
        &mut self,
        change: impl FnOnce(
            &mut Ledger<usize, Conn, Numbered>,
            Now,
            &mut After<usize, Conn, Numbered>,
        ) -> R,
    ) -> R {
        let mut after = After::new();
        let now = Now {
            mono: self.now,
            ..Now::START
        };
        let result = change(&mut self.ledger, now, &mut after);
        for deed in after.in_order() {
            match deed {
                Deed::Dial(begin) => self.dials.push((begin.id, begin.runtime)),
                Deed::Sweep(home, runtime) => self.sweepers.push((home, runtime)),
                Deed::Wake(_) | Deed::Drop(_) | Deed::TellDrained => {}
            }
        }
        result
    }

    fn pick(&mut self, len: usize) -> Option<usize> {
        (len > 0).then(|| self.below(len))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.chance >> 33) % limit as u64).expect("below a usize")
    }
}

/// The steps of a run.
const A_RUN: u64 = 500;
