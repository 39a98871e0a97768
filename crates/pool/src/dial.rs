//! A dial: a task of the pool that makes one connection.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::contain::contain;
use crate::host::Handle;
use crate::ledger::{DialEnd, DialId, DialState};
use crate::reusable::Reusable;

/// A dial that has not begun. It spawns itself, so that its future lies in its task, and a waiter
/// whose turn has not come holds no room for it.
pub(crate) type Dial<T> = Box<dyn FnOnce(Errand<T>, &Handle) + Send>;

pub(crate) fn prepare<T, F, Fut>(dial: F) -> Dial<T>
where
    T: Reusable,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, T::Error>> + Send + 'static,
{
    Box::new(|errand, runtime| {
        runtime.spawn(errand.run(dial));
    })
}

/// Answers for a dial's slot until the dial has ended, however it ends: with a connection, an error
/// or a panic, by being cancelled, or by the end of its runtime, which drops it.
pub(crate) struct Errand<T: Reusable> {
    office: Arc<dyn Office<T>>,
    dial: DialId,
    /// The office knows how it ended.
    is_over: bool,
}

/// Whom a dial tells how it goes: its pool, whatever keys that has.
pub(crate) trait Office<T: Reusable>: Send + Sync {
    fn poll_dial(self: Arc<Self>, dial: DialId, waker: &Waker) -> DialState;
    fn dialled(self: Arc<Self>, dial: DialId, made: Made<T>);
    fn dial_ended(self: Arc<Self>, dial: DialId, end: DialEnd<T::Error>);
}

/// A connection that has been made, and how long its peer keeps it.
pub(crate) type Made<T> = (T, Option<Duration>);

impl<T: Reusable> Errand<T> {
    pub(crate) fn new(office: Arc<dyn Office<T>>, dial: DialId) -> Self {
        Self {
            office,
            dial,
            is_over: false,
        }
    }

    /// Takes the factory and not its future, as there would be room in the task for both the
    /// argument and what is polled. For the same reason it is no `async fn`.
    fn run<F, Fut>(mut self, factory: F) -> impl Future<Output = ()> + Send + 'static
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, T::Error>> + Send + 'static,
    {
        let mut factory = Some(factory);
        async move {
            let end = {
                let mut dial = pin!(None);
                let end = poll_fn(|cx| self.poll(&mut factory, dial.as_mut(), cx)).await;
                // First, so that nothing of it is left once the slot is told of.
                contain(|| dial.set(None));
                end
            };
            match end {
                Ok(made) => self.succeed(made),
                Err(end) => self.tell_end(end),
            }
        }
    }

    /// After it has been ready, it is not polled again.
    fn poll<F, Fut>(
        &self,
        factory: &mut Option<F>,
        mut dial: Pin<&mut Option<Fut>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Made<T>, DialEnd<T::Error>>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, T::Error>>,
    {
        let office = Arc::clone(&self.office);
        if office.poll_dial(self.dial, cx.waker()) == DialState::Cancelled {
            return Poll::Ready(Err(DialEnd::Cancelled));
        }
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Some(factory) = factory.take() {
                dial.set(Some(factory()));
            }
            let Some(dial) = dial.as_pin_mut() else {
                return Poll::Pending;
            };
            dial.poll(cx).map_ok(|connection| {
                let idle_limit = connection.idle_limit();
                (connection, idle_limit)
            })
        }));
        match polled {
            Ok(polled) => polled.map_err(|error| DialEnd::Failed(Arc::new(error))),
            Err(_) => Poll::Ready(Err(DialEnd::Panicked)),
        }
    }

    fn succeed(mut self, made: Made<T>) {
        self.is_over = true;
        Arc::clone(&self.office).dialled(self.dial, made);
    }

    fn tell_end(&mut self, end: DialEnd<T::Error>) {
        self.is_over = true;
        Arc::clone(&self.office).dial_ended(self.dial, end);
    }
}

impl<T: Reusable> Drop for Errand<T> {
    fn drop(&mut self) {
        if !self.is_over {
            self.tell_end(DialEnd::RuntimeEnded);
        }
    }
}
