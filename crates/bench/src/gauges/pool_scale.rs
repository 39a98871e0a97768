use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pool::{KeyLimits, Policy, Pool, Reusable};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use crate::Failure;
use crate::gauge::{Figures, Gauge, Row};
use crate::probe::{Probe, Quantity, Sample};

/// Whether checking a connection out and returning it costs more, the more of them there are.
pub(crate) fn gauge() -> Gauge {
    Gauge {
        name: "pool-scale",
        about: "an idle connection checked out of postrider-pool and returned",
        units: &["ns of CPU a pair"],
        count: 1_000_000,
        counted: "pairs",
        rounds: 5,
        once: &[],
        rows: vec![
            row("1", FEW, |pairs| read(1, Visits::Few, 1, pairs)),
            row("100", FEW, |pairs| read(100, Visits::Few, 1, pairs)),
            row("10k", FEW, |pairs| read(10_000, Visits::Few, 1, pairs)),
            row("100k", FEW, |pairs| read(100_000, Visits::Few, 1, pairs)),
            row("10k-all", ALL, |pairs| read(10_000, Visits::All, 1, pairs)),
            row("100k-all", ALL, |pairs| {
                read(100_000, Visits::All, 1, pairs)
            }),
            row("1-two", TWO, |pairs| read(1, Visits::Few, 2, pairs)),
            row("100-two", TWO, |pairs| read(100, Visits::Few, 2, pairs)),
            row("10k-two", TWO, |pairs| read(10_000, Visits::Few, 2, pairs)),
            row("100k-two", TWO, |pairs| {
                read(100_000, Visits::Few, 2, pairs)
            }),
            row("map-1", MAP, |pairs| read_map(1, Visits::Few, 1, pairs)),
            row("map-100", MAP, |pairs| read_map(100, Visits::Few, 1, pairs)),
            row("map-10k", MAP, |pairs| {
                read_map(10_000, Visits::Few, 1, pairs)
            }),
            row("map-100k", MAP, |pairs| {
                read_map(100_000, Visits::Few, 1, pairs)
            }),
            row("map-10k-all", MAP, |pairs| {
                read_map(10_000, Visits::All, 1, pairs)
            }),
            row("map-100k-all", MAP, |pairs| {
                read_map(100_000, Visits::All, 1, pairs)
            }),
            row("map-1-two", MAP, |pairs| read_map(1, Visits::Few, 2, pairs)),
            row("map-100k-two", MAP, |pairs| {
                read_map(100_000, Visits::Few, 2, pairs)
            }),
        ],
    }
}

fn row(
    name: &'static str,
    settings: &'static str,
    read: fn(usize) -> Result<Figures, Failure>,
) -> Row {
    Row {
        name,
        settings,
        read,
    }
}

const FEW: &str = "so many origins, an idle in-memory connection each; 64 of them, far apart, \
                   take turns: what the pool's structures cost";
const ALL: &str = "all origins take turns, neighbours in time far apart: what memory out of the \
                   caches costs comes on top";
const TWO: &str = "two threads at once, two connections an origin; both threads' CPU";
const MAP: &str = "the same with a HashMap in a Mutex in the pool's stead, no limits, no times, no \
                   counters: what grows here is the caches' share";

/// Which origins are visited.
#[derive(Clone, Copy)]
enum Visits {
    Few,
    All,
}

impl Visits {
    /// The origins in the order of the visits.
    fn order(self, origins: usize) -> Vec<String> {
        let visited = match self {
            Self::Few => origins.min(64),
            Self::All => origins,
        };
        (0..visited)
            // No number of origins here has this prime in it, so each comes once.
            .map(|visit| origin(visit * 7919 % origins))
            .collect()
    }
}

pub(crate) fn origin(number: usize) -> String {
    format!("http://service-{number}.test:8080")
}

/// A connection in memory.
pub(crate) struct Horse {
    rides: Box<u64>,
}

