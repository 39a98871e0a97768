//! One pool in a `static`, several runtimes: at once, one after the other, and ending.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use super::stage::{Stage, per_key, settled};
use crate::{KeyLimits, Policy, Pool, Retirement, WaitError, Want};

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

#[test]
fn outside_a_runtime_there_is_an_answer_and_no_panic() {
    let stage = Stage::with(Policy::default());
    let now = Instant::now();
    assert!(stage.pool.lease("a", now, |_, _| true).is_none());
    assert_eq!(stage.pool.idle("a"), 0);
    let error = stage.ask("a").error();
    assert!(matches!(error, WaitError::NoRuntime));
    stage.audit_empty();
}

#[test]
fn a_connection_is_lent_on_its_own_runtime_only() {
    let stage = Stage::with(Policy::default());
    let (one, two) = (runtime(), runtime());
    let number = one.block_on(stage.idle("a", 1))[0];
    two.block_on(async {
        assert!(stage.lease("a").is_none());
        assert_eq!(stage.pool.idle("a"), 0);
        assert_ne!(stage.idle("a", 1).await, [number]);
    });
    let lent = one.block_on(async { stage.lease("a").map(|it| it.number) });
    assert_eq!(lent, Some(number));
    stage.audit();
}

#[test]
fn warming_on_one_runtime_does_not_count_what_idles_on_another() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_idle(12)));
    let (one, two) = (runtime(), runtime());
    let warm = || stage.pool.warm("a", 8, stage.stable.ready());
    assert_eq!(one.block_on(warm()).ok(), Some(8));
    assert_eq!(two.block_on(warm()).ok(), Some(4));
    assert_eq!(two.block_on(async { stage.pool.idle("a") }), 4);
    assert_eq!(stage.closed(), [0; 0]);
    stage.audit();
}

#[test]
fn a_connection_returned_elsewhere_idles_at_home() {
    let stage = Stage::with(Policy::default());
    let (one, two) = (runtime(), runtime());
    let lease = one.block_on(stage.fresh("a"));
    two.block_on(async {
        lease.release();
        assert!(stage.lease("a").is_none());
    });
    one.block_on(async { assert!(stage.lease("a").is_some()) });
}

#[test]
fn a_foreign_idle_connection_is_the_first_to_make_room() {
    let limits = KeyLimits::default().with_max_connections(2);
    let stage = Stage::with(per_key(limits));
    let (one, two) = (runtime(), runtime());
    let home = two.block_on(stage.idle("a", 1))[0];
    let foreign = one.block_on(stage.idle("a", 1))[0];
    two.block_on(async {
        // Fresh, so that its own idle one does not serve it at once.
        let mut ask = stage.wait("a", Want::Fresh);
        settled().await;
        assert_eq!(stage.closed(), [foreign]);
        stage.arrive(stage.dials()[0]).await;
        ask.lease();
        assert_eq!(stage.lease("a").map(|it| it.number), Some(home));
    });
}

#[test]
fn a_foreign_idle_connection_makes_room_in_total_however_fresh_it_is() {
    let stage = Stage::with(Policy::default().with_max_connections(2));
    let (one, two) = (runtime(), runtime());
    two.block_on(stage.idle("a", 1));
    let foreign = one.block_on(stage.idle("b", 1))[0];
    two.block_on(async {
        let _ask = stage.ask("c");
        settled().await;
        assert_eq!(stage.closed(), [foreign]);
    });
    stage.audit();
}

#[test]
fn a_foreign_dial_does_not_count_as_under_way() {
    let stage = Stage::with(Policy::default());
    let (one, two) = (runtime(), runtime());
    let _foreign = one.block_on(async {
        let ask = stage.ask("a");
        settled().await;
        ask
    });
    two.block_on(async {
        let mut ask = stage.ask("a");
        settled().await;
        let dials = stage.dials();
        assert_eq!(dials.len(), 2);
        stage.arrive(dials[1]).await;
        ask.lease();
    });
    stage.audit();
}

