//! Closing idle connections: all, those of some keys, those that a predicate picks.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};

use super::stage::{Stage, pass, seconds, settled};
use crate::{Policy, Pool, Retirement};

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_on_demand_all_or_those_of_a_key() {
    let stage = Stage::with(Policy::default());
    let a = stage.idle("a", 2).await;
    stage.idle("b", 2).await;
    assert_eq!(stage.pool.close_idle_for(&"a"), 2);
    assert_eq!(stage.closed(), a);
    assert_eq!(stage.pool.close_idle_for(&"unknown"), 0);
    assert_eq!(stage.pool.close_idle(), 2);
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn closing_idle_ones_reaches_those_that_are_being_looked_at() {
    let stage = Stage::with(Policy::default());
    stage.idle("a", 2).await;
    let evicted = stage.pool.evict(|_, _, _| {
        stage.pool.close_idle();
        false
    });
    assert_eq!(evicted, 0);
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn closing_the_idle_ones_of_some_keys_leaves_out_none_that_is_being_looked_at() {
    let stage = Stage::with(Policy::default());
    for key in ["a", "b", "c"] {
        stage.idle(key, 2).await;
    }
    let mut asked = Vec::new();
    let mut closed = 0;
    stage.pool.evict(|_, _, _| {
        closed += stage.pool.close_idle_where(|key| {
            asked.push(*key);
            *key != "b"
        });
        false
    });
    assert_eq!(closed, 4);
    assert_eq!(stage.counts(), [2, 0, 0, 0]);
    assert_eq!(stage.pool.idle("b"), 2);
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked, ["a", "b", "c"]);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn evicting_waits_for_no_connection_that_somebody_else_looks_at() {
    let stage = Stage::with(Policy::default());
    stage.idle("a", 2).await;
    let mut inner = Vec::new();
    stage.pool.evict(|_, _, _| {
        inner.push(stage.pool.evict(|_, _, _| true));
        false
    });
    // The first call found both out, the second the one that was back.
    assert_eq!(inner, [0, 1]);
    assert_eq!(stage.counts(), [1, 0, 0, 0]);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn evicting_asks_about_connections_that_somebody_else_has_brought_back() {
    let stage = Stage::with(Policy::default());
    stage.idle("a", 1).await;
    let lease = stage.fresh("b").await;
    let (is_out, out) = mpsc::channel();
    let (bring, back) = mpsc::channel();
    let pool = stage.pool.clone();
    let other = std::thread::spawn(move || {
        pool.evict(|_, _, _| {
            is_out.send(()).expect("the test goes on");
            back.recv().expect("the test goes on");
            false
        })
    });
    out.recv().expect("the other looks at it");
    lease.release();
    let mut asked = Vec::new();
    let mut other = Some(other);
    let evicted = stage.pool.evict(|key, _, _| {
        asked.push(*key);
        if let Some(other) = other.take() {
            bring.send(()).expect("the other still looks at it");
            assert_eq!(other.join().ok(), Some(0));
        }
        true
    });
    assert_eq!((asked.as_slice(), evicted), (["b", "a"].as_slice(), 2));
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_predicate_picks_what_is_evicted_by_its_facts() {
    let stage = Stage::with(Policy::default());
    let a = stage.idle("a", 1).await;
    pass(seconds(10)).await;
    stage.lease("a").expect("one idles").release();
    let b = stage.idle("b", 1).await;
    pass(seconds(5)).await;
    let mut seen = Vec::new();
    let evicted = stage.pool.evict(|key, horse, facts| {
        seen.push((*key, horse.number, facts.age, facts.idle_for, facts.uses));
        facts.age > seconds(10)
    });
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("a", a[0], seconds(15), seconds(5), 2),
            ("b", b[0], seconds(5), seconds(5), 1),
        ]
    );
    assert_eq!((evicted, stage.closed()), (1, a));
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::Evicted), 1);
}

#[tokio::test(start_paused = true)]
async fn a_predicate_that_panics_loses_nothing() {
    let stage = Stage::with(Policy::default());
    stage.idle("a", 3).await;
    let pool = stage.pool.clone();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        pool.evict(|_, _, _| panic!("as the test wants it"))
    }));
    assert!(panicked.is_err());
    assert_eq!(stage.counts(), [3, 0, 0, 0]);
    assert!(stage.lease("a").is_some());
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn retired_connections_are_closed_on_demand_and_counted_apart() {
    let stage = Stage::with(Policy::default());
    let numbers = stage.idle("a", 2).await;
    assert_eq!(stage.pool.close_retired(), 0);
    stage.stable.records().retired.insert(numbers[0]);
    assert_eq!(stage.pool.close_retired(), 1);
    assert_eq!(stage.closed(), [numbers[0]]);
    let closes = stage.pool.stats().counters.closes;
    assert_eq!((closes.of(Retirement::Replaced), closes.total()), (1, 1));
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_time_ends_while_it_is_looked_at_is_not_lent() {
    let policy = Policy::default().with_idle_timeout(Some(seconds(10)));
    for (mono, wall, reason) in [
        (seconds(10), seconds(10), Retirement::IdleTimeout),
        (seconds(1), seconds(3), Retirement::Suspended),
    ] {
        let slept = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&slept);
        let pool = Pool::builder(policy.clone())
            .wall_clock(move || SystemTime::UNIX_EPOCH + seconds(clock.load(Ordering::SeqCst)));
        let stage = Stage::of(pool.build());
        let old = stage.idle("a", 1).await;
        let mut ask = None;
        stage.pool.evict(|_, _, _| {
            let asked = ask.insert(stage.ask("a"));
            assert!(asked.is_pending(), "it is being looked at");
            advance_at_once(mono);
            slept.store(wall.as_secs(), Ordering::SeqCst);
            false
        });
        let mut ask = ask.expect("one was looked at");
        assert!(!ask.is_woken(), "{reason:?}");
        assert_eq!(stage.closed(), old);
        settled().await;
        stage.arrive(stage.dials()[0]).await;
        assert_ne!(ask.lease().number, old[0]);
        let closes = stage.pool.stats().counters.closes;
        assert_eq!((closes.of(reason), closes.total()), (1, 2));
        stage.audit();
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_makes_room_for_who_came_before_those_who_wait_for_it() {
    let stage = Stage::with(Policy::default().with_max_connections(1));
    let old = stage.idle("a", 1).await;
    let mut asked = None;
    stage.pool.evict(|_, _, _| {
        asked = Some((stage.ask("b"), stage.ask("a")));
        false
    });
    let (mut first, mut second) = asked.expect("one was looked at");
    assert_eq!(stage.closed(), old);
    settled().await;
    stage.arrive(stage.dials()[0]).await;
    assert!(second.is_pending());
    first.lease().release();
    settled().await;
    stage.arrive(stage.dials()[0]).await;
    drop(second.lease());
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::MadeRoom), 2);
    stage.audit();
}

/// Virtual time passes in the middle of something that is not async.
fn advance_at_once(time: Duration) {
    let mut passing = pin!(tokio::time::advance(time));
    let mut cx = Context::from_waker(Waker::noop());
    // The clock has gone on at the first poll; the second is for others to run.
    let _ = passing.as_mut().poll(&mut cx);
}
