//! The whole pool against the reference, by random operations on virtual time, on several runtimes
//! that sleep, wake and end.
//!
//! The variables in [`each_seed`] make it longer, or repeat a run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use self::chance::Chance;
use self::homes::Homes;
use self::shutting_down::Shutdown;
use self::warming::Warming;
use super::by_hand::Ask;
use super::reference::{Given, Home, KEYS, KeyRules, Reference, Rules};
use super::stage::{Horse, Stage, Station};
use crate::seeds::each_seed;
use crate::{KeyLimits, Lease, Policy, Pool};

mod chance;
mod closing;
mod comparing;
mod homes;
mod lending;
mod runtimes;
mod shutting_down;
mod waiting;
mod warming;

#[test]
fn the_pool_behaves_like_the_reference_whatever_happens() {
    each_seed(100_000, A_RUN, |seed| Run::new(seed).run());
}

struct Run {
    chance: Chance,
    homes: Homes,
    stage: Stage,
    outside: Arc<Outside>,
    reference: Reference,
    begun: Instant,
    asks: BTreeMap<u32, Ask>,
    warmings: Vec<Warming>,
    leases: BTreeMap<u32, Lease<Station, Horse>>,
    shutdown: Shutdown,
    /// How dials have ended whose runtime sleeps, in that order.
    unheard: Vec<(u32, Given)>,
    last: u32,
    /// The runtime of each dial.
    dialled_on: BTreeMap<u32, Home>,
    /// How many of the stable's closed horses have been accounted for.
    seen: usize,
}

/// What the pool asks for.
struct Outside {
    limits: Mutex<BTreeMap<Station, KeyRules>>,
    /// Milliseconds by the wall clock.
    wall: AtomicU64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let rules = Rules {
            max_connections: 1 + chance.below(8),
            max_idle: chance.below(6),
            idle_timeout: 1_000 * chance.below(21) as u64,
            lifetime: 1_000 * (5 + chance.below(100) as u64),
            max_uses: 1 + chance.below(12) as u64,
        };
        let limits = KEYS.map(|key| (key, chance.key_rules()));
        let outside = Arc::new(Outside {
            limits: Mutex::new(limits.into()),
            wall: AtomicU64::new(0),
        });
        let mut homes = Homes::new();
        let alive: Vec<_> = (0..1 + chance.below(3)).map(|_| homes.open()).collect();
        let stage = {
            let _guard = homes.enter(alive[0]);
            Stage::of(pool(rules, &outside))
        };
        Self {
            shutdown: Shutdown::at_step(chance.below(2 * A_RUN as usize)),
            chance,
            begun: homes.now,
            homes,
            stage,
            outside,
            reference: Reference::new(rules, &alive),
            asks: BTreeMap::new(),
            warmings: Vec::new(),
            leases: BTreeMap::new(),
            unheard: Vec::new(),
            last: 0,
            dialled_on: BTreeMap::new(),
            seen: 0,
        }
    }

    fn run(mut self) {
        for step in 0..A_RUN as usize {
            if self.shutdown.is_due(step) {
                self.shut_down();
            } else {
                self.step();
            }
            self.compare();
            self.fetch();
            self.poll_warmings();
            self.compare();
        }
        self.end();
    }

    fn step(&mut self) {
        match self.chance.below(200) {
            0..52 => self.acquire(),
            52..90 => self.give_back(),
            90..97 => self.refuse(),
            97..121 => self.end_dial(),
            121..127 => self.end_job(),
            127..141 => self.leave(),
            141..149 => self.server_closes(),
            149..174 => self.let_time_pass(),
            174..178 => self.warm(),
            178 => self.close_idle(),
            179 => self.close_idle_for_a_key(),
            180 => self.close_idle_where(),
            181 => self.evict(),
            182..185 => self.retire(),
            185 => self.close_retired(),
            186..189 => self.change_limits(),
            189 => self.change_idle_limit(),
            190 => self.suspend(),
            191..194 => self.put_to_sleep(),
            194..199 => self.wake_one(),
            _ => self.end_runtime(),
        }
    }

    /// Everything is let go of, in an open pool or in one that is shut down: nothing may be left.
    fn end(mut self) {
        self.wake_all();
        let handle = self.homes.handle(self.homes.alive()[0]);
        let _guard = handle.enter();
        self.asks.clear();
        self.warmings.clear();
        std::mem::take(&mut self.leases)
            .into_values()
            .for_each(Lease::release);
        self.pass_unwatched(Duration::from_secs(7));
        self.stage.pool.close_idle();
        self.pass_unwatched(Duration::from_secs(22));
        self.stage.audit_empty();
        assert_eq!(self.homes.tasks(), 0, "tasks");
    }

    fn limits_of(&self, key: Station) -> KeyRules {
        self.outside
            .limits
            .lock()
            .expect("no test panics meanwhile")[&key]
    }
}

fn pool(rules: Rules, outside: &Arc<Outside>) -> Pool<Station, Horse> {
    let policy = Policy::default()
        .with_max_connections(rules.max_connections)
        .with_max_idle(rules.max_idle)
        .with_idle_timeout(Some(Duration::from_millis(rules.idle_timeout)))
        .with_lifetime(Some(Duration::from_millis(rules.lifetime)))
        .with_lifetime_jitter(0)
        .with_max_uses(Some(rules.max_uses));
    let [by_limits, by_wall] = [(), ()].map(|()| Arc::clone(outside));
    Pool::builder(policy)
        .limits_of(move |key| {
            let limits = by_limits.limits.lock().expect("no test panics meanwhile")[key];
            KeyLimits::default()
                .with_max_connections(limits.max_connections)
                .with_max_idle(limits.max_idle)
                .with_max_waiting(limits.max_waiting)
        })
        .wall_clock(move || {
            let passed = by_wall.wall.load(Ordering::SeqCst);
            SystemTime::UNIX_EPOCH + Duration::from_millis(passed)
        })
        .build()
}

/// The steps of a run.
const A_RUN: u64 = 1_000;
