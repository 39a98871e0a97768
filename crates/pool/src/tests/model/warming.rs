//! Warming, polled by hand: several at once, some given up.

use std::future::Future;
use std::pin::Pin;

use super::super::by_hand::ByHand;
use super::super::reference::{Given, KEYS};
use super::super::stage::Fall;
use super::Run;
use crate::{WaitError, Want};

pub(super) struct Warming {
    future: ByHand<Pin<Box<dyn Future<Output = Dialled>>>>,
    /// Of its waiters that have not been given anything.
    waiters: Vec<u32>,
    /// What will come of it, as far as that is known.
    dialled: Result<usize, Given>,
}

type Dialled = Result<usize, WaitError<Fall>>;

impl Run {
    pub(super) fn warm(&mut self) {
        let (key, home) = (
            self.chance.pick(&KEYS),
            self.chance.pick(&self.homes.alive()),
        );
        let lane = (key, home);
        let (count, limits) = (self.chance.below(5), self.limits_of(key));
        let first = self.last + 1;
        let pool = self.stage.pool.clone();
        let dials = self.stage.stable.dials_after(self.last);
        let mut future: ByHand<Pin<Box<dyn Future<Output = Dialled>>>> =
            ByHand::new(Box::pin(async move { pool.warm(key, count, dials).await }));
        let handle = self.homes.handle(home);
        let _guard = handle.enter();
        let outcome = future.outcome();
        self.settle();
        let missing = self.reference.missing(lane, count, limits);
        self.last += u32::try_from(missing).expect("not many");
        let waiters: Vec<_> = (first..=self.last).collect();
        for number in &waiters {
            self.dialled_on.insert(*number, home);
            self.reference.wait(*number, lane, Want::Fresh, limits);
        }
        let dialled = if self.reference.is_open() {
            Ok(0)
        } else {
            Err(Given::ShutDown)
        };
        let warming = Warming {
            future,
            waiters,
            dialled,
        };
        self.go_on_warming(warming, outcome);
    }

    pub(super) fn poll_warmings(&mut self) {
        let handle = self.homes.handle(self.homes.alive()[0]);
        let _guard = handle.enter();
        for mut warming in std::mem::take(&mut self.warmings) {
            if warming.future.is_woken() && self.chance.below(4) > 0 {
                let outcome = warming.future.outcome();
                self.settle();
                self.go_on_warming(warming, outcome);
            } else {
                self.warmings.push(warming);
            }
        }
    }

    pub(super) fn stop_warming(&mut self) {
        if self.warmings.is_empty() {
            return;
        }
        let position = self.chance.below(self.warmings.len());
        let Warming {
            future, waiters, ..
        } = self.warmings.remove(position);
        drop(future);
        self.settle();
        for number in waiters {
            self.reference.leave(number);
        }
    }

    pub(super) fn check_warmings(&self) {
        for warming in &self.warmings {
            let mut waiters = warming.waiters.iter();
            let is_given = waiters.any(|it| self.reference.given.contains_key(it));
            let is_woken = warming.future.is_woken();
            assert!(
                is_woken || !is_given,
                "{:?} were not woken",
                warming.waiters
            );
        }
    }

    fn go_on_warming(&mut self, mut warming: Warming, outcome: Option<Dialled>) {
        let reference = &mut self.reference;
        warming.waiters.retain(|number| {
            let Some(given) = reference.given.remove(number) else {
                return true;
            };
            match (given.connection(), &mut warming.dialled) {
                (Some(connection), dialled) => {
                    reference.release_unused(connection);
                    if let Ok(count) = dialled {
                        *count += 1;
                    }
                }
                (None, Ok(_)) => warming.dialled = Err(given),
                (None, Err(_)) => {}
            }
            false
        });
        let outcome = outcome.map(|it| it.map_err(|error| Given::from(&error)));
        let expected = warming.waiters.is_empty().then_some(warming.dialled);
        assert_eq!(outcome, expected, "warming");
        if outcome.is_none() {
            self.warmings.push(warming);
        }
    }
}
