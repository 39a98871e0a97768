//! The whole pool against the reference, by random operations on virtual time.
//!
//! The variables in [`each_seed`] make it longer, or repeat a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::reference::{Given, KEYS, Reference, Rules};
use super::stage::{Answer, Ask, Horse, Outcome, Stage, Station, pass, settled};
use crate::seeds::each_seed;
use crate::{KeyLimits, Lease, Policy, Source, WaitError, Want};

#[test]
fn the_pool_behaves_like_the_reference_whatever_happens() {
    each_seed(100_000, A_RUN, |seed| {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
            .block_on(async { Run::new(seed).run().await });
    });
}

struct Run {
    chance: Chance,
    stage: Stage,
    reference: Reference,
    asks: BTreeMap<u32, Ask>,
    leases: BTreeMap<u32, Lease<Station, Horse>>,
    last: u32,
    /// How many of the stable's closed horses have been accounted for.
    seen: usize,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let rules = Rules {
            max_connections: 1 + chance.below(8),
            max_idle: chance.below(6),
            key_max_connections: 1 + chance.below(4),
            key_max_idle: chance.below(4),
            key_max_waiting: chance.below(5),
            idle_timeout: 1_000 * (1 + chance.below(20) as u64),
            lifetime: 1_000 * (5 + chance.below(100) as u64),
            max_uses: 1 + chance.below(12) as u64,
        };
        let limits = KeyLimits::default()
            .with_max_connections(rules.key_max_connections)
            .with_max_idle(rules.key_max_idle)
            .with_max_waiting(rules.key_max_waiting);
        let policy = Policy::default()
            .with_per_key(limits)
            .with_max_connections(rules.max_connections)
            .with_max_idle(rules.max_idle)
            .with_idle_timeout(Some(Duration::from_millis(rules.idle_timeout)))
            .with_lifetime(Some(Duration::from_millis(rules.lifetime)))
            .with_lifetime_jitter(0)
            .with_max_uses(Some(rules.max_uses));
        Self {
            chance,
            stage: Stage::with(policy),
            reference: Reference::new(rules),
            asks: BTreeMap::new(),
            leases: BTreeMap::new(),
            last: 0,
            seen: 0,
        }
    }

    async fn run(mut self) {
        for _ in 0..A_RUN {
            self.step().await;
            self.compare();
            self.fetch();
        }
        self.end().await;
    }

    async fn step(&mut self) {
        match self.chance.below(100) {
            0..30 => self.acquire(),
            30..48 => self.give_back(),
            48..52 => self.refuse(),
            52..66 => self.end_dial(),
            66..76 => self.leave(),
            76..82 => self.server_closes(),
            82..97 => return self.let_time_pass().await,
            97 => self.close_idle(),
            98 => self.close_idle_for_a_key(),
            _ => self.evict(),
        }
        settled().await;
    }

    fn acquire(&mut self) {
        let key = self.chance.pick(&KEYS);
        if self.chance.below(10) < 7 {
            let stable = self.stage.stable.clone();
            let check = |horse: &mut Horse, _| !stable.records().ended.contains(&horse.number);
            let lease = self.stage.pool.lease(key, Instant::now(), check);
            let found = lease.as_ref().map(|lease| (lease.number, idle_for(lease)));
            assert_eq!(found, self.reference.lease(key), "the lease of {key}");
            if let Some(lease) = lease {
                self.leases.insert(lease.number, lease);
                return;
            }
        }
        let want = self.want();
        self.last += 1;
        let ask = self.stage.ask_as(self.last, key, want);
        self.asks.insert(self.last, ask);
        self.reference.wait(self.last, key, want);
    }

    fn give_back(&mut self) {
        let numbers: Vec<_> = self.leases.keys().copied().collect();
        let Some(number) = self.chance.pick_any(&numbers) else {
            return;
        };
        let Some(lease) = self.leases.remove(&number) else {
            return;
        };
        if self.chance.below(4) == 0 {
            drop(lease);
            self.reference.drop_lease(number);
        } else {
            lease.release();
            self.reference.release(number);
        }
    }

    fn refuse(&mut self) {
        let numbers: Vec<_> = self.leases.keys().copied().collect();
        let Some(number) = self.chance.pick_any(&numbers) else {
            return;
        };
        let Some(lease) = self.leases.remove(&number) else {
            return;
        };
        let want = self.want();
        self.last += 1;
        let ask = self.stage.refuse_as(self.last, lease, want);
        self.asks.insert(self.last, ask);
        self.reference.refuse(number, self.last, want);
    }

    fn want(&mut self) -> Want {
        match self.chance.below(4) {
            0 => Want::Fresh,
            _ => Want::Any,
        }
    }

    fn end_dial(&mut self) {
        let numbers: Vec<_> = self.reference.dials.iter().map(|it| it.number).collect();
        let Some(number) = self.chance.pick_any(&numbers) else {
            return;
        };
        let sender = self.stage.stable.records().dials.remove(&number);
        let outcome = match self.chance.below(10) {
            0..6 => {
                self.reference.dial_arrives(number);
                Outcome::Arrive
            }
            6..9 => {
                self.reference.dial_falls(number, Given::Failed);
                Outcome::Fall("refused")
            }
            _ => {
                self.reference.dial_falls(number, Given::Panicked);
                Outcome::Panic
            }
        };
        let sender = sender.expect("a dial is under way");
        sender.send(outcome).expect("the dial goes on");
    }

    fn leave(&mut self) {
        let numbers: Vec<_> = self.asks.keys().copied().collect();
        if let Some(number) = self.chance.pick_any(&numbers) {
            self.asks.remove(&number);
            self.reference.leave(number);
        }
    }

    fn server_closes(&mut self) {
        let known = [&self.reference.idle, &self.reference.lent];
        let numbers: Vec<_> = known.into_iter().flatten().map(|it| it.number).collect();
        if let Some(number) = self.chance.pick_any(&numbers) {
            self.stage.stable.records().ended.insert(number);
            let now = self.reference.now;
            self.reference.ended.entry(number).or_insert(now);
        }
    }

    async fn let_time_pass(&mut self) {
        for _ in 0..self.chance.below(12) {
            pass(Duration::from_millis(A_QUARTER)).await;
            self.reference.now += A_QUARTER;
            // What the sweeper does in this quarter, it may do; what it must do is checked after.
            for number in self.newly_closed() {
                self.reference.swept(number);
            }
            let dialling = self.stage.dials();
            let mut cancelled: Vec<_> = self.reference.dials.iter().map(|it| it.number).collect();
            cancelled.retain(|number| !dialling.contains(number));
            for number in cancelled.into_iter().rev() {
                self.reference.cancelled(number);
            }
            self.reference.check_sweeper();
            self.compare();
        }
    }

    fn close_idle(&mut self) {
        self.stage.pool.close_idle();
        self.reference.close_idle(|_| true);
    }

    fn close_idle_for_a_key(&mut self) {
        let key = self.chance.pick(&KEYS);
        self.stage.pool.close_idle_for(&key);
        self.reference.close_idle(|conn| conn.key == key);
    }

    fn evict(&mut self) {
        let odd = |number: u32| !number.is_multiple_of(2);
        self.stage.pool.evict(|_, horse, _| odd(horse.number));
        self.reference.close_idle(|conn| odd(conn.number));
    }

    fn compare(&mut self) {
        self.stage.audit();
        self.newly_closed();
        let closed: BTreeSet<u32> = self.stage.closed().into_iter().collect();
        assert_eq!(closed, self.reference.closed, "closed connections");
        let reference = &self.reference;
        let expected = [
            reference.idle.len(),
            reference.lent.len(),
            reference.dials.len(),
            reference.line.len(),
        ];
        assert_eq!(self.stage.counts(), expected, "counts");
        let mut dials: Vec<_> = reference.dials.iter().map(|it| it.number).collect();
        dials.sort_unstable();
        assert_eq!(self.stage.dials(), dials, "dials");
        for (number, ask) in &self.asks {
            let is_given = reference.given.contains_key(number);
            assert!(ask.is_woken() || !is_given, "waiter {number} was not woken");
        }
    }

    /// Lets waiters look whether they have been given something; some take their time.
    fn fetch(&mut self) {
        let numbers: Vec<_> = self.asks.keys().copied().collect();
        for number in numbers {
            if self.chance.below(4) == 0 {
                continue;
            }
            let answer = self.asks.get_mut(&number).and_then(Ask::answer);
            let given = answer.as_ref().map(Given::of);
            assert_eq!(
                given,
                self.reference.given.remove(&number),
                "waiter {number}"
            );
            if let Some(answer) = answer {
                self.asks.remove(&number);
                self.leases.extend(answer.ok().map(|it| (it.number, it)));
            }
        }
    }

    /// Everything is let go of, in an open pool or in one that is shut down: nothing may be left.
    async fn end(mut self) {
        let shutdown = (self.chance.below(2) == 0).then(|| {
            let pool = self.stage.pool.clone();
            tokio::spawn(async move { pool.shutdown(Duration::from_secs(6)).await })
        });
        settled().await;
        let [idle, lent, ..] = self.stage.counts();
        if shutdown.is_some() {
            assert!(self.stage.lease("a").is_none());
            assert_eq!((idle, lent), (0, self.reference.lent.len()), "shut down");
        }
        self.asks.clear();
        std::mem::take(&mut self.leases)
            .into_values()
            .for_each(Lease::release);
        pass(Duration::from_secs(7)).await;
        self.stage.pool.close_idle();
        pass(Duration::from_secs(2)).await;
        if let Some(shutdown) = shutdown {
            let left = shutdown.await.expect("no panic");
            assert_eq!((left.lent, left.idle, left.waiting), (0, 0, 0), "left");
        }
        self.stage.audit_empty();
        let tasks = tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks();
        assert_eq!(tasks, 0, "tasks");
    }

    fn newly_closed(&mut self) -> Vec<u32> {
        let closed = self.stage.closed().split_off(self.seen);
        self.seen += closed.len();
        closed
    }
}

