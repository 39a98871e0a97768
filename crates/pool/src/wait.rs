//! Waiting for a connection.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::dial::{Dial, prepare};
use crate::error::WaitError;
use crate::host::Handle;
use crate::lease::Lease;
use crate::ledger::{Asking, AskingAgain, Joined, WaiterIndex, Want};
use crate::pool::Pool;
use crate::reusable::{Key, Reusable};
use crate::shared::Tokio;
use crate::stats::Retirement;

/// A place in the line of those who wait for a connection, made by [`Pool::wait`].
///
/// A place in the line is taken when this is made, not when it is first polled. After it has given
/// its result it stays pending.
///
/// # Errors
///
/// [`WaitError`] says why there is no connection.
///
/// # Cancel safety
///
/// Dropping this leaves the line. The dial that was begun for it goes on for others, for a grace if
/// there are none and nobody needs its room. A connection that had been given to it but not fetched
/// goes back to the pool.
#[must_use = "dropping a place in the line leaves the line"]
pub struct Wait<K: Key, T: Reusable> {
    state: State<K, T>,
}

enum State<K: Key, T: Reusable> {
    // The handle keeps the pool from closing while somebody waits.
    Lined {
        pool: Pool<K, T>,
        waiter: WaiterIndex,
    },
    Answered(Box<Answer<K, T>>),
    Over,
}

type Answer<K, T> = Result<Lease<K, T>, WaitError<<T as Reusable>::Error>>;

impl<K: Key, T: Reusable> Pool<K, T> {
    /// The slow path: joins the key's line, first come, first served. If the line is longer than
    /// the dials under way, and the limits allow it, a dial begins, as a task of the pool on this
    /// runtime. Whichever comes first, a returned connection or a finished dial, serves the head
    /// of the line.
    ///
    /// `dial` is called at most once, when its turn comes, and may then serve another waiter of
    /// the same key: it should depend on nothing but the key. It must end by itself, within a
    /// timeout of its own. If it fails, its waiter fails, and so do those who waited already when
    /// it began, if there is no other dial and no lent connection that they could wait for.
    ///
    /// An idle connection that turned up since [`lease`](Self::lease) found none is given
    /// unchecked; [`Lease::source`] tells. Whoever is given one that turns out to be closed says so
    /// to [`Lease::refuse`], and keeps its place in the line.
    pub fn wait<F, Fut>(&self, key: K, want: Want, dial: F) -> Wait<K, T>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, T::Error>> + Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else {
            return Wait::failed(WaitError::NoRuntime);
        };
        let asking = self.asking(key, want, runtime, prepare(dial));
        let shared = self.shared();
        let now = shared.now();
        let joined = shared.update(|ledger, after| ledger.join(asking, now, after));
        Wait::new(self, joined)
    }

    pub(crate) fn asking(
        &self,
        key: K,
        want: Want,
        runtime: Handle,
        dial: Dial<T>,
    ) -> Asking<K, Tokio<T>> {
        Asking {
            address: self.address(key, runtime),
            want,
            dial,
        }
    }
}

