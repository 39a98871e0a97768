use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Runs code of the user's own so that its panic becomes an error.
///
/// The future is dropped with the panic and never polled again, which is what makes the assertion
/// of unwind safety true.
pub(crate) async fn guarded<T>(
    start: impl FnOnce() -> BoxFuture<io::Result<T>> + Send,
) -> io::Result<T> {
    let mut future = guarded_call(start)?;
    std::future::poll_fn(|cx| poll_guarded(future.as_mut(), cx)).await
}

/// One poll of the same.
pub(crate) fn poll_guarded<T>(
    future: Pin<&mut (impl Future<Output = io::Result<T>> + ?Sized)>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<T>> {
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(poll) => poll,
        Err(_) => Poll::Ready(Err(panicked())),
    }
}

/// The same for code that does not wait.
///
/// The functions that are called so are `Fn`: whatever they left half done is their own, behind a
/// lock that they must mind themselves.
pub(crate) fn guarded_call<T>(call: impl FnOnce() -> T) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| panicked())
}

/// Whether the error stands for a panic that was caught here, also where callers share it.
pub(crate) fn is_panic(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        let shared = inner.downcast_ref::<Arc<io::Error>>();
        inner.is::<Panicked>() || shared.is_some_and(|error| is_panic(error))
    })
}

fn panicked() -> io::Error {
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
