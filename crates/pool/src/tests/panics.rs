//! Panics in foreign code: in a connection's drop, its methods, a dial's drop. Slots come back.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::stage::{pass, seconds, settled};
use crate::{KeyLimits, Lease, Policy, Pool, Retirement, Reusable, Wait, WaitError, Want};

/// A connection that panics in one place.
struct Trap(Place);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Nowhere,
    Drop,
    HasEnded,
    IdleLimit,
    Goodbye,
}

impl Reusable for Trap {
    type Error = ();

    fn has_ended(&mut self) -> bool {
        self.snap(Place::HasEnded);
        false
    }

    fn idle_limit(&self) -> Option<Duration> {
        self.snap(Place::IdleLimit);
        None
    }

    fn poll_goodbye(&mut self, _: &mut Context<'_>) -> Poll<()> {
        self.snap(Place::Goodbye);
        Poll::Ready(())
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.snap(Place::Drop);
    }
}

impl Trap {
    fn snap(&self, place: Place) {
        if self.0 == place && !std::thread::panicking() {
            std::panic::resume_unwind(Box::new("a trap snaps"));
        }
    }
}

fn pool() -> Pool<u8, Trap> {
    let limits = KeyLimits::default().with_max_connections(1);
    Pool::new(Policy::default().with_per_key(limits))
}

fn dial(pool: &Pool<u8, Trap>, place: Place) -> Wait<u8, Trap> {
    pool.wait(1, Want::Any, move || async move { Ok(Trap(place)) })
}

async fn trap(pool: &Pool<u8, Trap>, place: Place) -> Lease<u8, Trap> {
    dial(pool, place).await.expect("dialled")
}

/// The slot is free: another connection can be made under a limit of one.
async fn is_free(pool: &Pool<u8, Trap>) {
    trap(pool, Place::Nowhere).await.release();
    pool.close_idle();
    pool.shared().update(|ledger, _| ledger.audit());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_lease_whose_connection_panics_frees_its_slot() {
    let pool = pool();
    let lease = trap(&pool, Place::Drop).await;
    assert!(catch_unwind(AssertUnwindSafe(|| drop(lease))).is_err());
    is_free(&pool).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_panics_while_it_makes_room_does_not_harm_who_waits() {
    let pool = pool();
    trap(&pool, Place::Drop).await.release();
    let wait = pool.wait(1, Want::Fresh, || async { Ok(Trap(Place::Nowhere)) });
    assert!(wait.await.is_ok());
    is_free(&pool).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_panics_when_asked_for_its_limit_is_closed() {
    let pool = pool();
    let dialled = dial(&pool, Place::IdleLimit).await;
    assert!(matches!(dialled, Err(WaitError::DialPanicked)));
    is_free(&pool).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_panics_when_looked_at_is_closed() {
    let pool = pool();
    trap(&pool, Place::HasEnded).await.release();
    pass(seconds(2)).await;
    assert_eq!(pool.totals().connections(), 0);
    assert_eq!(pool.stats().counters.closes.of(Retirement::Ended), 1);
    is_free(&pool).await;
}

#[tokio::test(start_paused = true)]
async fn connections_that_panic_when_the_last_handle_goes_keep_nothing_from_ending() {
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let pool = Pool::new(Policy::default());
    idle(&pool, [Place::Drop, Place::Drop, Place::Nowhere]).await;
    assert_eq!((pool.totals().idle, tasks()), (3, 1));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(pool))).is_ok());
    settled().await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn connections_that_panic_in_a_shutdown_do_not_end_it() {
    let pool = Pool::new(Policy::default());
    let places = [Place::Drop, Place::Goodbye, Place::Drop, Place::Nowhere];
    idle(&pool, places).await;
    let left = pool.shutdown(seconds(1)).await;
    assert_eq!(left.connections(), 0);
}

async fn idle(pool: &Pool<u8, Trap>, places: impl IntoIterator<Item = Place>) {
    let mut leases = Vec::new();
    for place in places {
        leases.push(trap(pool, place).await);
    }
    leases.into_iter().for_each(Lease::release);
    settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_panics_when_dropped_frees_its_slot() {
    struct Falling;

    impl Future for Falling {
        type Output = Result<Trap, ()>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Ready(Err(()))
        }
    }

    impl Drop for Falling {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("a dial panics when dropped"));
        }
    }

    let pool = pool();
    let dialled = pool.wait(1, Want::Any, || Falling).await;
    assert!(dialled.is_err());
    is_free(&pool).await;
}
