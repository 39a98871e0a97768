//! Futures that are polled by hand, and only once they have been woken.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::stage::{Answer, Fall, Horse, Station};
use crate::{Lease, Wait, WaitError};

/// A wait that is polled by hand: a lost wake-up shows.
pub(super) struct Ask(ByHand<Wait<Station, Horse>>);

/// A future that is polled by hand, and only once it has been woken.
pub(super) struct ByHand<F> {
    future: Pin<Box<F>>,
    flag: Arc<Flag>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<F: Future> ByHand<F> {
    pub(super) fn new(future: F) -> Self {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        Self {
            future: Box::pin(future),
            flag,
        }
    }

    /// What comes of it, if it has been woken for that.
    pub(super) fn outcome(&mut self) -> Option<F::Output> {
        if !self.flag.0.swap(false, Ordering::SeqCst) {
            return None;
        }
        let waker = Waker::from(Arc::clone(&self.flag));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => None,
            Poll::Ready(outcome) => Some(outcome),
        }
    }

    pub(super) fn is_woken(&self) -> bool {
        self.flag.0.load(Ordering::SeqCst)
    }

    pub(super) fn future(&self) -> &F {
        &self.future
    }
}

impl Ask {
    pub(super) fn new(wait: Wait<Station, Horse>) -> Self {
        Self(ByHand::new(wait))
    }

    /// The answer, if the wait has been woken for one.
    pub(super) fn answer(&mut self) -> Option<Answer> {
        self.0.outcome()
    }

    pub(super) fn is_woken(&self) -> bool {
        self.0.is_woken()
    }

    pub(super) fn is_held_back(&self) -> bool {
        self.0.future().is_held_back()
    }

    pub(super) fn lease(&mut self) -> Lease<Station, Horse> {
        self.answer().expect("an answer").expect("a connection")
    }

    pub(super) fn error(&mut self) -> WaitError<Fall> {
        self.answer().expect("an answer").expect_err("an error")
    }

    pub(super) fn is_pending(&mut self) -> bool {
        self.answer().is_none()
    }
}
