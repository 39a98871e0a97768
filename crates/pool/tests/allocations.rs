//! What the pool takes from the allocator, and what it gives back.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use allocation_counter::measure;
use postrider_pool::{KeyLimits, Policy, Pool, Reusable, Want};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

#[test]
fn lending_and_releasing_allocates_nothing() {
    let (runtime, pool) = filled(100, 3);
    let _here = runtime.enter();
    let ride_all = || {
        for key in 0..100 {
            let first = pool.lease(&key, Instant::now(), |_, _| true);
            let second = pool.lease(&key, Instant::now(), |_, _| true);
            assert!(first.is_some() && second.is_some());
            first.into_iter().chain(second).for_each(|it| it.release());
        }
    };
    // The first time may start a sweeper.
    ride_all();
    assert_eq!(measure(ride_all).count_total, 0);
}

#[test]
fn an_idle_connection_takes_a_few_hundred_bytes_of_the_pool() {
    for (keys, each, most) in [(10_000, 1, 640), (10, 1_000, 192)] {
        let mut kept = None;
        let taken = measure(|| kept = Some(filled(keys, each)));
        let bytes = taken.bytes_current / 10_000;
        println!("{bytes} bytes for each of {each} connections under {keys} keys");
        assert!(bytes < most, "{bytes} bytes");
    }
}

#[test]
fn after_a_burst_the_pool_gives_its_memory_back() {
    let mut kept = None;
    let taken = measure(|| {
        let (runtime, pool) = filled(10_000, 1);
        let made = runtime.block_on(async { pool.warm(0, 1_000, dial).await });
        assert_eq!((made.ok(), pool.close_idle()), (Some(999), 10_999));
        kept = Some((runtime, pool));
    });
    println!(
        "{} of {} bytes are left",
        taken.bytes_current, taken.bytes_max
    );
    assert!(taken.bytes_max > 2_000_000, "{} bytes", taken.bytes_max);
    assert!(taken.bytes_current < 64_000, "{}", taken.bytes_current);
}

#[test]
fn a_dials_future_takes_its_room_once_and_only_when_its_turn_comes() {
    let large = || async {
        let burden = [0_u8; 4_096];
        pending::<()>().await;
        Ok(Horse {
            _name: burden.iter().map(|it| u64::from(*it)).sum(),
        })
    };
    for (max_connections, least, most) in [(usize::MAX, 4_096, 5_120), (1, 0, 512)] {
        let limits = KeyLimits::default().with_max_connections(max_connections);
        let pool = Pool::new(Policy::default().with_per_key(limits));
        let runtime = runtime();
        let mut waits = Vec::with_capacity(1_000);
        let taken = measure(|| {
            let _here = runtime.enter();
            waits.extend((0..1_000).map(|_| pool.wait(0, Want::Any, large)));
            runtime.block_on(tokio::task::yield_now());
        });
        let bytes = taken.bytes_current / 1_000;
        println!("{bytes} bytes for each who waits, with {max_connections} dials at once");
        assert!((least..most).contains(&bytes), "{bytes} bytes");
    }
}

#[derive(Debug)]
struct Horse {
    _name: u64,
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

async fn dial() -> Result<Horse, Infallible> {
    Ok(Horse { _name: 0 })
}

/// A pool with idle connections, that many under each key, and the runtime they belong to, which
/// nothing drives any more.
fn filled(keys: u64, each: usize) -> (Runtime, Pool<u64, Horse>) {
    let limits = KeyLimits::default().with_max_idle(usize::MAX);
    let policy = Policy::default()
        .with_per_key(limits)
        .with_max_idle(usize::MAX);
    let pool = Pool::new(policy);
    let runtime = runtime();
    runtime.block_on(async {
        for key in 0..keys {
            let made = pool.warm(key, each, dial).await;
            assert_eq!(made.ok(), Some(each));
        }
    });
    (runtime, pool)
}

#[expect(clippy::expect_used, reason = "without a runtime there is no test")]
fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}
