//! Waiting for a connection.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::WaitError;
use crate::lease::Lease;
use crate::ledger::{Joined, WaiterIndex};
use crate::pool::Pool;
use crate::reusable::{Key, Reusable};

/// Which connections a request takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Want {
    /// Any.
    Any,
    /// Only one straight from its dial, as a retry does that must not meet another stale one.
    Fresh,
}

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

impl<K: Key, T: Reusable> Wait<K, T> {
    pub(crate) fn new(pool: &Pool<K, T>, joined: Joined<T>) -> Self {
        let state = match joined {
            Joined::Served(taken) => {
                State::Answered(Box::new(Ok(Lease::new(pool.shared(), taken))))
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
            let shared = pool.shared();
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
                let shared = pool.shared();
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
