//! Standing in line, dials, what they come to.

use super::super::by_hand::Ask;
use super::super::reference::{Given, Home};
use super::super::stage::{Fall, Outcome, Station};
use super::Run;
use crate::WaitError;

impl Run {
    pub(super) fn wait(&mut self, key: Station, home: Home) {
        let want = self.chance.want();
        self.last += 1;
        self.dialled_on.insert(self.last, home);
        {
            let _guard = self.homes.enter(home);
            let ask = self.stage.ask_as(self.last, key, want);
            self.asks.insert(self.last, ask);
        }
        self.settle();
        let limits = self.limits_of(key);
        self.reference.wait(self.last, (key, home), want, limits);
    }

    pub(super) fn refuse(&mut self) {
        let Some(lease) = self.some_lease() else {
            return;
        };
        let handle = self.homes.handle(self.chance.pick(&self.homes.alive()));
        let _guard = handle.enter();
        let want = self.chance.want();
        let number = lease.number;
        self.last += 1;
        let home = self.reference.lent(number).lane.1;
        self.dialled_on.insert(self.last, home);
        let ask = self.stage.refuse_as(self.last, lease, want);
        self.asks.insert(self.last, ask);
        self.settle();
        self.reference.refuse(number, self.last, want);
    }

    pub(super) fn leave(&mut self) {
        let handle = self.homes.handle(self.chance.pick(&self.homes.alive()));
        let _guard = handle.enter();
        if self.chance.below(8) == 0 {
            return self.stop_warming();
        }
        let numbers: Vec<_> = self.asks.keys().copied().collect();
        if let Some(number) = self.chance.pick_any(&numbers) {
            self.asks.remove(&number);
            self.settle();
            self.reference.leave(number);
        }
    }

    /// A dial ends; if its runtime sleeps the pool hears of it when that goes on.
    pub(super) fn end_dial(&mut self) {
        let begun = self.stage.dials();
        let dials = self.reference.dials.iter();
        let dials = dials.filter(|it| begun.contains(&it.number));
        let numbers: Vec<_> = dials.map(|it| (it.number, it.lane.1)).collect();
        let Some((number, home)) = self.chance.pick_any(&numbers) else {
            return;
        };
        if !self.reference.is_awake(home) && !self.reference.is_open() {
            // It would race with a sweeper that the shutdown has woken.
            return;
        }
        let (outcome, meaning) = match self.chance.below(20) {
            0..16 => (Outcome::Arrive, Given::Dialled { number }),
            16..19 => (Outcome::Fall("refused"), Given::Failed),
            _ => (Outcome::Panic, Given::Panicked),
        };
        let sender = self.stage.stable.records().dials.remove(&number);
        let sender = sender.expect("a dial is under way");
        sender.send(outcome).expect("the dial goes on");
        if self.reference.is_awake(home) {
            self.settle();
            self.dial_ended(number, meaning);
        } else {
            self.unheard.push((number, meaning));
        }
    }

    pub(super) fn dial_ended(&mut self, number: u32, meaning: Given) {
        match meaning {
            Given::Dialled { .. } => self.reference.dial_arrives(number),
            how => self.reference.dial_falls(number, how),
        }
    }

    /// Lets waiters look whether they have been given something; some take their time.
    pub(super) fn fetch(&mut self) {
        let handle = self.homes.handle(self.homes.alive()[0]);
        let _guard = handle.enter();
        let numbers: Vec<_> = self.asks.keys().copied().collect();
        for number in numbers {
            if self.chance.below(4) == 0 {
                continue;
            }
            let answer = self.asks.get_mut(&number).and_then(Ask::answer);
            let given = answer.as_ref().map(|it| match it {
                Ok(lease) => Given::of(lease),
                Err(error) => Given::from(error),
            });
            let expected = self.reference.given.remove(&number);
            assert_eq!(given, expected, "waiter {number}");
            if let Some(answer) = answer {
                self.asks.remove(&number);
                if let Ok(lease) = answer {
                    self.hold(lease);
                }
            }
        }
    }
}

impl From<&WaitError<Fall>> for Given {
    fn from(error: &WaitError<Fall>) -> Self {
        match error {
            WaitError::Dial(_) => Self::Failed,
            WaitError::DialPanicked => Self::Panicked,
            WaitError::LineFull { limit } => Self::LineFull { limit: *limit },
            WaitError::ShutDown => Self::ShutDown,
            WaitError::NoRuntime => Self::NoRuntime,
        }
    }
}
