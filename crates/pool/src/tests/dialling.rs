//! Dials: when they begin, whom they serve, what their failure means.

use std::sync::Arc;

use super::stage::{Fall, Outcome, Stage, pass, per_key, seconds, settled};
use crate::{KeyLimits, Policy, WaitError, Want};

#[tokio::test(start_paused = true)]
async fn there_are_as_many_dials_as_waiters_and_each_serves_the_head_of_the_line() {
    let stage = Stage::with(Policy::default());
    let mut asks: Vec<_> = (0..3).map(|_| stage.ask("a")).collect();
    settled().await;
    assert_eq!(stage.counts(), [0, 0, 3, 3]);
    // The last dial is the first to be done, and serves the first who came.
    let last = stage.dials()[2];
    stage.arrive(last).await;
    assert!(asks[1].is_pending() && asks[2].is_pending());
    assert_eq!(asks[0].lease().number, last);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_dial_overtaken_by_a_returned_connection_idles_for_the_next() {
    let stage = Stage::with(Policy::default());
    let lease = stage.fresh("a").await;
    let mut ask = stage.ask("a");
    settled().await;
    lease.release();
    let lease = ask.lease();
    let dial = stage.dials()[0];
    stage.arrive(dial).await;
    assert_eq!(stage.lease("a").map(|it| it.number), Some(dial));
    drop(lease);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_waits_for_a_surplus_dial_instead_of_beginning_another() {
    let stage = Stage::with(Policy::default());
    drop({
        let ask = stage.ask("a");
        settled().await;
        ask
    });
    let mut second = stage.ask("a");
    settled().await;
    assert_eq!(stage.counts(), [0, 0, 1, 1]);
    stage.arrive(stage.dials()[0]).await;
    second.lease();
    assert_eq!(stage.pool.stats().counters.dials, 1);
}

#[tokio::test(start_paused = true)]
async fn the_youngest_surplus_dial_is_cancelled_after_its_grace() {
    let stage = Stage::with(Policy::default());
    let asks: Vec<_> = (0..2).map(|_| stage.ask("a")).collect();
    settled().await;
    let dials = stage.dials();
    let mut asks = asks.into_iter();
    drop(asks.next());
    pass(seconds(3)).await;
    drop(asks.next());
    pass(seconds(1)).await;
    assert_eq!(stage.dials(), dials, "four and one second of grace");
    pass(seconds(1)).await;
    assert_eq!(stage.dials(), [dials[0]]);
    pass(seconds(2)).await;
    assert_eq!(stage.dials(), [dials[0]], "its own grace is not over");
    pass(seconds(1)).await;
    assert!(stage.dials().is_empty());
    assert_eq!(stage.pool.stats().counters.dials_cancelled, 2);
    pass(seconds(2)).await;
    stage.audit_empty();
}

#[tokio::test(start_paused = true)]
async fn the_grace_of_a_surplus_dial_can_be_set_also_to_none() {
    for grace in [seconds(0), seconds(20)] {
        let stage = Stage::with(Policy::default().with_surplus_grace(grace));
        let ask = stage.ask("a");
        settled().await;
        let dials = stage.dials();
        drop(ask);
        pass(grace.saturating_sub(seconds(1))).await;
        assert_eq!(stage.dials(), dials, "{grace:?}");
        pass(seconds(2)).await;
        assert!(stage.dials().is_empty(), "{grace:?}");
        stage.audit();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_is_wanted_again_loses_its_date() {
    let stage = Stage::with(Policy::default());
    let ask = stage.ask("a");
    settled().await;
    drop(ask);
    pass(seconds(4)).await;
    let mut again = stage.ask("a");
    pass(seconds(60)).await;
    assert_eq!(stage.counts(), [0, 0, 1, 1]);
    stage.arrive(stage.dials()[0]).await;
    again.lease();
}

#[tokio::test(start_paused = true)]
async fn a_failed_dial_fails_its_own_waiter_and_leaves_others_to_their_dials() {
    let stage = Stage::with(Policy::default());
    let mut asks: Vec<_> = (0..3).map(|_| stage.ask("a")).collect();
    settled().await;
    let dials = stage.dials();
    stage.end_dial(dials[1], Outcome::Fall("refused")).await;
    let WaitError::Dial(cause) = asks[1].error() else {
        panic!("the dial failed")
    };
    assert_eq!(*cause, Fall("refused"));
    assert!(asks[0].is_pending() && asks[2].is_pending());
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn who_waited_already_fails_with_the_last_hope_and_who_came_later_dials() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(1)));
    let lease = stage.fresh("a").await;
    let mut early: Vec<_> = (0..3).map(|_| stage.ask("a")).collect();
    // The slot comes back, the first of the three dials; the next ones come too late to share it.
    drop(lease);
    settled().await;
    let mut late = stage.ask("a");
    assert_eq!(stage.counts(), [0, 0, 1, 4]);
    stage
        .end_dial(stage.dials()[0], Outcome::Fall("refused"))
        .await;
    let causes: Vec<_> = early
        .iter_mut()
        .map(|ask| match ask.error() {
            WaitError::Dial(cause) => cause,
            other => panic!("{other}"),
        })
        .collect();
    assert!(causes.iter().all(|cause| Arc::ptr_eq(cause, &causes[0])));
    assert!(late.is_pending());
    assert_eq!(stage.counts(), [0, 0, 1, 1]);
    stage.arrive(stage.dials()[0]).await;
    late.lease();
}

#[tokio::test(start_paused = true)]
async fn a_lent_connection_keeps_up_the_hope_of_those_whose_dial_did_not_fail() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(2)));
    let lent = stage.fresh("a").await;
    let gone = stage.fresh("a").await;
    let (mut first, mut second) = (stage.ask("a"), stage.ask("a"));
    drop(gone);
    settled().await;
    stage
        .end_dial(stage.dials()[0], Outcome::Fall("refused"))
        .await;
    assert!(matches!(first.error(), WaitError::Dial(_)));
    assert!(second.is_pending());
    lent.release();
    second.lease();
}

