//! Code of the user's own: its panics become errors.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Runs code of the user's own so that its panic becomes an error.
pub(crate) async fn guarded<T>(
    start: impl FnOnce() -> BoxFuture<io::Result<T>> + Send,
) -> io::Result<T> {
    Guarded::new(guarded_call(start)?).await
}

/// A future of the user's own whose panic becomes an error, and goes no further where it is
/// dropped.
///
/// The future is never polled again after a panic, which is what makes the assertions of unwind
/// safety true.
pub(crate) struct Guarded<T> {
    /// Until it is dropped.
    future: Option<BoxFuture<io::Result<T>>>,
}

impl<T> Guarded<T> {
    pub(crate) fn new(future: BoxFuture<io::Result<T>>) -> Self {
        Self {
            future: Some(future),
        }
    }
}

impl<T> Future for Guarded<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.future {
            Some(future) => poll_guarded(future.as_mut(), cx),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let future = self.future.take();
        // The answer is there or not wanted any more; the panic has been printed.
        let _ = guarded_call(|| drop(future));
    }
}

/// One poll of the same.
pub(crate) fn poll_guarded<T>(
    future: Pin<&mut (impl Future<Output = io::Result<T>> + ?Sized)>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<T>> {
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(poll) => poll,
        Err(payload) => Poll::Ready(Err(panicked(payload))),
    }
}

/// The same for code that does not wait.
///
/// The functions that are called so are `Fn`: whatever they left half done is their own, behind a
/// lock that they must mind themselves.
pub(crate) fn guarded_call<T>(call: impl FnOnce() -> T) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(call)).map_err(panicked)
}

/// Whether the error stands for a panic that was caught here, also where callers share it.
pub(crate) fn is_panic(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        let shared = inner.downcast_ref::<Arc<io::Error>>();
        inner.is::<Panicked>() || shared.is_some_and(|error| is_panic(error))
    })
}

fn panicked(payload: Box<dyn Any + Send>) -> io::Error {
    // The payload is the user's own as well.
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
    io::Error::other(Panicked)
}

#[derive(Debug)]
struct Panicked;

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("user code panicked")
    }
}

impl Error for Panicked {}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }

    #[tokio::test]
    async fn a_future_that_panics_when_it_is_dropped_keeps_its_answer() {
        let answer = guarded(|| Box::pin(Idle(Bomb))).await;
        assert_eq!(answer.unwrap(), 7);
    }

    /// Keeps what it owns beyond its answer.
    struct Idle(Bomb);

    impl Future for Idle {
        type Output = io::Result<u8>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Ready(Ok(7))
        }
    }

    #[tokio::test]
    async fn a_panic_with_a_payload_that_panics_is_an_error() {
        let outcome = guarded::<()>(|| Box::pin(async { std::panic::panic_any(Bomb) })).await;
        assert!(is_panic(&outcome.unwrap_err()));
        let outcome = guarded_call(|| std::panic::panic_any(Bomb));
        assert!(is_panic(&outcome.unwrap_err()));
    }
}
