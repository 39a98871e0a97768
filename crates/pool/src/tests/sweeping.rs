//! The sweeper.

use super::stage::{Stage, pass, per_key, seconds, settled};
use crate::{KeyLimits, Lease, Policy, Retirement};

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_its_peer_ended_is_closed_within_about_a_second() {
    let stage = Stage::with(Policy::default());
    let numbers = stage.idle("a", 3).await;
    stage.stable.records().ended.insert(numbers[1]);
    pass(seconds(2)).await;
    assert_eq!(stage.closed(), [numbers[1]]);
    let closes = stage.pool.stats().counters.closes;
    assert_eq!(closes.of(Retirement::Ended), 1);
    assert_eq!(stage.counts(), [2, 0, 0, 0]);
    // Their order has not suffered from being looked at.
    assert_eq!(stage.lease("a").map(|it| it.number), Some(numbers[2]));
}

#[tokio::test(start_paused = true)]
async fn what_is_retired_is_told_from_what_its_peer_ended() {
    let stage = Stage::with(Policy::default());
    let numbers = stage.idle("a", 3).await;
    stage.stable.records().retired.extend(&numbers[..2]);
    stage.stable.records().ended.extend(&numbers[1..]);
    pass(seconds(2)).await;
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    let closes = stage.pool.stats().counters.closes;
    let counts = [Retirement::Replaced, Retirement::Ended].map(|reason| closes.of(reason));
    assert_eq!(counts, [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_retired_while_it_was_lent_is_closed_at_its_return() {
    let stage = Stage::with(Policy::default());
    for release in [Lease::release, Lease::release_unused] {
        let lease = stage.fresh("a").await;
        stage.stable.records().retired.insert(lease.number);
        release(lease);
        assert_eq!(stage.counts(), [0, 0, 0, 0]);
    }
    let closes = stage.pool.stats().counters.closes;
    assert_eq!((closes.of(Retirement::Replaced), closes.total()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_expired_connection_is_closed_without_being_asked_for() {
    let stage = Stage::with(Policy::default().with_idle_timeout(Some(seconds(5))));
    stage.idle("a", 2).await;
    pass(seconds(4)).await;
    assert_eq!(stage.counts(), [2, 0, 0, 0]);
    pass(seconds(3)).await;
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
    stage.audit_empty();
}

#[tokio::test(start_paused = true)]
async fn the_sweeper_comes_with_the_first_idle_connection_and_goes_with_the_last() {
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let stage = Stage::with(Policy::default());
    assert_eq!(tasks(), 0);
    stage.idle("a", 2).await;
    stage.idle("b", 1).await;
    assert_eq!(tasks(), 1);
    stage.pool.close_idle();
    pass(seconds(2)).await;
    assert_eq!(tasks(), 0);
    stage.audit_empty();
    stage.idle("a", 1).await;
    assert_eq!(tasks(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_tick_looks_at_a_bounded_number_and_each_has_its_turn() {
    let stage = crowd(3_000).await;
    stage.stable.records().looks = 0;
    pass(std::time::Duration::from_millis(1_250)).await;
    assert_eq!(stage.stable.records().looks, 1_024);
    let everyone: Vec<u32> = (1..=3_000).collect();
    stage.stable.records().ended.extend(everyone);
    pass(seconds(3)).await;
    assert_eq!(stage.counts(), [0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_has_its_turn_however_many_others_are_busy() {
    let stage = crowd(3_000).await;
    for second in 0..10 {
        if second == 6 {
            // The round has long passed the quiet ones, which are the oldest.
            stage.stable.records().ended.extend([1, 1_000]);
        }
        let busy: Vec<_> = (0..2_000).filter_map(|_| stage.lease("a")).collect();
        assert_eq!(busy.len(), 2_000);
        busy.into_iter().for_each(Lease::release);
        pass(seconds(1)).await;
    }
    let mut closed = stage.closed();
    closed.sort_unstable();
    assert_eq!(closed, [1, 1_000]);
}

/// Many idle connections of one key, more than a tick looks at.
async fn crowd(count: u32) -> Stage {
    let policy = Policy::default()
        .with_max_idle(usize::MAX)
        .with_per_key(KeyLimits::default().with_max_idle(usize::MAX));
    let stage = Stage::with(policy);
    let mut asks: Vec<_> = (0..count).map(|_| stage.ask("a")).collect();
    // A runtime polls only so many tasks at a time.
    for _ in 0..100 {
        settled().await;
    }
    for dial in stage.dials() {
        let sender = stage.stable.records().dials.remove(&dial);
        sender.map(|it| it.send(super::stage::Outcome::Arrive));
    }
    for _ in 0..100 {
        settled().await;
    }
    let leases: Vec<_> = asks.iter_mut().map(|ask| ask.lease()).collect();
    leases.into_iter().for_each(Lease::release);
    stage
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_a_connection_is_being_looked_at_waits_for_it_and_does_not_dial() {
    let stage = Stage::with(Policy::default());
    let number = stage.idle("a", 1).await[0];
    let mut ask = None;
    stage.pool.evict(|_, _, _| {
        assert!(stage.lease("a").is_none());
        ask = Some(stage.ask("a"));
        assert_eq!(stage.counts(), [1, 0, 0, 1]);
        false
    });
    let lease = ask.expect("the predicate ran").lease();
    assert_eq!(lease.number, number);
    assert_eq!(stage.pool.stats().counters.dials, 1);
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_connection_that_is_being_looked_at_does_not_fill_the_line() {
    let stage = Stage::with(per_key(KeyLimits::default().with_max_waiting(0)));
    let numbers = stage.idle("a", 2).await;
    let mut asks = Vec::new();
    stage.pool.evict(|_, _, _| {
        if asks.is_empty() {
            // Two for those that will be back, and one with a dial of its own.
            asks.extend((0..3).map(|_| stage.ask("a")));
            assert_eq!(stage.counts(), [2, 0, 1, 3]);
        }
        false
    });
    let mut served: Vec<_> = asks[..2].iter_mut().map(|ask| ask.lease().number).collect();
    served.sort_unstable();
    assert_eq!(served, numbers);
    settled().await;
    stage.arrive(stage.dials()[0]).await;
    asks[2].lease();
    stage.audit();
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_connection_that_turns_out_to_have_ended_dials() {
    let stage = Stage::with(Policy::default());
    stage.idle("a", 1).await;
    let mut ask = None;
    stage.pool.evict(|_, _, _| {
        ask = Some(stage.ask("a"));
        true
    });
    assert_eq!(stage.counts(), [0, 0, 1, 1]);
    settled().await;
    stage.arrive(stage.dials()[0]).await;
    ask.expect("the predicate ran").lease();
}
