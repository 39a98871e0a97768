//! Limits: who may dial, who makes room, who is refused.

use super::by_hand::Ask;
use super::stage::{Outcome, Stage, per_key, settled};
use crate::{KeyLimits, Lease, Policy, Pool, Retirement, WaitError, Want};

#[tokio::test(start_paused = true)]
async fn connections_of_a_key_are_limited_dials_included() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(2)));
    let lease = stage.fresh("a").await;
    let mut asks: Vec<_> = (0..3).map(|_| stage.ask("a")).collect();
    settled().await;
    assert_eq!(stage.counts(), [0, 1, 1, 3]);
    lease.release();
    asks[0].lease().release();
    asks[1].lease().release();
    assert_eq!(asks[2].lease().uses(), 4);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn who_is_held_back_is_told_so_until_a_dial_begins_for_it() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(1)));
    let mut first = stage.ask("a");
    // Its task has not had its turn yet.
    assert!(!first.is_held_back());
    let mut second = stage.ask("a");
    assert!(second.is_held_back());
    settled().await;
    stage.arrive(stage.dials()[0]).await;
    assert!(!first.is_held_back() && second.is_held_back());
    drop(first.lease());
    assert!(!second.is_held_back());
    drop(first);

    // Its dial goes on for whoever comes next.
    settled().await;
    assert!(second.is_pending());
    drop(second);
    assert!(stage.ask("a").is_held_back());
}

#[tokio::test(start_paused = true)]
async fn keys_may_have_limits_of_their_own() {
    let builder = Pool::builder(Policy::default()).limits_of(|key: &&str| match *key {
        "small" => KeyLimits::default().with_max_connections(1),
        _ => KeyLimits::default().with_max_connections(3),
    });
    let stage = Stage::of(builder.build());
    let asks: Vec<_> = (0..4)
        .flat_map(|_| [stage.ask("small"), stage.ask("large")])
        .collect();
    assert_eq!(stage.counts(), [0, 0, 4, 8]);
    drop(asks);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_of_another_key_makes_room_the_oldest_first() {
    let stage = Stage::with(Policy::default().with_max_connections(2));
    let old = stage.idle("a", 1).await[0];
    let young = stage.idle("b", 1).await[0];
    let _waiting = stage.ask("c");
    assert_eq!(stage.closed(), [old]);
    let _waiting_too = stage.ask("c");
    assert_eq!(stage.closed(), [old, young]);
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::MadeRoom), 2);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_would_idle_makes_room_at_once_for_a_key_that_waits() {
    let stage = Stage::with(Policy::default().with_max_connections(1));
    let lease = stage.fresh("a").await;
    let mut other = stage.ask("b");
    settled().await;
    assert_eq!(stage.counts(), [0, 1, 0, 1]);
    lease.release();
    settled().await;
    stage.arrive(stage.dials()[0]).await;
    other.lease();
}

