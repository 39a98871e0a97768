//! A dial: a task of the pool that makes one connection.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::ledger::{DialEnd, DialState, SlotIndex};
use crate::reusable::{Key, Reusable};
use crate::shared::{Dial, Shared, contain};

/// Answers for a slot until its dial has ended, however it ends: with a connection, an error or a
/// panic, by being cancelled, or by the end of its runtime, which drops it.
pub(crate) struct DialTask<K: Key, T: Reusable> {
    shared: Arc<Shared<K, T>>,
    slot: SlotIndex,
    /// `None` once the dial has ended and the ledger knows.
    dial: Option<Dial<T>>,
}

impl<K: Key, T: Reusable> DialTask<K, T> {
    pub(crate) fn new(shared: Arc<Shared<K, T>>, slot: SlotIndex, dial: Dial<T>) -> Self {
        Self {
            shared,
            slot,
            dial: Some(dial),
        }
    }

    fn succeed(&mut self, connection: T, idle_limit: Option<Duration>) {
        let dial = self.dial.take();
        let now = self.shared.now();
        tracing::debug!(target: "postrider::pool", "connection made");
        self.shared.update(|ledger, after| {
            ledger.dialled(self.slot, connection, idle_limit, now, after);
        });
        drop(dial);
    }

    fn end(&mut self, end: DialEnd<T::Error>) {
        let dial = self.dial.take();
        contain(|| drop(dial));
        let now = self.shared.moment();
        tracing::debug!(target: "postrider::pool", outcome = end.name(), "dial ended");
        self.shared.update(|ledger, after| {
            ledger.dial_ended(self.slot, end, now, after);
        });
    }
}

impl<K: Key, T: Reusable> Future for DialTask<K, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(dial) = &mut this.dial else {
            return Poll::Ready(());
        };
        let state = this
            .shared
            .update(|ledger, after| ledger.poll_dial(this.slot, cx.waker(), after));
        if state == DialState::Cancelled {
            this.end(DialEnd::Cancelled);
            return Poll::Ready(());
        }
        // After a panic the dial is dropped and never polled again.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            dial.as_mut().poll(cx).map_ok(|connection| {
                let idle_limit = connection.idle_limit();
                (connection, idle_limit)
            })
        }));
        match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok((connection, idle_limit)))) => this.succeed(connection, idle_limit),
            Ok(Poll::Ready(Err(error))) => this.end(DialEnd::Failed(Arc::new(error))),
            Err(_) => this.end(DialEnd::Panicked),
        }
        Poll::Ready(())
    }
}

impl<K: Key, T: Reusable> Drop for DialTask<K, T> {
    fn drop(&mut self) {
        if self.dial.is_some() {
            self.end(DialEnd::RuntimeEnded);
        }
    }
}