impl Given {
    fn of(answer: &Answer) -> Self {
        match answer {
            Ok(lease) => {
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
            Err(WaitError::Dial(_)) => Self::Failed,
            Err(WaitError::DialPanicked) => Self::Panicked,
            Err(WaitError::LineFull { .. }) => Self::LineFull,
            Err(other) => panic!("{other}"),
        }
    }
}

fn idle_for(lease: &Lease<Station, Horse>) -> u64 {
    match lease.source() {
        Source::Idle { idle_for } => u64::try_from(idle_for.as_millis()).expect("a short time"),
        other => panic!("{other:?}"),
    }
}

/// The splitmix64 generator.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut chance = self.0;
        chance = (chance ^ (chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chance = (chance ^ (chance >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chance ^= chance >> 31;
        usize::try_from(chance % limit as u64).expect("below a usize")
    }

    fn pick<T: Copy>(&mut self, choice: &[T]) -> T {
        choice[self.below(choice.len())]
    }

    fn pick_any<T: Copy>(&mut self, choice: &[T]) -> Option<T> {
        (!choice.is_empty()).then(|| self.pick(choice))
    }
}

/// The steps of a run.
const A_RUN: u64 = 1_000;

/// The milliseconds of the shortest time that passes.
const A_QUARTER: u64 = 250;
