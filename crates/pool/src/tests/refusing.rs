//! A connection that turns out dead in the hands of whoever it was given to.

use super::stage::{Horse, Outcome, Stage, Station, pass, per_key, seconds, settled};
use crate::{KeyLimits, Lease, Policy, Retirement, Source, WaitError, Want};

fn one_per_key() -> Policy {
    per_key(KeyLimits::default().with_max_connections(1))
}

#[tokio::test(start_paused = true)]
async fn who_refuses_a_connection_keeps_its_place_before_those_who_came_later() {
    let stage = Stage::with(one_per_key());
    let lease = stage.fresh("a").await;
    let (mut first, mut second) = (stage.ask("a"), stage.ask("a"));
    lease.release();
    let handed_on = first.lease();
    assert_eq!(handed_on.source(), Source::HandedOn);
    let dead = handed_on.number;
    let mut first = stage.refuse(handed_on, Want::Any);
    assert_eq!(stage.closed(), [dead]);
    settled().await;
    stage.audit();
    stage.arrive(stage.dials()[0]).await;
    assert!(second.is_pending());
    first.lease().release();
    second.lease();
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::Stale), 1);
}

#[tokio::test(start_paused = true)]
async fn a_place_is_kept_however_often_a_connection_is_refused() {
    let stage = Stage::with(one_per_key());
    let lease = stage.fresh("a").await;
    let (mut first, mut second) = (stage.ask("a"), stage.ask("a"));
    lease.release();
    for _ in 0..3 {
        first = stage.refuse(first.lease(), Want::Any);
        settled().await;
        stage.arrive(stage.dials()[0]).await;
        assert!(second.is_pending());
    }
    first.lease().release();
    second.lease();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_given_unchecked_may_be_refused_too() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(2)));
    stage.idle("a", 2).await;
    let lease = stage.ask("a").lease();
    assert!(matches!(lease.source(), Source::Idle { .. }));
    // The next one that idles serves at once.
    let lease = stage.refuse(lease, Want::Any).lease();
    assert!(matches!(lease.source(), Source::Idle { .. }));
    let mut early = stage.ask("a");
    settled().await;
    let mut first = stage.refuse(lease, Want::Any);
    settled().await;
    stage.audit();
    // Whose dial has begun first is all the same.
    stage.arrive(stage.dials()[0]).await;
    assert!(early.is_pending());
    first.lease();
    stage.arrive(stage.dials()[0]).await;
    early.lease();
}

#[tokio::test(start_paused = true)]
async fn what_the_fast_path_lent_is_refused_with_the_place_of_that_moment() {
    let stage = Stage::with(one_per_key());
    stage.idle("a", 1).await;
    let lease = stage.lease("a").expect("one idles");
    let mut later = stage.ask("a");
    let mut first = stage.refuse(lease, Want::Fresh);
    settled().await;
    stage.arrive(stage.dials()[0]).await;
    assert!(later.is_pending());
    first.lease().release();
    later.lease();
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_takes_the_dial_of_who_came_later_and_gives_its_own_for_it() {
    for want in [Want::Any, Want::Fresh] {
        let stage = Stage::with(Policy::default());
        let lease = handed_on(&stage).await;
        let mut later = stage.wait("a", want);
        settled().await;
        let begun = stage.dials()[0];
        let mut first = stage.refuse(lease, want);
        settled().await;
        stage.audit();
        stage.arrive(begun).await;
        assert!(later.is_pending(), "{want:?}");
        assert_eq!(first.lease().number, begun);
        stage.arrive(stage.dials()[0]).await;
        later.lease();
        stage.audit();
    }
}

/// A connection handed on to one whose dial has failed then, so that none is under way.
async fn handed_on(stage: &Stage) -> Lease<Station, Horse> {
    let lease = stage.fresh("a").await;
    let mut ask = stage.ask("a");
    settled().await;
    let dial = stage.dials();
    lease.release();
    stage.end_dial(dial[0], Outcome::Fall("refused")).await;
    ask.lease()
}

#[tokio::test(start_paused = true)]
async fn a_full_line_does_not_refuse_who_comes_back() {
    let limits = KeyLimits::default()
        .with_max_connections(1)
        .with_max_waiting(1);
    let stage = Stage::with(per_key(limits).with_max_connections(1));
    let lease = stage.fresh("a").await;
    let mut first = stage.ask("a");
    lease.release();
    let lease = first.lease();
    let mut second = stage.ask("a");
    assert!(matches!(
        stage.ask("a").error(),
        WaitError::LineFull { limit: 1 }
    ));
    let mut first = stage.refuse(lease, Want::Any);
    settled().await;
    assert!(first.is_pending() && second.is_pending());
    assert_eq!(stage.counts(), [0, 0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_shut_down_still_serves_who_comes_back_until_its_deadline() {
    for is_over in [false, true] {
        let stage = Stage::with(one_per_key());
        let lease = stage.fresh("a").await;
        let mut ask = stage.ask("a");
        lease.release();
        let lease = ask.lease();
        let pool = stage.pool.clone();
        let shutdown = tokio::spawn(async move { pool.shutdown(seconds(5)).await });
        settled().await;
        if is_over {
            pass(seconds(6)).await;
        }
        let mut again = stage.refuse(lease, Want::Any);
        if is_over {
            assert!(matches!(again.error(), WaitError::ShutDown));
        } else {
            settled().await;
            stage.arrive(stage.dials()[0]).await;
            again.lease().release();
        }
        let left = shutdown.await.expect("no panic");
        assert_eq!(left.lent, usize::from(is_over));
        stage.audit_empty();
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_has_been_dropped_has_nothing_for_who_comes_back() {
    let Stage { pool, stable } = Stage::with(Policy::default());
    let lease = pool.wait("a", Want::Any, {
        let horse = stable.horse();
        || async { Ok(horse) }
    });
    let lease = lease.await.expect("a connection");
    drop(pool);
    let again = lease.refuse(Retirement::Stale, Want::Any, stable.dial());
    assert!(matches!(again.await, Err(WaitError::ShutDown)));
    assert_eq!(stable.records().closed.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_dial_that_was_taken_over_is_its_new_owners() {
    let stage = Stage::with(Policy::default());
    let lease = handed_on(&stage).await;
    let mut later = stage.ask("a");
    settled().await;
    let begun = stage.dials()[0];
    let mut first = stage.refuse(lease, Want::Any);
    settled().await;
    stage.end_dial(begun, Outcome::Fall("refused")).await;
    assert!(matches!(first.error(), WaitError::Dial(_)));
    assert!(later.is_pending());
    stage.arrive(stage.dials()[0]).await;
    later.lease();
    stage.audit();
}
