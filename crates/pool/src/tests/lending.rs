//! Lending, returning, handing on.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, advance};

use super::stage::{Stage, pass, per_key, seconds, settled};
use crate::{KeyLimits, Policy, Pool, Retirement, Source, Want};

#[tokio::test(start_paused = true)]
async fn the_most_recently_used_idle_connection_is_lent_first() {
    let stage = Stage::with(Policy::default());
    let numbers = stage.idle("a", 3).await;
    let first = stage.lease("a").expect("one idles");
    let second = stage.lease("a").expect("one idles");
    assert_eq!([first.number, second.number], [numbers[2], numbers[1]]);
    assert!(stage.lease("b").is_none());
    second.release();
    assert_eq!(stage.lease("a").map(|it| it.number), Some(numbers[1]));
}

#[tokio::test(start_paused = true)]
async fn a_lease_tells_its_source_age_uses_and_key() {
    let stage = Stage::with(Policy::default());
    let lease = stage.fresh("a").await;
    let made = lease.created();
    assert_eq!((lease.source(), lease.uses()), (Source::Dialled, 1));
    lease.release();
    advance(seconds(3)).await;
    let lease = stage.lease("a").expect("one idles");
    let idle_for = seconds(3);
    assert_eq!(lease.source(), Source::Idle { idle_for });
    assert_eq!((lease.uses(), lease.key(), lease.created()), (2, "a", made));
    let mut ask = stage.ask("a");
    settled().await;
    lease.release();
    assert_eq!(ask.lease().source(), Source::HandedOn);
}

