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
mod ending;
mod homes;
mod lending;
mod runtimes;
mod shutting_down;
mod waiting;
mod warming;

#[test]
fn the_pool_behaves_like_the_reference_whatever_happens() {
    each_seed(100_000, |seed| Run::new(seed).run());
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
            max_connections: 1 + chance.below(12),
            max_idle: chance.below(10),
            idle_timeout: 1_000 * chance.below(21) as u64,
            lifetime: 1_000 * (2 + chance.below(40) as u64),
            max_uses: chance.below(20) as u64,
        };
        let limits = KEYS.map(|key| (key, chance.key_rules()));
        let outside = Arc::new(Outside {
            limits: Mutex::new(limits.into()),
            wall: AtomicU64::new(0),
        });
        let mut homes = Homes::new();
        let alive: Vec<_> = (0..chance.pick(&[1, 1, 2, 3]))
            .map(|_| homes.open())
            .collect();
        let stage = {
            let _guard = homes.enter(alive[0]);
            Stage::of(pool(rules, &outside))
        };
        Self {
            shutdown: Shutdown::at_step(chance.below(3 * A_RUN as usize)),
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

    /// Gives the steps made.
    fn run(mut self) -> u64 {
        let mut made = 0;
        for step in 0..A_RUN as usize {
            made += 1;
            if self.shutdown.is_due(step) {
                self.shut_down();
            } else {
                self.step();
            }
            self.compare();
            self.fetch();
            self.poll_warmings();
            self.compare();
            if self.shutdown.is_over() && self.chance.below(30) == 0 {
                break;
            }
        }
        self.end();
        made
    }

    fn step(&mut self) {
        match self.chance.below(200) {
            0..36 => self.acquire(),
            36..82 => self.give_back(),
            82..86 => self.refuse(),
            86..126 => self.end_dial(),
            126..132 => self.end_job(),
            132..146 => self.leave(),
            146..151 => self.server_closes(),
            151..174 => self.let_time_pass(),
            174..178 => self.warm(),
            178 => self.close_idle(),
            179 => self.close_idle_for_a_key(),
            180 => self.close_idle_where(),
            181 => self.evict(),
            182..185 => self.retire(),
            185 => self.close_retired(),
            186..189 => self.change_limits(),
            189 => self.change_idle_limit(),
            190..193 => self.suspend(),
            193..195 => self.put_to_sleep(),
            195..199 => self.wake_one(),
            _ => self.end_runtime(),
        }
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
