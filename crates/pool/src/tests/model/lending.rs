//! Taking a connection and giving it back.

use std::time::Duration;

use tokio::time::Instant;

use super::super::reference::{Given, PATIENCE};
use super::super::stage::{Horse, Outcome, Station};
use super::Run;
use crate::{Lease, Retirement, Source};

impl Run {
    pub(super) fn acquire(&mut self) {
        // Mostly where there is something to be had.
        let key = self.chance.pick(&["a", "a", "a", "b", "b", "c"]);
        let alive = self.homes.alive();
        let home = match self.chance.below(3) {
            0 => self.chance.pick(&alive),
            _ => alive[0],
        };
        if self.chance.below(10) < 7 {
            let handle = self.homes.handle(home);
            let _guard = handle.enter();
            assert_eq!(
                self.stage.pool.idle(key),
                self.reference.idle_in((key, home))
            );
            let stable = self.stage.stable.clone();
            let check = |horse: &mut Horse, _| !stable.records().ended.contains(&horse.number);
            let lease = self.stage.pool.lease(key, Instant::now(), check);
            let found = lease.as_ref().map(|lease| (lease.number, idle_for(lease)));
            self.settle();
            let expected = self.reference.lease((key, home));
            assert_eq!(found, expected, "the lease of {key}");
            if let Some(lease) = lease {
                return self.hold(lease);
            }
        }
        self.wait(key, home);
    }

    pub(super) fn give_back(&mut self) {
        let Some(lease) = self.some_lease() else {
            return;
        };
        let number = lease.number;
        let handle = self.homes.handle(self.chance.pick(&self.homes.alive()));
        let _guard = handle.enter();
        match self.chance.below(20) {
            0..10 => {
                lease.release();
                self.settle();
                self.reference.release(number);
            }
            10..13 => {
                lease.release_unused();
                self.settle();
                self.reference.release_unused(number);
            }
            13..16 => {
                let patience = Duration::from_millis(PATIENCE);
                lease.settle(patience, self.stage.stable.job());
                self.settle();
                self.reference.settle(number);
            }
            16..18 => {
                lease.close(Retirement::Stale);
                self.settle();
                self.reference.close_lease(number, Retirement::Stale);
            }
            _ => {
                drop(lease);
                self.settle();
                self.reference.close_lease(number, Retirement::Dropped);
            }
        }
    }

    /// What is left of an exchange is finished, or not.
    pub(super) fn end_job(&mut self) {
        let begun = self.reference.settling.keys().copied();
        let begun = begun.filter(|it| {
            let home = self.reference.lent(*it).lane.1;
            self.reference.is_awake(home)
        });
        let Some(number) = self.chance.pick_any(&begun.collect::<Vec<_>>()) else {
            return;
        };
        let outcome = match self.chance.below(4) {
            0 => Outcome::Fall("there is more"),
            1 => Outcome::Panic,
            _ => Outcome::Arrive,
        };
        let is_done = matches!(outcome, Outcome::Arrive);
        let sender = self.stage.stable.records().jobs.remove(&number);
        let sent = sender.expect("the job goes on").send(outcome);
        sent.expect("the job goes on");
        self.settle();
        if is_done {
            self.reference.release(number);
        } else {
            self.reference.settling.remove(&number);
            self.reference.close_lease(number, Retirement::Dropped);
        }
    }

    pub(super) fn server_closes(&mut self) {
        if let Some(number) = self.some_connection() {
            self.stage.stable.records().ended.insert(number);
            let now = self.reference.now;
            self.reference.ended.entry(number).or_insert(now);
        }
    }

    pub(super) fn retire(&mut self) {
        if let Some(number) = self.some_connection() {
            self.stage.stable.records().retired.insert(number);
            let now = self.reference.now;
            self.reference.retired.entry(number).or_insert(now);
        }
    }

    /// Keeps a lease, whose facts are as they should be.
    pub(super) fn hold(&mut self, lease: Lease<Station, Horse>) {
        let expected = self.reference.lent(lease.number);
        assert_eq!(lease.uses(), expected.uses, "uses of {expected:?}");
        assert_eq!(lease.key(), expected.lane.0);
        let born = Duration::from_millis(expected.born);
        assert_eq!(lease.created() - self.begun, born, "birth of {expected:?}");
        self.leases.insert(lease.number, lease);
    }

    pub(super) fn some_lease(&mut self) -> Option<Lease<Station, Horse>> {
        let numbers: Vec<_> = self.leases.keys().copied().collect();
        let number = self.chance.pick_any(&numbers)?;
        self.leases.remove(&number)
    }

    fn some_connection(&mut self) -> Option<u32> {
        let known = [&self.reference.idle, &self.reference.lent];
        let numbers: Vec<_> = known.into_iter().flatten().map(|it| it.number).collect();
        self.chance.pick_any(&numbers)
    }
}

impl Given {
    pub(super) fn of(lease: &Lease<Station, Horse>) -> Self {
        let number = lease.number;
        match lease.source() {
            Source::Idle { .. } => Self::Idle {
                number,
                idle_for: idle_for(lease),
            },
            Source::HandedOn => Self::HandedOn { number },
            Source::Dialled => Self::Dialled { number },
        }
    }
}

fn idle_for(lease: &Lease<Station, Horse>) -> u64 {
    match lease.source() {
        Source::Idle { idle_for } => u64::try_from(idle_for.as_millis()).expect("a short time"),
        other => panic!("{other:?}"),
    }
}