#[tokio::test(start_paused = true)]
async fn no_key_starves_while_another_keeps_its_connections_busy() {
    let stage = Stage::with(Policy::default().with_max_connections(1));
    let lease = stage.fresh("busy").await;
    let mut starving = stage.ask("starving");
    let mut busy = stage.ask("busy");
    settled().await;
    // Who came first goes first, though the connection would serve the other key at once.
    lease.release();
    settled().await;
    assert!(busy.is_pending());
    stage.arrive(stage.dials()[0]).await;
    let lease = starving.lease();
    let mut starving = stage.ask("starving");
    settled().await;
    lease.release();
    settled().await;
    assert!(starving.is_pending());
    stage.arrive(stage.dials()[0]).await;
    busy.lease();
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn no_key_starves_behind_one_that_waits_for_a_connection_of_its_own() {
    let stage = Stage::with(Policy::default().with_max_connections(3));
    let _streaming = stage.fresh("slow").await;
    let mut busy = vec![stage.fresh("busy").await, stage.fresh("busy").await];
    let _slow = stage.ask("slow");
    let mut starving = stage.ask("starving");
    let mut line: Vec<_> = (0..8).map(|_| stage.ask("busy")).collect();
    for _ in 0..2 {
        busy.pop().expect("two are lent").release();
        settled().await;
        stage.audit();
    }
    // Each that came earlier has cost the busy key one return.
    let dials = stage.dials();
    assert_eq!(dials.len(), 2);
    stage.arrive(dials[1]).await;
    starving.lease();
    assert!(line.iter_mut().all(Ask::is_pending));
}

#[tokio::test(start_paused = true)]
async fn room_in_total_goes_to_whoever_came_first_whatever_the_key() {
    let stage = Stage::with(Policy::default().with_max_connections(2));
    let (one, two) = (stage.fresh("a").await, stage.fresh("a").await);
    let _first = stage.ask("b");
    let _second = stage.ask("a");
    let _third = stage.ask("c");
    drop(one);
    let waiting = |key| {
        let stats = stage.pool.stats();
        let counts = stats.keys.iter().find(|(name, _)| *name == key);
        counts.map_or(0, |(_, counts)| counts.dialling)
    };
    assert_eq!([waiting("a"), waiting("b"), waiting("c")], [0, 1, 0]);
    drop(two);
    assert_eq!([waiting("a"), waiting("b"), waiting("c")], [1, 1, 0]);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_dial_makes_room_at_once() {
    let stage = Stage::with(Policy::default().with_max_connections(1));
    let hanging = stage.ask("a");
    settled().await;
    let abandoned = stage.dials()[0];
    let mut other = stage.ask("b");
    settled().await;
    assert_eq!(stage.dials(), [abandoned], "somebody waits for it");
    drop(hanging);
    settled().await;
    let dials = stage.dials();
    assert!(dials.len() == 1 && dials[0] != abandoned, "{dials:?}");
    stage.arrive(dials[0]).await;
    other.lease();
    assert_eq!(stage.pool.stats().counters.dials_cancelled, 1);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn of_several_abandoned_dials_the_youngest_makes_room() {
    let stage = Stage::with(Policy::default().with_max_connections(3));
    let asks = [stage.ask("a"), stage.ask("b"), stage.ask("a")];
    settled().await;
    let dials = stage.dials();
    drop(asks);
    let mut others = Vec::new();
    for left in [&dials[..2], &dials[..1], &[]] {
        others.push(stage.ask("c"));
        settled().await;
        stage.audit();
        let under_way = stage.dials();
        assert_eq!(under_way[..left.len()], *left);
        assert_eq!(under_way.len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dial_overtaken_by_a_returned_connection_makes_room() {
    let stage = Stage::with(Policy::default().with_max_connections(2));
    let lease = stage.fresh("a").await;
    let mut next = stage.ask("a");
    settled().await;
    let overtaken = stage.dials()[0];
    let mut other = stage.ask("b");
    lease.release();
    let _lease = next.lease();
    settled().await;
    let dials = stage.dials();
    assert!(!dials.contains(&overtaken));
    stage.arrive(dials[0]).await;
    other.lease();
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_makes_room_before_an_abandoned_dial() {
    let stage = Stage::with(Policy::default().with_max_connections(2));
    let idle = stage.idle("a", 1).await;
    let hanging = stage.ask("b");
    settled().await;
    drop(hanging);
    let _other = stage.ask("c");
    settled().await;
    assert_eq!(stage.closed(), idle);
    assert_eq!(stage.dials().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_wants_a_fresh_connection_has_an_idle_one_of_its_key_make_room() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(2)));
    let numbers = stage.idle("a", 2).await;
    let mut fresh = stage.wait("a", Want::Fresh);
    settled().await;
    assert_eq!(stage.closed(), [numbers[0]]);
    stage.arrive(stage.dials()[0]).await;
    fresh.lease();
    assert_eq!(stage.lease("a").map(|it| it.number), Some(numbers[1]));
}

#[tokio::test(start_paused = true)]
async fn a_connection_released_beside_a_waiter_for_a_fresh_one_makes_room() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(1)));
    let lease = stage.fresh("a").await;
    let mut fresh = stage.wait("a", Want::Fresh);
    settled().await;
    lease.release();
    settled().await;
    stage.arrive(stage.dials()[0]).await;
    fresh.lease();
}

#[tokio::test(start_paused = true)]
async fn who_wants_a_fresh_connection_does_not_starve_behind_those_who_take_any() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(1)));
    let lease = stage.fresh("a").await;
    let mut fresh = stage.wait("a", Want::Fresh);
    let mut any = stage.ask("a");
    settled().await;
    lease.release();
    settled().await;
    assert!(any.is_pending());
    stage.arrive(stage.dials()[0]).await;
    fresh.lease().release();
    any.lease();
}

