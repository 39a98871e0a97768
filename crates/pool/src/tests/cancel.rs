//! Everything dropped after every number of polls: slots and connections come back.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use super::stage::{Outcome, Stage, pass, per_key, seconds, settled};
use crate::{KeyLimits, Policy, Want};

/// Polls a future `polls` times, letting the pool's tasks run in between, then drops it.
async fn drop_after<F: Future>(future: F, polls: usize) -> bool {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        let mut cx = Context::from_waker(Waker::noop());
        if Pin::as_mut(&mut future).poll(&mut cx).is_ready() {
            return true;
        }
        settled().await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn a_wait_dropped_at_any_poll_leaves_nothing_behind() {
    for want in [Want::Any, Want::Fresh] {
        for polls in 0..5 {
            let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(1)));
            let dial = stage.stable.dial();
            let wait = stage.pool.wait("a", want, || async {
                tokio::task::yield_now().await;
                dial().await
            });
            drop_after(wait, polls).await;
            stage.audit();
            assert_eq!(stage.pool.totals().waiting, 0);
            pass(seconds(8)).await;
            stage.audit_empty();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dial_goes_on_when_its_waiter_leaves_and_serves_the_next() {
    let stage = Stage::with(Policy::default());
    let ask = stage.ask("a");
    settled().await;
    drop(ask);
    stage.arrive(stage.dials()[0]).await;
    assert_eq!(stage.counts(), [1, 0, 0, 0]);
    assert_eq!(stage.lease("a").map(|it| it.uses()), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_delivered_but_not_fetched_goes_to_the_next() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(1)));
    let (first, mut second) = (stage.ask("a"), stage.ask("a"));
    settled().await;
    stage.arrive(stage.dials()[0]).await;
    assert_eq!(stage.counts(), [0, 1, 0, 1]);
    drop(first);
    let lease = second.lease();
    assert_eq!(lease.uses(), 1);
    drop(lease);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn an_error_delivered_but_not_fetched_is_dropped() {
    let stage = Stage::with(Policy::default());
    let ask = stage.ask("a");
    settled().await;
    stage
        .end_dial(stage.dials()[0], Outcome::Fall("refused"))
        .await;
    drop(ask);
    stage.audit_empty();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_given_at_once_but_not_fetched_idles_again() {
    let stage = Stage::with(Policy::default());
    stage.idle("a", 1).await;
    drop(stage.ask("a"));
    assert_eq!(stage.counts(), [1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn warming_dropped_at_any_poll_leaves_nothing_but_idle_connections() {
    for polls in 0..4 {
        let stage = Stage::with(Policy::default());
        let warm = stage.pool.warm("a", 3, stage.stable.dial());
        drop_after(warm, polls).await;
        if let Some(first) = stage.dials().first() {
            stage.arrive(*first).await;
        }
        pass(seconds(8)).await;
        let [idle, rest @ ..] = stage.counts();
        assert_eq!((idle <= 1, rest), (true, [0, 0, 0]));
        stage.audit();
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_dropped_at_any_poll_stays_shut_down() {
    for polls in 1..4 {
        let stage = Stage::with(Policy::default());
        let lease = stage.fresh("a").await;
        stage.idle("b", 2).await;
        drop_after(stage.pool.shutdown(seconds(5)), polls).await;
        assert_eq!(stage.counts(), [0, 1, 0, 0]);
        stage.ask("a").error();
        drop(lease);
        pass(seconds(2)).await;
        stage.audit_empty();
    }
}
