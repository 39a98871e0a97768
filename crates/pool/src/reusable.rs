//! What the pool asks of a connection, and of the keys it is kept under.

use std::hash::Hash;
use std::task::{Context, Poll};
use std::time::Duration;

/// A connection that can serve one request after another.
///
/// Dropping the value closes the connection. The pool drops it, and calls these methods, without
/// holding a lock.
pub trait Reusable: Send + 'static {
    /// Why a dial failed; shared by the waiters that fail with it.
    type Error: Send + Sync + 'static;

    /// A cheap look at an idle connection: has the peer closed it, or sent something unasked?
    ///
    /// The sweeper asks each idle connection about once a second, so this should cost no system
    /// call in the common case.
    fn has_ended(&mut self) -> bool;

    /// Whether it must serve no more, though its peer keeps it: what it was made by has changed
    /// since, such as credentials.
    ///
    /// Asked when the connection is returned, and by the sweeper before
    /// [`has_ended`](Self::has_ended); one that is retired is closed, and counted as
    /// [`Replaced`](crate::Retirement::Replaced). [`Pool::close_retired`](crate::Pool::close_retired)
    /// asks all that idle. The default is never retired.
    fn is_retired(&self) -> bool {
        false
    }

    /// How long the peer said it keeps an idle connection, any margin already taken off; `None` if
    /// it said nothing.
    ///
    /// Asked when the connection has been made, and whenever it is returned. With zero, one that
    /// is returned is closed instead of being kept or handed on; one that has been made still
    /// serves who waits for it, and is closed if nobody does.
    fn idle_limit(&self) -> Option<Duration>;

    /// Says goodbye to the peer before the connection is dropped, for
    /// [`Pool::shutdown`](crate::Pool::shutdown), which waits for it within its deadline.
    ///
    /// The default has nothing to say.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }
}

/// What connections are kept under: everything that must be equal for two requests to share one.
///
/// Every type that can be one is one. The pool clones a key when it first meets it and for
/// [`Pool::stats`](crate::Pool::stats), so a clone should be cheap. Its `Clone`, its `Eq` and its
/// `Borrow` run while the pool is locked, so they must not call the pool; its `Hash` and its `Drop`
/// may.
pub trait Key: Clone + Eq + Hash + Send + 'static {}

impl<K: Clone + Eq + Hash + Send + 'static> Key for K {}