#[tokio::test(start_paused = true)]
async fn beyond_the_idle_limits_the_oldest_goes_never_the_freshest() {
    let limits = KeyLimits::default().with_max_idle(2);
    let stage = Stage::with(per_key(limits).with_max_idle(3));
    let a = stage.idle("a", 3).await;
    assert_eq!(stage.closed(), [a[0]]);
    let b = stage.idle("b", 2).await;
    assert_eq!(stage.closed(), [a[0], a[1]]);
    assert_eq!(stage.counts(), [3, 0, 0, 0]);
    assert_eq!(stage.lease("b").map(|it| it.number), Some(b[1]));
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::OverIdleLimit), 2);
}

#[tokio::test(start_paused = true)]
async fn beyond_the_idle_limits_the_oldest_goes_even_while_it_is_being_looked_at() {
    let limits = KeyLimits::default().with_max_idle(2);
    for (policy, other) in [
        (per_key(limits), "a"),
        (Policy::default().with_max_idle(2), "b"),
    ] {
        let stage = Stage::with(policy);
        stage.idle("a", 2).await;
        let mut fresh = vec![stage.fresh(other).await, stage.fresh(other).await];
        stage.pool.evict(|_, _, _| {
            if let Some(fresh) = fresh.pop() {
                fresh.release();
            }
            // Nothing fresh is closed, and what is old comes back only to be closed.
            assert!(stage.closed().iter().all(|number| [1, 2].contains(number)));
            false
        });
        assert_eq!(stage.closed().len(), 2);
        assert_eq!(stage.pool.idle(other), 2);
        let closes = stage.pool.stats().counters.closes;
        assert_eq!(closes.of(Retirement::OverIdleLimit), 2);
        stage.audit();
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_waited_for_while_it_is_looked_at_does_not_go_for_another() {
    let stage = Stage::with(Policy::default().with_max_idle(1));
    let number = stage.idle("a", 1).await[0];
    let mut other = Some(stage.fresh("b").await);
    let mut ask = None;
    stage.pool.evict(|_, _, _| {
        ask = Some(stage.ask("a"));
        other.take().into_iter().for_each(Lease::release);
        false
    });
    let lease = ask.expect("the predicate ran").lease();
    assert_eq!(lease.number, number);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_waits_for_any_more_when_it_is_back_keeps_to_the_limit() {
    let stage = Stage::with(Policy::default().with_max_idle(1));
    stage.idle("a", 1).await;
    let mut other = Some(stage.fresh("b").await);
    stage.pool.evict(|_, _, _| {
        let ask = stage.ask("a");
        other.take().into_iter().for_each(Lease::release);
        drop(ask);
        false
    });
    assert_eq!(stage.counts(), [1, 0, 0, 0]);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn who_comes_to_a_full_line_is_refused_at_once() {
    let limits = KeyLimits::default()
        .with_max_connections(1)
        .with_max_waiting(2);
    let stage = Stage::with(per_key(limits));
    let lease = stage.fresh("a").await;
    let (_first, _second) = (stage.ask("a"), stage.ask("a"));
    let error = stage.ask("a").error();
    assert!(matches!(error, WaitError::LineFull { limit: 2 }));
    assert_eq!(stage.counts(), [0, 1, 0, 2]);
    assert_eq!(stage.pool.stats().counters.waits_refused, 1);
    lease.release();
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_dial_under_way_does_not_fill_the_line() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_waiting(0)));
    let asks: Vec<_> = (0..5).map(|_| stage.ask("a")).collect();
    settled().await;
    assert_eq!(stage.counts(), [0, 0, 5, 5]);
    drop(asks);
}

#[tokio::test(start_paused = true)]
async fn a_failed_dial_gives_its_room_to_the_next_key() {
    let stage = Stage::with(Policy::default().with_max_connections(1));
    let mut first = stage.ask("a");
    let mut second = stage.ask("b");
    settled().await;
    stage
        .end_dial(stage.dials()[0], Outcome::Fall("refused"))
        .await;
    first.error();
    stage.arrive(stage.dials()[0]).await;
    second.lease();
}