#[test]
fn who_waits_elsewhere_for_a_key_that_is_full_gets_its_turn() {
    let limits = KeyLimits::default().with_max_connections(1);
    let stage = Stage::with(per_key(limits));
    let (one, two) = (runtime(), runtime());
    let lease = one.block_on(stage.fresh("a"));
    let mut there = two.block_on(async { stage.ask("a") });
    let mut here = one.block_on(async { stage.ask("a") });
    one.block_on(async { lease.release() });
    assert!(here.is_pending());
    two.block_on(async {
        settled().await;
        stage.arrive(stage.dials()[0]).await;
        drop(there.lease());
    });
    one.block_on(async {
        settled().await;
        stage.arrive(stage.dials()[0]).await;
        here.lease();
    });
    stage.audit();
}

#[test]
fn who_waits_elsewhere_for_room_in_total_gets_its_turn_though_its_key_has_a_connection() {
    let stage = Stage::with(Policy::default().with_max_connections(2));
    let (one, two) = (runtime(), runtime());
    // Of no use on the other runtime, however soon it is returned.
    let _foreign = one.block_on(stage.fresh("b"));
    two.block_on(async {
        let lease = stage.fresh("a").await;
        let mut starving = stage.ask("b");
        let mut busy = stage.ask("a");
        settled().await;
        lease.release();
        settled().await;
        assert!(busy.is_pending());
        stage.arrive(stage.dials()[0]).await;
        starving.lease();
    });
    stage.audit();
}

#[test]
fn what_is_returned_makes_no_room_for_who_waits_for_its_own_full_key() {
    let limits =
        |key: &&str| KeyLimits::default().with_max_connections(if *key == "b" { 1 } else { 8 });
    let policy = Policy::default().with_max_connections(3);
    let stage = Stage::of(Pool::builder(policy).limits_of(limits).build());
    let (one, two) = (runtime(), runtime());
    let _foreign = one.block_on(stage.fresh("b"));
    two.block_on(async {
        let (lease, _other) = (stage.fresh("a").await, stage.fresh("c").await);
        // Behind it, nobody looks whether the next has room under its key.
        let _first = stage.ask("c");
        let _full = stage.ask("b");
        let mut next = stage.ask("a");
        settled().await;
        lease.release();
        next.lease();
    });
    stage.audit();
}

#[test]
fn an_abandoned_dial_makes_room_while_its_runtime_sleeps() {
    let per_key = KeyLimits::default().with_max_connections(1);
    for policy in [
        Policy::default().with_max_connections(1),
        Policy::default().with_per_key(per_key),
    ] {
        let stage = Stage::with(policy);
        let (one, two) = (runtime(), runtime());
        let hanging = one.block_on(async {
            let ask = stage.ask("a");
            settled().await;
            ask
        });
        let abandoned = stage.dials()[0];
        drop(hanging);
        // From here on nobody drives the first runtime.
        let (lease, dialled) = two.block_on(async {
            let mut ask = stage.ask("a");
            settled().await;
            let dial = *stage.dials().last().expect("a dial of its own");
            stage.arrive(dial).await;
            (ask.lease(), dial)
        });
        assert_ne!(dialled, abandoned);
        assert_eq!(stage.counts(), [0, 1, 0, 0]);
        // When it wakes, the dial finds that its slot is another's.
        one.block_on(stage.end_sleeping_dial(abandoned));
        assert_eq!(stage.counts(), [0, 1, 0, 0]);
        stage.audit();
        two.block_on(async { lease.release() });
        let counters = stage.pool.stats().counters;
        assert_eq!((counters.dials, counters.dials_cancelled), (2, 1));
        assert_eq!(counters.closes.total(), 0);
    }
}