#[tokio::test(start_paused = true)]
async fn connections_that_fail_the_check_are_closed_until_one_passes() {
    let stage = Stage::with(Policy::default());
    let numbers = stage.idle("a", 3).await;
    advance(seconds(2)).await;
    let passing = numbers[0];
    let lease = stage.pool.lease("a", Instant::now(), |horse, idle_for| {
        assert_eq!(idle_for, seconds(2));
        horse.number == passing
    });
    assert_eq!(lease.map(|it| it.number), Some(passing));
    assert_eq!(stage.closed(), [numbers[2], numbers[1], passing]);
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::Stale), 2);
    assert_eq!(closes.of(Retirement::Dropped), 1);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_closed_for_the_reason_that_its_holder_gives() {
    let stage = Stage::with(Policy::default());
    let lease = stage.fresh("a").await;
    let number = lease.number;
    let mut ask = stage.ask("a");
    lease.release();
    ask.lease().close(Retirement::Stale);
    assert_eq!(stage.closed(), [number]);
    let counters = stage.pool.stats().counters;
    let closes = counters.closes;
    assert_eq!((counters.handed_on, counters.reuses), (1, 0));
    assert_eq!((closes.of(Retirement::Stale), closes.total()), (1, 1));
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn the_pool_tells_how_many_idle_under_a_key() {
    let stage = Stage::with(Policy::default());
    assert_eq!(stage.pool.idle("a"), 0);
    stage.idle("a", 3).await;
    stage.idle("b", 1).await;
    let _lease = stage.lease("a");
    assert_eq!((stage.pool.idle("a"), stage.pool.idle("b")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_closes_the_connection_and_frees_its_slot() {
    let stage = Stage::with(Policy::default());
    stage.idle("a", 1).await;
    let pool = stage.pool.clone();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        pool.lease("a", Instant::now(), |_, _| panic!("as the test wants it"))
    }));
    assert!(panicked.is_err());
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_lease_closes_its_connection_before_its_slot_is_free() {
    let stage = Stage::with(Policy::default());
    let lease = stage.fresh("a").await;
    drop(lease);
    assert_eq!(stage.closed().len(), 1);
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn idle_time_is_bounded_by_the_policy_and_by_the_peer_whichever_is_shorter() {
    for (limit, peer, lent_after, refused_after) in [
        (Some(10), None, 9, 10),
        (Some(10), Some(4), 3, 4),
        (Some(10), Some(20), 9, 10),
        (None, Some(4), 3, 4),
    ] {
        let stage = Stage::with(Policy::default().with_idle_timeout(limit.map(seconds)));
        stage.stable.records().idle_limit = peer.map(seconds);
        stage.idle("a", 1).await;
        advance(seconds(lent_after)).await;
        stage.lease("a").expect("not expired yet").release();
        // The sweeper must not get there first.
        let now = Instant::now() + seconds(refused_after);
        assert!(stage.pool.lease("a", now, |_, _| true).is_none());
        let closes = stage.pool.stats().counters.closes;
        assert_eq!(closes.of(Retirement::IdleTimeout), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_keeps_nothing_gets_its_connection_closed_at_return() {
    let stage = Stage::with(Policy::default());
    stage.stable.records().idle_limit = Some(Duration::ZERO);
    let lease = stage.fresh("a").await;
    let mut ask = stage.ask("a");
    settled().await;
    lease.release();
    assert_eq!(stage.closed().len(), 1);
    assert!(ask.is_pending());
}

#[tokio::test(start_paused = true)]
async fn a_connection_past_its_lifetime_is_closed_when_lent_and_when_returned() {
    let policy = Policy::default()
        .with_idle_timeout(None)
        .with_lifetime(Some(seconds(100)))
        .with_lifetime_jitter(0);
    let stage = Stage::with(policy);
    let returned = stage.fresh("a").await;
    stage.idle("a", 1).await;
    let almost = Instant::now() + seconds(99);
    let lent = stage.pool.lease("a", almost, |_, _| true);
    lent.expect("young enough").release();
    let late = Instant::now() + seconds(100);
    assert!(stage.pool.lease("a", late, |_, _| true).is_none());
    pass(seconds(100)).await;
    returned.release();
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::Lifetime), 2);
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn lifetimes_differ_within_the_jitter() {
    let policy = Policy::default()
        .with_idle_timeout(None)
        .with_lifetime(Some(seconds(100)))
        .with_lifetime_jitter(20);
    let stage = Stage::with(policy);
    stage.idle("a", 40).await;
    pass(seconds(79)).await;
    assert_eq!(stage.counts()[0], 40);
    pass(seconds(21)).await;
    let left = stage.counts()[0];
    assert!(
        (1..40).contains(&left),
        "{left} of 40 live longer than the mean"
    );
    pass(seconds(22)).await;
    assert_eq!(stage.counts()[0], 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_lent_as_often_as_it_may_and_then_closed() {
    let stage = Stage::with(Policy::default().with_max_uses(Some(2)));
    stage.idle("a", 1).await;
    stage.lease("a").expect("used once").release();
    assert!(stage.lease("a").is_none());
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::MaxUses), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_may_not_be_lent_at_all_may_be_once() {
    let stage = Stage::with(Policy::default().with_max_uses(Some(0)));
    stage.fresh("a").await.release_unused();
    assert_eq!(stage.counts(), [1, 0, 0, 0]);
    stage.lease("a").expect("never used").release();
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::MaxUses), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_from_before_a_suspend_is_not_lent() {
    let wall = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(1_000));
    let read = std::sync::Arc::clone(&wall);
    let seconds_by_wall = move || {
        let now = read.load(std::sync::atomic::Ordering::SeqCst);
        SystemTime::UNIX_EPOCH + seconds(now)
    };
    let builder = Pool::builder(Policy::default()).wall_clock(seconds_by_wall);
    let stage = Stage::of(builder.build());
    stage.idle("a", 1).await;
    // Set back by the user: not a suspend.
    wall.store(10, std::sync::atomic::Ordering::SeqCst);
    stage.lease("a").expect("trusted").release();
    wall.store(5_000, std::sync::atomic::Ordering::SeqCst);
    assert!(stage.lease("a").is_none());
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::Suspended), 1);
}

#[tokio::test(start_paused = true)]
async fn a_returned_connection_goes_to_the_first_waiter_not_to_a_newcomer() {
    let stage = Stage::with(Policy::default());
    let lease = stage.fresh("a").await;
    let number = lease.number;
    let (mut first, mut second) = (stage.ask("a"), stage.ask("a"));
    settled().await;
    assert!(first.is_pending() && second.is_pending());
    lease.release();
    assert!(stage.lease("a").is_none());
    assert!(second.is_pending());
    assert_eq!(first.lease().number, number);
}

#[tokio::test(start_paused = true)]
async fn who_wants_a_fresh_connection_is_served_by_no_returned_one() {
    let stage = Stage::with(Policy::default());
    let lease = stage.fresh("a").await;
    let mut fresh = stage.wait("a", Want::Fresh);
    let mut any = stage.ask("a");
    settled().await;
    let number = lease.number;
    lease.release();
    assert!(fresh.is_pending());
    assert_eq!(any.lease().number, number);
    // Its own dial serves it, not the head of the line.
    let [own, _] = stage.dials()[..] else {
        panic!("two dials are under way")
    };
    stage.arrive(own).await;
    let lease = fresh.lease();
    assert_eq!((lease.number, lease.source()), (own, Source::Dialled));
}

#[tokio::test(start_paused = true)]
async fn settling_releases_in_time_or_closes() {
    let stage = Stage::with(Policy::default());
    let limit = Duration::from_millis(50);
    let lease = stage.fresh("a").await;
    lease.settle(limit, |horse| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some(horse)
    });
    assert_eq!(stage.counts(), [0, 1, 0, 0]);
    pass(Duration::from_millis(30)).await;
    assert_eq!(stage.counts(), [1, 0, 0, 0]);

    stage
        .lease("a")
        .expect("settled")
        .settle(limit, |horse| async move {
            std::future::pending::<()>().await;
            Some(horse)
        });
    pass(Duration::from_millis(60)).await;
    assert_eq!(stage.counts(), [0, 0, 0, 0]);

    let lease = stage.fresh("a").await;
    lease.settle(limit, |_horse| async { None });
    settled().await;
    assert_eq!(stage.counts(), [0, 0, 0, 0]);

    let lease = stage.fresh("a").await;
    lease.settle(limit, |_horse| async { panic!("as the test wants it") });
    settled().await;
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_lease_stays_small() {
    assert!(size_of::<crate::Lease<u64, Box<super::stage::Horse>>>() <= 48);
}

impl crate::Reusable for Box<super::stage::Horse> {
    type Error = super::stage::Fall;

    fn has_ended(&mut self) -> bool {
        (**self).has_ended()
    }

    fn idle_limit(&self) -> Option<Duration> {
        (**self).idle_limit()
    }
}

#[test]
fn everything_public_may_be_sent_to_another_thread() {
    fn is_send<T: Send>(_: Option<T>) {}
    fn is_send_and_sync<T: Send + Sync>(_: Option<T>) {}
    fn is_unpin<T: Unpin>(_: Option<T>) {}
    is_send_and_sync(None::<Pool<u8, super::stage::Horse>>);
    is_send(None::<crate::Lease<u8, super::stage::Horse>>);
    is_send(None::<crate::Wait<u8, super::stage::Horse>>);
    is_unpin(None::<crate::Wait<u8, super::stage::Horse>>);
    let stage = Stage::with(Policy::default());
    is_send(Some(stage.pool.shutdown(seconds(1))));
    is_send(Some(stage.pool.warm("a", 1, stage.stable.dial())));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_lent_but_not_used_has_idled_all_the_while() {
    let stage = Stage::with(Policy::default());
    stage.stable.records().idle_limit = Some(seconds(5));
    stage.idle("a", 1).await;
    pass(seconds(3)).await;
    drop(stage.ask("a"));
    pass(seconds(1)).await;
    let lease = stage.lease("a").expect("its peer keeps it");
    let idle_for = seconds(4);
    assert_eq!(lease.source(), Source::Idle { idle_for });
    lease.release_unused();
    assert_eq!(stage.counts(), [1, 0, 0, 0]);
    pass(seconds(1)).await;
    assert!(stage.lease("a").is_none());
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::IdleTimeout), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_its_peer_closes_while_it_is_lent_unused_serves_nobody() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(1)));
    stage.stable.records().idle_limit = Some(seconds(5));
    stage.idle("a", 1).await;
    let lease = stage.lease("a").expect("one idles");
    let mut next = stage.ask("a");
    pass(seconds(5)).await;
    lease.release_unused();
    assert!(next.is_pending());
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::IdleTimeout), 1);
    // Used in that time, it would have served.
    settled().await;
    stage.arrive(stage.dials()[0]).await;
    let lease = next.lease();
    let mut next = stage.ask("a");
    pass(seconds(5)).await;
    lease.release();
    assert_eq!(next.lease().source(), Source::HandedOn);
}
