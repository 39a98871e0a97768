//! Connections that are on their way out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use crate::contain::contain;
use crate::reusable::Reusable;

/// Connections that the pool has parted with. They are dropped one by one, and one that panics
/// meanwhile keeps neither the others nor whoever drops this from going on.
#[derive(Debug)]
pub(crate) struct Leaving<T: Reusable>(Vec<T>);

impl<T: Reusable> Leaving<T> {
    pub(crate) fn new(connections: Vec<T>) -> Self {
        Self(connections)
    }

    /// Drops each connection once it has said goodbye.
    pub(crate) fn poll_goodbyes(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let gone = self.0.extract_if(.., |connection| {
            let said = catch_unwind(AssertUnwindSafe(|| connection.poll_goodbye(cx)));
            // One that panics has nothing more to say.
            said.map_or(true, |said| said.is_ready())
        });
        gone.for_each(drop_contained);
        if self.0.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl<T: Reusable> Drop for Leaving<T> {
    fn drop(&mut self) {
        self.0.drain(..).for_each(drop_contained);
    }
}

fn drop_contained<T>(connection: T) {
    contain(|| drop(connection));
}