impl Reusable for Horse {
    type Error = Infallible;

    fn has_ended(&mut self) -> bool {
        false
    }

    fn idle_limit(&self) -> Option<Duration> {
        None
    }
}

fn read(origins: usize, visits: Visits, threads: usize, pairs: usize) -> Result<Figures, Failure> {
    // From here on nothing drives it, so that the sweeper takes no part.
    let (runtime, pool) = fill(origins, threads)?;
    let order = visits.order(origins);
    time(threads, pairs, order.len(), |pairs| {
        let _here = runtime.enter();
        let mut turns = order.iter().cycle().take(pairs);
        turns.try_for_each(|origin| ride(&pool, origin))
    })
}

fn read_map(
    origins: usize,
    visits: Visits,
    threads: usize,
    pairs: usize,
) -> Result<Figures, Failure> {
    let horses = || (0..threads).map(|_| Box::new(0)).collect();
    let idle = (0..origins).map(|number| (origin(number).into(), horses()));
    let idle: HashMap<Arc<str>, Vec<Box<u64>>> = idle.collect();
    let idle = Mutex::new(idle);
    let ride = |origin: &str| {
        let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut horse = lock().get_mut(origin)?.pop()?;
        *horse += 1;
        lock().get_mut(origin)?.push(horse);
        Some(())
    };
    let order = visits.order(origins);
    time(threads, pairs, order.len(), |pairs| {
        let mut turns = order.iter().cycle().take(pairs);
        turns
            .try_for_each(|origin| ride(origin))
            .ok_or("an origin without an idle connection".into())
    })
}

/// What so many pairs take of CPU, shared among threads, after at least a turn of all to warm up.
fn time(
    threads: usize,
    pairs: usize,
    turn: usize,
    ride_all: impl Fn(usize) -> Result<(), Failure> + Sync,
) -> Result<Figures, Failure> {
    let enough = pairs / threads;
    ride_all(turn.max(pairs / 10))?;
    let probe = Probe::start(Quantity::Time)?;
    thread::scope(|scope| {
        let riders: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| ride_all(enough)))
            .collect();
        riders
            .into_iter()
            .try_for_each(|rider| rider.join().map_err(|_| "a rider panicked")?)
    })?;
    Ok(nanoseconds(&probe.stop()?, enough * threads))
}

/// As the client does it: the clock is read by the caller, and the key borrowed.
pub(crate) fn ride(pool: &Pool<Arc<str>, Horse>, origin: &str) -> Result<(), Failure> {
    let now = Instant::now();
    let mut lease = pool
        .lease(origin, now, |_, _| true)
        .ok_or("an origin without an idle connection")?;
    *lease.rides += 1;
    lease.release_at(now);
    Ok(())
}

pub(crate) fn fill(
    origins: usize,
    each: usize,
) -> Result<(Runtime, Pool<Arc<str>, Horse>), Failure> {
    let policy = Policy::default()
        .with_max_idle(usize::MAX)
        .with_per_key(KeyLimits::default().with_max_idle(each));
    let pool = Pool::new(policy);
    let runtime = Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        for number in 0..origins {
            let dial = || async { Ok(Horse { rides: Box::new(0) }) };
            let made = pool.warm(origin(number).into(), each, dial).await?;
            if made != each {
                return Err(Failure::from("an origin was not given its connections"));
            }
        }
        Ok(())
    })?;
    Ok((runtime, pool))
}

fn nanoseconds(sample: &Sample, pairs: usize) -> Figures {
    vec![sample.cpu().as_secs_f64() * 1e9 / pairs as f64]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Visits;

    #[test]
    fn all_origins_are_visited_once_a_turn() {
        for origins in [1, 100, 10_000, 100_000] {
            let order: HashSet<_> = Visits::All.order(origins).into_iter().collect();
            assert_eq!(order.len(), origins);
        }
        assert_eq!(Visits::Few.order(100_000).len(), 64);
    }
}