#[test]
fn a_shutdown_that_runs_out_of_time_takes_no_room_for_those_who_have_failed() {
    let stage = Stage::with(Policy::default().with_max_connections(1));
    let (one, two) = (runtime(), runtime());
    let waiting = one.block_on(async {
        let waiting = [stage.ask("a"), stage.ask("b")];
        settled().await;
        waiting
    });
    let left = two.block_on(stage.pool.shutdown(Duration::ZERO));
    assert_eq!((left.dialling, left.waiting), (1, 2));
    // Its task hears that it is cancelled when its runtime goes on.
    assert_eq!(stage.counts(), [0, 0, 1, 0]);
    one.block_on(settled());
    drop(waiting);
    assert_eq!(stage.counts(), [0; 4]);
    stage.audit();
}

#[test]
fn a_runtime_that_ends_takes_its_idle_connections_and_dials_along() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(3)));
    let one = runtime();
    let (lent, mut waiting) = one.block_on(async {
        stage.idle("a", 1).await;
        let lent = stage.lease("a").expect("one idles");
        stage.idle("a", 1).await;
        let waiting = stage.wait("a", Want::Fresh);
        settled().await;
        (lent, waiting)
    });
    assert_eq!(stage.counts(), [1, 1, 1, 1]);
    drop(one);
    assert_eq!(stage.counts(), [0, 1, 0, 0]);
    assert!(matches!(waiting.error(), WaitError::NoRuntime));
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::RuntimeEnded), 1);
    stage.audit();

    // What was lent may be released nowhere, and is of no use to the next runtime.
    let two = runtime();
    lent.release();
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    stage.audit_empty();
    two.block_on(async {
        let leases = [stage.fresh("a").await, stage.fresh("a").await];
        assert_eq!(leases.map(|it| it.uses()), [1, 1]);
    });
}

#[test]
fn settling_on_a_runtime_that_has_ended_closes() {
    let stage = Stage::with(Policy::default());
    let one = runtime();
    let lease = one.block_on(stage.fresh("a"));
    drop(one);
    lease.settle(Duration::from_secs(1), |horse| async { Some(horse) });
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    stage.audit_empty();
}

#[test]
fn many_who_wait_on_a_runtime_that_has_ended_all_fail_at_once() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_connections(1)));
    let one = runtime();
    let (lease, asks) = one.block_on(async {
        let lease = stage.fresh("a").await;
        let asks: Vec<_> = (0..9_000).map(|_| stage.ask("a")).collect();
        (lease, asks)
    });
    drop(one);
    // The slot comes back, and with it the dial of the first who waits, on no runtime.
    drop(lease);
    for mut ask in asks {
        assert!(matches!(ask.error(), WaitError::NoRuntime));
    }
    stage.audit_empty();
}

#[test]
fn runtimes_at_once_from_several_threads_stay_within_the_limits() {
    let limits = KeyLimits::default().with_max_connections(4);
    let stage = Stage::with(per_key(limits).with_max_connections(6));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let stage = stage.clone();
            std::thread::spawn(move || {
                runtime().block_on(async move {
                    for round in 0..200 {
                        work(&stage, ["a", "b"][round % 2]).await;
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("the work is done");
    }
    stage.audit_empty();
    assert_eq!(stage.pool.stats().counters.waits_refused, 0);
}

async fn work(stage: &Stage, key: &'static str) {
    let found = stage.lease(key);
    let lease = match found {
        Some(lease) => lease,
        None => {
            let stable = stage.stable.clone();
            let wait = stage
                .pool
                .wait(key, Want::Any, move || async move { Ok(stable.horse()) });
            tokio::time::timeout(Duration::from_secs(20), wait)
                .await
                .expect("nobody is forgotten")
                .expect("dials never fail here")
        }
    };
    tokio::task::yield_now().await;
    stage.audit();
    if lease.number.is_multiple_of(7) {
        drop(lease);
    } else {
        lease.release();
    }
}