impl<K: Key, T: Reusable> Lease<K, T> {
    /// Closes the connection, as [`close`](Self::close) does, and waits for another in the place
    /// that this request had in the line: whoever came later is served later. It is how whoever was
    /// given a connection unchecked, handed on or idle, says that its peer has closed it.
    ///
    /// The request has been admitted once: it is not refused by a full line, nor by a pool that is
    /// being shut down and serves those in line to the end. `dial` is as [`Pool::wait`] describes
    /// it, and runs on the connection's runtime. If one has begun already for somebody who came
    /// later, that one's serves this request, and this one's that one.
    ///
    /// Give back what [`Pool::lease`] has lent, and its place is that of a request that came then.
    ///
    /// ```
    /// # use std::{convert::Infallible, time::Duration};
    /// # use postrider_pool::{Policy, Pool, Retirement, Reusable, Source, Want};
    /// # struct Horse { is_lame: bool }
    /// # impl Reusable for Horse {
    /// #     type Error = Infallible;
    /// #     fn has_ended(&mut self) -> bool { self.is_lame }
    /// #     fn idle_limit(&self) -> Option<Duration> { None }
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let pool: Pool<&str, Horse> = Pool::new(Policy::default());
    /// # let saddle = || async { Ok(Horse { is_lame: false }) };
    /// let mut lease = pool.wait("station", Want::Any, saddle).await?;
    /// while lease.source() != Source::Dialled && lease.has_ended() {
    ///     lease = lease.refuse(Retirement::Stale, Want::Any, saddle).await?;
    /// }
    /// # Ok::<(), postrider_pool::WaitError<Infallible>>(())
    /// # }).unwrap();
    /// ```
    pub fn refuse<F, Fut>(self, reason: Retirement, want: Want, dial: F) -> Wait<K, T>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, T::Error>> + Send + 'static,
    {
        let mut claim = self.drop_connection(reason);
        let Some(pool) = Pool::of(claim.shared()) else {
            return Wait::failed(WaitError::ShutDown);
        };
        let asking = AskingAgain {
            reason,
            want,
            dial: prepare(dial),
        };
        let now = claim.shared().now();
        let joined =
            claim.give_up(|ledger, slot, after| ledger.join_again(slot, asking, now, after));
        Wait::new(&pool, joined)
    }
}

impl<K: Key, T: Reusable> Wait<K, T> {
    pub(crate) fn new(pool: &Pool<K, T>, joined: Joined<T>) -> Self {
        let state = match joined {
            Joined::Served(taken) => {
                State::Answered(Box::new(Ok(Lease::new(Arc::clone(pool.shared()), taken))))
            }
            Joined::Waiting(waiter) => State::Lined {
                pool: pool.clone(),
                waiter,
            },
            Joined::Refused(error) => State::Answered(Box::new(Err(error))),
        };
        Self { state }
    }

    pub(crate) fn failed(error: WaitError<T::Error>) -> Self {
        Self {
            state: State::Answered(Box::new(Err(error))),
        }
    }

    /// Whether no dial has begun yet for this place in the line: a limit holds it back, or a dial
    /// that others have left behind is to serve it. `false` once there is an answer.
    ///
    /// Takes the pool's lock for a moment.
    pub fn is_held_back(&self) -> bool {
        match &self.state {
            State::Lined { pool, waiter } => pool
                .shared()
                .update(|ledger, _| ledger.is_held_back(*waiter)),
            State::Answered(_) | State::Over => false,
        }
    }
}

impl<K: Key, T: Reusable> Future for Wait<K, T> {
    type Output = Answer<K, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Lined { pool, waiter } = &self.state {
            let shared = Arc::clone(pool.shared());
            let polled =
                shared.update(|ledger, after| ledger.poll_waiter(*waiter, cx.waker(), after));
            let Poll::Ready(answer) = polled else {
                return Poll::Pending;
            };
            let answer = answer.map(|taken| Lease::new(shared, taken));
            self.state = State::Over;
            return Poll::Ready(answer);
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Answered(answer) => Poll::Ready(*answer),
            State::Lined { .. } | State::Over => Poll::Pending,
        }
    }
}

// The connection is never polled in place.
impl<K: Key, T: Reusable> Unpin for Wait<K, T> {}

impl<K: Key, T: Reusable> Drop for Wait<K, T> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Lined { pool, waiter } => {
                let shared = Arc::clone(pool.shared());
                let now = shared.moment();
                let unseen = shared.update(|ledger, after| ledger.leave(waiter, now, after));
                if let Some(taken) = unseen {
                    Lease::new(shared, taken).release_unused();
                }
            }
            State::Answered(answer) => {
                if let Ok(lease) = *answer {
                    lease.release_unused();
                }
            }
            State::Over => {}
        }
    }
}

impl<K: Key, T: Reusable> fmt::Debug for Wait<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Lined { .. } => "Wait(in line)",
            State::Answered(_) => "Wait(answered)",
            State::Over => "Wait(over)",
        })
    }
}
