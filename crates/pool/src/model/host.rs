//! A host for the model check: a task is a thread, and time stands still until it is told to pass.

#![expect(clippy::unwrap_used, reason = "a panic is how a model check fails")]

use std::future::{Future, poll_fn};
use std::ops::{Add, Sub};
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loom::future::block_on;
pub(crate) use loom::sync::Mutex;
use loom::thread::{JoinHandle, spawn};

loom::lazy_static! {
    static ref TASKS: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());
    static ref CLOCK: Mutex<Clock> = Mutex::new(Clock::Standing(Vec::new()));
}

/// Lets all timeouts elapse, those to come as well, and waits for all tasks to end.
pub(crate) fn end_time() {
    let clock = std::mem::replace(&mut *CLOCK.lock().unwrap(), Clock::Over);
    if let Clock::Standing(sleepers) = clock {
        sleepers.into_iter().for_each(Waker::wake);
    }
    // A task may have spawned others before it ended.
    while let Some(task) = next_task() {
        task.join().unwrap();
    }
}

fn next_task() -> Option<JoinHandle<()>> {
    TASKS.lock().unwrap().pop()
}

enum Clock {
    Standing(Vec<Waker>),
    Over,
}

/// The only runtime there is.
#[derive(Clone, Debug)]
pub(crate) struct Handle;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Id;

impl Handle {
    pub(crate) fn try_current() -> Result<Self, ()> {
        Ok(Self)
    }

    pub(crate) fn id(&self) -> Id {
        Id
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = spawn(|| block_on(task));
        TASKS.lock().unwrap().push(task);
    }
}

/// Tells those who wait at the moment, and nobody who comes later.
#[derive(Debug)]
pub(crate) struct Notify {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    times: u64,
    waiting: Vec<Waker>,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self {
            told: Mutex::new(Told::default()),
        }
    }

    pub(crate) fn notify_waiters(&self) {
        let waiting = {
            let mut told = self.told.lock().unwrap();
            told.times += 1;
            std::mem::take(&mut told.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Counts as waiting from here on, before it is polled.
    pub(crate) fn notified(&self) -> Notified<'_> {
        Notified {
            notify: self,
            since: self.told.lock().unwrap().times,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    since: u64,
}

impl Notified<'_> {
    pub(crate) fn enable(self: Pin<&mut Self>) {}
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut told = self.notify.told.lock().unwrap();
        if told.times > self.since {
            return Poll::Ready(());
        }
        told.waiting.push(cx.waker().clone());
        Poll::Pending
    }
}

/// The one moment there is, and those that are reckoned from it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(unnameable_types, reason = "stands for tokio's in this build only")]
pub struct Instant(std::time::Instant);

impl Instant {
    pub(crate) fn now() -> Self {
        static NOW: OnceLock<std::time::Instant> = OnceLock::new();
        Self(*NOW.get_or_init(std::time::Instant::now))
    }

    pub(crate) fn checked_duration_since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    pub(crate) fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }

    pub(crate) fn checked_sub(self, duration: Duration) -> Option<Self> {
        self.0.checked_sub(duration).map(Self)
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0 - earlier.0
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

/// The timeout was over.
#[derive(Debug)]
pub(crate) struct Elapsed;

pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    timeout_at(Instant::now() + limit, future).await
}

pub(crate) async fn timeout_at<F: Future>(_: Instant, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => poll_end_of_time(cx).map(Err),
    })
    .await
}

fn poll_end_of_time(cx: &Context<'_>) -> Poll<Elapsed> {
    match &mut *CLOCK.lock().unwrap() {
        Clock::Standing(sleepers) => {
            sleepers.push(cx.waker().clone());
            Poll::Pending
        }
        Clock::Over => Poll::Ready(Elapsed),
    }
}
