//! Warming, shutting down, statistics.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::stage::{Fall, Outcome, Stage, pass, per_key, seconds, settled};
use crate::{Counts, KeyLimits, Policy, Pool, Reusable, WaitError, Want};

#[tokio::test(start_paused = true)]
async fn warming_fills_up_to_the_number_wanted() {
    let stage = Stage::with(Policy::default());
    stage.idle("a", 1).await;
    let dial = stage.stable.ready();
    assert_eq!(stage.pool.warm("a", 3, dial.clone()).await.ok(), Some(2));
    assert_eq!(stage.counts(), [3, 0, 0, 0]);
    assert_eq!(stage.pool.warm("a", 3, dial).await.ok(), Some(0));
    assert_eq!(stage.lease("a").map(|it| it.uses()), Some(1));
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn warming_stays_within_the_limits() {
    let limits = KeyLimits::default().with_max_connections(3);
    let stage = Stage::with(per_key(limits));
    let _held = stage.fresh("a").await;
    let dial = stage.stable.ready();
    assert_eq!(stage.pool.warm("a", 10, dial).await.ok(), Some(2));
    assert_eq!(stage.counts(), [2, 1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn warming_makes_no_more_than_every_limit_leaves_room_for() {
    let key = KeyLimits::default();
    for (policy, made) in [
        (Policy::default().with_max_connections(4), 4),
        (Policy::default().with_max_connections(0), 1),
        (Policy::default().with_max_idle(4), 4),
        (Policy::default().with_max_idle(0), 0),
        (per_key(key.with_max_connections(3)), 3),
        (per_key(key.with_max_connections(0)), 1),
        (per_key(key.with_max_idle(3)), 3),
        (per_key(key.with_max_idle(0)), 0),
        (Policy::default(), 8),
    ] {
        let stage = Stage::with(policy.clone());
        let dial = stage.stable.ready();
        let dialled = stage.pool.warm("a", 8, dial).await;
        assert_eq!(dialled.ok(), Some(made), "{policy:?}");
        assert_eq!(stage.counts(), [made, 0, 0, 0]);
        assert_eq!(stage.closed(), [0; 0]);
        stage.audit();
    }
}

#[tokio::test(start_paused = true)]
async fn two_warmings_at_once_make_no_more_than_may_idle() {
    for policy in [
        Policy::default().with_max_idle(4),
        per_key(KeyLimits::default().with_max_idle(4)),
    ] {
        let stage = Stage::with(policy);
        let [mut first, mut second] =
            [3, 3].map(|count| by_hand(stage.pool.warm("a", count, stage.stable.dial())));
        assert!(first.poll_once().is_pending() && second.poll_once().is_pending());
        settled().await;
        assert_eq!(stage.counts(), [0, 0, 4, 4]);
        for dial in stage.dials() {
            stage.arrive(dial).await;
        }
        let dialled = [first, second].map(|mut it| it.poll_once().map(Result::ok));
        assert_eq!(dialled, [Poll::Ready(Some(3)), Poll::Ready(Some(1))]);
        assert_eq!(stage.counts(), [4, 0, 0, 0]);
        assert_eq!(stage.closed(), [0; 0]);
        stage.audit();
    }
}

#[tokio::test(start_paused = true)]
async fn warming_closes_no_idle_connection_of_another_key() {
    for policy in [
        Policy::default().with_max_connections(4),
        Policy::default().with_max_idle(4),
    ] {
        let stage = Stage::with(policy);
        stage.idle("b", 3).await;
        let dial = stage.stable.ready();
        assert_eq!(stage.pool.warm("a", 8, dial).await.ok(), Some(1));
        assert_eq!(stage.closed(), [0; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn warming_does_not_wait_for_room() {
    let stage = Stage::with(Policy::default().with_max_connections(1));
    let _held = stage.fresh("b").await;
    let begun = Instant::now();
    let dial = stage.stable.ready();
    assert_eq!(stage.pool.warm("a", 8, dial).await.ok(), Some(0));
    assert_eq!(begun.elapsed(), seconds(0));
    stage.audit();
}

#[test]
fn warming_without_a_runtime_is_an_error_and_no_panic() {
    let stage = Stage::with(Policy::default());
    let warming = stage.pool.warm("a", 1, stage.stable.ready());
    let Poll::Ready(Err(error)) = by_hand(warming).poll_once() else {
        panic!("there is nothing to wait for")
    };
    assert!(matches!(error, WaitError::NoRuntime));
}

#[tokio::test(start_paused = true)]
async fn warming_reports_the_first_failure_and_keeps_what_was_made() {
    let stage = Stage::with(Policy::default());
    let warming = stage.pool.warm("a", 2, stage.stable.dial());
    let mut warming = by_hand(warming);
    assert!(warming.poll_once().is_pending());
    settled().await;
    let dials = stage.dials();
    stage.arrive(dials[0]).await;
    stage.end_dial(dials[1], Outcome::Fall("refused")).await;
    let Poll::Ready(Err(WaitError::Dial(cause))) = warming.poll_once() else {
        panic!("one dial failed")
    };
    assert_eq!(*cause, Fall("refused"));
    assert_eq!(stage.counts(), [1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn warming_a_pool_that_is_shut_down_is_an_error_also_where_there_is_no_room() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(1)));
    let lent = stage.fresh("a").await;
    let mut shutdown = by_hand(stage.pool.shutdown(seconds(9)));
    assert!(shutdown.poll_once().is_pending());
    for (key, count) in [("a", 1), ("a", 0), ("b", 1)] {
        let warmed = stage.pool.warm(key, count, stage.stable.ready()).await;
        assert!(matches!(warmed, Err(WaitError::ShutDown)), "{key} {count}");
    }
    drop(lent);
}

#[tokio::test(start_paused = true)]
async fn shutting_down_lets_running_requests_finish_and_starts_none() {
    let stage = Stage::with(Policy::default());
    stage.idle("a", 1).await;
    let lease = stage.fresh("a").await;
    let mut waiting = stage.ask("b");
    settled().await;
    let pool = stage.pool.clone();
    let shutdown = tokio::spawn(async move { pool.shutdown(seconds(10)).await });
    settled().await;
    assert_eq!(stage.counts(), [0, 1, 1, 1]);
    assert!(stage.lease("a").is_none());
    assert!(matches!(stage.ask("a").error(), WaitError::ShutDown));
    stage.arrive(stage.dials()[0]).await;
    waiting.lease().release();
    assert!(!shutdown.is_finished());
    lease.release();
    settled().await;
    assert!(shutdown.is_finished());
    assert_eq!(shutdown.await.ok(), Some(Counts::default()));
    stage.audit_empty();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_dials_that_nobody_wants() {
    let stage = Stage::with(Policy::default());
    drop(stage.ask("a"));
    settled().await;
    assert_eq!(stage.counts(), [0, 0, 1, 0]);
    let start = Instant::now();
    let left = stage.pool.shutdown(seconds(10)).await;
    assert_eq!((left, start.elapsed()), (Counts::default(), seconds(0)));
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_runs_out_of_time_reports_what_is_left() {
    let stage = Stage::with(Policy::default());
    let lease = stage.fresh("a").await;
    let mut waiting = stage.ask("b");
    settled().await;
    let begun = Instant::now();
    let left = stage.pool.shutdown(seconds(3)).await;
    assert_eq!(begun.elapsed(), seconds(3));
    assert_eq!((left.lent, left.dialling, left.waiting), (1, 1, 1));
    assert!(matches!(waiting.error(), WaitError::ShutDown));
    settled().await;
    assert_eq!(stage.counts(), [0, 1, 0, 0]);
    lease.release();
    pass(seconds(2)).await;
    stage.audit_empty();
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_closes_what_idles_and_ends_the_tasks() {
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let stage = Stage::with(Policy::default());
    let lease = stage.fresh("a").await;
    stage.idle("a", 2).await;
    drop(stage.ask("b"));
    settled().await;
    assert_eq!(tasks(), 2);
    let Stage { pool, stable } = stage;
    drop(pool);
    settled().await;
    assert_eq!(stable.records().closed.len(), 2);
    assert_eq!(tasks(), 0);
    // A running body finishes; then its connection closes.
    lease.release();
    assert_eq!(stable.records().closed.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_waits_keeps_the_pool_open() {
    let stage = Stage::with(Policy::default());
    let mut ask = stage.ask("a");
    settled().await;
    let stable = stage.stable.clone();
    drop(stage);
    settled().await;
    let sender = stable.records().dials.pop_first();
    let (_, sender) = sender.expect("the dial goes on");
    sender.send(Outcome::Arrive).expect("the dial goes on");
    settled().await;
    drop(ask.lease());
}

#[tokio::test(start_paused = true)]
async fn statistics_add_up_and_name_each_key() {
    let stage = Stage::with(Policy::default());
    stage.idle("a", 2).await;
    let _lent = stage.lease("a");
    let _waiting = stage.ask("b");
    settled().await;
    pass(seconds(2)).await;
    let stats = stage.pool.stats();
    let mut keys = stats.keys.clone();
    keys.sort_unstable_by_key(|(key, _)| *key);
    let figures: Vec<_> = keys
        .iter()
        .map(|(key, it)| (*key, it.idle, it.lent, it.dialling, it.waiting))
        .collect();
    assert_eq!(figures, [("a", 1, 1, 0, 0), ("b", 0, 0, 1, 1)]);
    assert_eq!(stats.totals.connections(), 3);
    assert_eq!((stats.counters.dials, stats.counters.reuses), (3, 1));
    stage.arrive(stage.dials()[0]).await;
    drop(stage.ask("c"));
    let counters = stage.pool.stats().counters;
    assert_eq!((counters.waits, counters.wait_time), (3, seconds(2)));
    assert_eq!((counters.waits_given_up, counters.waits_refused), (1, 0));
}

/// A connection that takes its time to say goodbye.
struct Polite {
    until: Duration,
    sleep: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
    has_said: Arc<AtomicBool>,
}

impl Reusable for Polite {
    type Error = Fall;

    fn has_ended(&mut self) -> bool {
        false
    }

    fn idle_limit(&self) -> Option<Duration> {
        None
    }

    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = self.until;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(until)));
        sleep.as_mut().poll(cx).map(|()| {
            self.has_said.store(true, Ordering::SeqCst);
        })
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_goodbyes_within_its_deadline() {
    for (takes, is_said, lasts) in [(2, true, 2), (20, false, 5)] {
        let pool: Pool<u8, Polite> = Pool::new(Policy::default());
        let has_said = Arc::new(AtomicBool::new(false));
        let polite = Polite {
            until: seconds(takes),
            sleep: None,
            has_said: Arc::clone(&has_said),
        };
        let lease = pool.wait(1, Want::Any, || async { Ok(polite) }).await;
        lease.expect("dialled").release();
        let begun = Instant::now();
        pool.shutdown(seconds(5)).await;
        assert_eq!(begun.elapsed(), seconds(lasts));
        assert_eq!(has_said.load(Ordering::SeqCst), is_said);
    }
}

/// A future that is polled by hand.
struct ByHand<F>(std::pin::Pin<Box<F>>);

fn by_hand<F: Future>(future: F) -> ByHand<F> {
    ByHand(Box::pin(future))
}

impl<F: Future> ByHand<F> {
    fn poll_once(&mut self) -> Poll<F::Output> {
        self.0
            .as_mut()
            .poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}