#[tokio::test(start_paused = true)]
async fn whose_dial_served_another_fails_with_the_dial_that_is_left() {
    let stage = Stage::with(Policy::default());
    let (mut first, mut second) = (stage.ask("a"), stage.ask("a"));
    settled().await;
    let [own, other] = stage.dials()[..] else {
        panic!("two dials")
    };
    stage.arrive(other).await;
    let _held = first.lease();
    // The connection that was its own serves another; waiting for that could take for ever.
    stage.end_dial(own, Outcome::Fall("refused")).await;
    assert!(matches!(second.error(), WaitError::Dial(_)));
}

#[tokio::test(start_paused = true)]
async fn a_surplus_dial_that_fails_harms_nobody() {
    let stage = Stage::with(Policy::default());
    let (first, mut second) = (stage.ask("a"), stage.ask("a"));
    settled().await;
    let dials = stage.dials();
    drop(first);
    stage.end_dial(dials[0], Outcome::Fall("refused")).await;
    assert!(second.is_pending());
    stage.arrive(dials[1]).await;
    second.lease();
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_dial_is_its_waiters_error_and_the_slot_comes_back() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(1)));
    let (mut first, mut second) = (stage.ask("a"), stage.ask("a"));
    settled().await;
    stage.end_dial(stage.dials()[0], Outcome::Panic).await;
    assert!(matches!(first.error(), WaitError::DialPanicked));
    stage.arrive(stage.dials()[0]).await;
    second.lease();
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_factory_is_its_waiters_error_too() {
    let stage = Stage::with(Policy::default());
    let wait = stage.pool.wait("a", Want::Any, || {
        if stage_is_unlucky() {
            panic!("as the test wants it");
        }
        async { Err(Fall("unreachable")) }
    });
    assert!(matches!(wait.await, Err(WaitError::DialPanicked)));
    stage.audit_empty();
}

fn stage_is_unlucky() -> bool {
    true
}
