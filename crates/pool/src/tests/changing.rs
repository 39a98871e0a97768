//! Limits that change while the pool is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::stage::{Stage, settled};
use crate::{KeyLimits, Policy, Pool, Retirement, Want};

#[tokio::test(start_paused = true)]
async fn the_latest_limits_of_a_key_hold() {
    let max_idle = Arc::new(AtomicUsize::new(2));
    let latest = Arc::clone(&max_idle);
    let limits = move |_: &_| KeyLimits::default().with_max_idle(latest.load(Ordering::SeqCst));
    let pool = Pool::builder(Policy::default()).limits_of(limits).build();
    let stage = Stage::of(pool);
    stage.idle("a", 3).await;
    assert_eq!(stage.pool.idle("a"), 2);
    max_idle.store(3, Ordering::SeqCst);
    stage.idle("a", 1).await;
    assert_eq!(stage.pool.idle("a"), 3);
    max_idle.store(1, Ordering::SeqCst);
    let _lent = [stage.lease("a"), stage.lease("a")];
    stage.idle("a", 1).await;
    assert_eq!(stage.pool.idle("a"), 1);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_idle_connections_that_has_been_lowered_holds_from_the_next_return_on() {
    let max_idle = Arc::new(AtomicUsize::new(5));
    let latest = Arc::clone(&max_idle);
    let limits = move |_: &_| KeyLimits::default().with_max_idle(latest.load(Ordering::SeqCst));
    let pool = Pool::builder(Policy::default()).limits_of(limits).build();
    let stage = Stage::of(pool);
    stage.idle("a", 5).await;
    max_idle.store(2, Ordering::SeqCst);
    let number = stage.idle("a", 1).await[0];
    assert_eq!(stage.closed(), [1, 2, 3, 4]);
    assert_eq!(stage.lease("a").map(|it| it.number), Some(number));
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn what_was_looked_at_while_the_limit_was_lowered_closes_if_who_waited_for_it_has_left() {
    let max_idle = Arc::new(AtomicUsize::new(1));
    let latest = Arc::clone(&max_idle);
    let limits = move |_: &_| KeyLimits::default().with_max_idle(latest.load(Ordering::SeqCst));
    let pool = Pool::builder(Policy::default()).limits_of(limits).build();
    let stage = Stage::of(pool);
    let number = stage.idle("a", 1).await[0];
    stage.pool.evict(|_, _, _| {
        let waits_for_it = stage.ask("a");
        max_idle.store(0, Ordering::SeqCst);
        let makes_the_limit_known = stage.ask("a");
        drop((waits_for_it, makes_the_limit_known));
        false
    });
    assert_eq!(stage.closed(), [number]);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_connections_that_has_been_lowered_is_reached_as_they_come_back() {
    let max = Arc::new(AtomicUsize::new(4));
    let stage = changing(&max);
    let first = stage.fresh("a").await;
    let second = stage.fresh("a").await;
    let third = stage.fresh("a").await;
    max.store(1, Ordering::SeqCst);
    let mut waiting = stage.ask("a");
    // Neither handed on nor kept while there are more than there may be.
    for (lease, left) in [(first, 2), (second, 1)] {
        lease.release();
        assert_eq!(stage.counts(), [0, left, 0, 1]);
        stage.audit();
    }
    third.release();
    assert_eq!(waiting.lease().uses(), 2);
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::OverLimit), 2);
}

#[tokio::test(start_paused = true)]
async fn what_idles_beyond_a_limit_of_connections_that_has_been_lowered_closes_at_the_next_request()
{
    let max = Arc::new(AtomicUsize::new(4));
    let stage = changing(&max);
    let lent = stage.fresh("a").await;
    stage.idle("a", 3).await;
    max.store(2, Ordering::SeqCst);
    let _waiting = stage.wait("a", Want::Any);
    assert_eq!(stage.counts(), [0, 2, 0, 0]);
    drop(lent);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn who_waits_goes_before_warming_when_a_limit_is_raised() {
    for (limit, warmed) in [(4, 1), (3, 0)] {
        let max = Arc::new(AtomicUsize::new(1));
        let stage = changing(&max);
        let _lent = stage.fresh("a").await;
        let mut waiting = [stage.ask("a"), stage.ask("a")];
        max.store(limit, Ordering::SeqCst);
        let pool = stage.pool.clone();
        let dial = stage.stable.dial();
        let warming = tokio::spawn(async move { pool.warm("a", 8, dial).await });
        settled().await;
        assert_eq!(stage.counts()[3], 2 + warmed);
        // Where none is left for it, this is what makes the raised limit known.
        let _another = stage.ask("a");
        settled().await;
        for dial in stage.dials() {
            stage.arrive(dial).await;
        }
        let _leases = waiting.each_mut().map(|ask| ask.lease());
        assert_eq!(warming.await.expect("no panic").ok(), Some(warmed));
    }
}

/// A pool whose keys may have as many connections as the number says at the moment.
fn changing(max_connections: &Arc<AtomicUsize>) -> Stage {
    let latest = Arc::clone(max_connections);
    let limits = move |_: &_| {
        let max_connections = latest.load(Ordering::SeqCst);
        KeyLimits::default().with_max_connections(max_connections)
    };
    Stage::of(Pool::builder(Policy::default()).limits_of(limits).build())
}

#[tokio::test(start_paused = true)]
async fn limits_hold_from_a_warming_on_even_if_that_dials_nothing() {
    let max_idle = Arc::new(AtomicUsize::new(5));
    let latest = Arc::clone(&max_idle);
    let limits = move |_: &_| KeyLimits::default().with_max_idle(latest.load(Ordering::SeqCst));
    let pool = Pool::builder(Policy::default()).limits_of(limits).build();
    let stage = Stage::of(pool);
    let numbers = stage.idle("a", 5).await;
    max_idle.store(2, Ordering::SeqCst);
    let dial = stage.stable.ready();
    assert_eq!(stage.pool.warm("a", 4, dial).await.ok(), Some(0));
    assert_eq!(stage.closed(), numbers[..3]);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn who_waits_dials_as_soon_as_a_warming_tells_of_more_room() {
    let max = Arc::new(AtomicUsize::new(1));
    let latest = Arc::clone(&max);
    let limits =
        move |_: &_| KeyLimits::default().with_max_connections(latest.load(Ordering::SeqCst));
    let pool = Pool::builder(Policy::default()).limits_of(limits).build();
    let stage = Stage::of(pool);
    let _lent = stage.fresh("a").await;
    let mut waiting = stage.ask("a");
    settled().await;
    assert_eq!(stage.counts(), [0, 1, 0, 1]);
    max.store(2, Ordering::SeqCst);
    let dial = stage.stable.ready();
    assert_eq!(stage.pool.warm("a", 1, dial).await.ok(), Some(0));
    settled().await;
    stage.arrive(stage.dials()[0]).await;
    drop(waiting.lease());
    stage.audit();
}
