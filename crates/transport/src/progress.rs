use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::endpoint::Endpoint;
use crate::error::{ConnectError, Failure, Phase};
use crate::facts::Attempt;

/// Where a connect stands, for whoever waits for it and has less time than it has.
///
/// Given to [`Connector::connect_watched`](crate::Connector::connect_watched), which keeps it up to
/// date. Nobody is woken by it.
///
/// It shows one connect at a time. Once that is over or dropped it may be given to another; one that
/// begins earlier leaves it alone, and is shown nowhere.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use postrider_transport::{Connector, Endpoint, Host, Progress, Security};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let connector = Connector::builder()
///     .connect_with(|_| std::future::pending::<std::io::Result<tokio::io::Empty>>())
///     .build();
/// let endpoint = Endpoint::new(Host::Name("a.test".into()), 80, Security::Plain);
/// let progress = Arc::new(Progress::new());
/// let connecting = tokio::spawn({
///     let (endpoint, progress) = (endpoint.clone(), Arc::clone(&progress));
///     async move { connector.connect_watched(&endpoint, &progress).await }
/// });
/// tokio::time::sleep(Duration::from_millis(20)).await;
/// let so_far = progress.timed_out(&endpoint).unwrap().to_string();
/// assert!(so_far.starts_with("could not connect to a.test:80: timed out after "));
/// # connecting.abort();
/// # });
/// ```
#[derive(Default)]
pub struct Progress(Mutex<Stage>);

#[derive(Default)]
enum Stage {
    #[default]
    Ahead,
    UnderWay(Course),
    Over,
}

/// What a connect has come through so far.
struct Course {
    began: Instant,
    phase: Phase,
    /// The addresses that are being tried, each with its beginning.
    under_way: Vec<(SocketAddr, Instant)>,
    /// In the order of their ends.
    ended: Vec<Attempt>,
}

impl Progress {
    /// That of a connect which has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the connect has begun, whatever has become of it since.
    pub fn has_begun(&self) -> bool {
        !matches!(*self.stage(), Stage::Ahead)
    }

    /// Whether the connect has begun and not ended, nor been dropped.
    pub fn is_under_way(&self) -> bool {
        matches!(*self.stage(), Stage::UnderWay(_))
    }

    /// The error by which the connect to this endpoint would end if its time were up now: in which
    /// phase it is, and every address that was tried up to now. `None` unless it is
    /// [under way](Self::is_under_way).
    pub fn timed_out(&self, endpoint: &Endpoint) -> Option<ConnectError> {
        match &*self.stage() {
            Stage::UnderWay(course) => Some(ConnectError::new(
                course.expired(),
                endpoint,
                course.began.elapsed(),
            )),
            Stage::Ahead | Stage::Over => None,
        }
    }

    /// Begins, and is over when what this gives is dropped. Where another connect is under way, a
    /// progress apart begins: what one connect tries is no matter to the other.
    pub(crate) fn begin(&self, began: Instant) -> UnderWay<'_> {
        let course = Stage::UnderWay(Course {
            began,
            phase: Phase::Resolve,
            under_way: Vec::new(),
            ended: Vec::new(),
        });
        let mut stage = self.stage();
        if let Stage::UnderWay(_) = *stage {
            return UnderWay::Apart(Box::new(Self(Mutex::new(course))));
        }
        *stage = course;
        UnderWay::Shown(self)
    }

    /// The connect is in this phase from here on.
    pub(crate) fn enter(&self, phase: Phase) {
        self.update(|course| course.phase = phase);
    }

    pub(crate) fn start(&self, addr: SocketAddr, now: Instant) {
        self.update(|course| {
            // Room for one, as at the end: of ten thousand connects at once, most have one address.
            course.under_way.reserve_exact(1);
            course.under_way.push((addr, now));
        });
    }

    /// An attempt is over: by failure, or with the connection that carries on.
    pub(crate) fn end(&self, addr: SocketAddr, error: Option<Arc<io::Error>>) {
        self.update(|course| {
            let mut under_way = course.under_way.iter();
            if let Some(n) = under_way.position(|(it, _)| *it == addr) {
                let (_, since) = course.under_way.remove(n);
                course.ended.reserve_exact(1);
                course.ended.push(course.attempt(addr, since, error));
            }
        });
    }

    /// The connection that carried on has come to nothing after all.
    pub(crate) fn disqualify(&self, addr: SocketAddr, error: Arc<io::Error>) {
        let now = Instant::now();
        self.update(|course| {
            let began = course.began;
            let mut latest = course.ended.iter_mut().rev();
            if let Some(attempt) = latest.find(|it| it.addr == addr && it.error.is_none()) {
                attempt.fail(error, now - began);
            }
        });
    }

    /// From the beginning to this moment.
    pub(crate) fn until(&self, now: Instant) -> Duration {
        self.update(|course| now - course.began)
    }

    /// How the connect would end if its time were up now.
    pub(crate) fn expired(&self) -> Failure {
        match &*self.stage() {
            Stage::UnderWay(course) => course.expired(),
            Stage::Ahead | Stage::Over => Failure::timed_out(Phase::Resolve),
        }
    }

    pub(crate) fn has_attempts(&self) -> bool {
        self.update(|course| !course.ended.is_empty() || !course.under_way.is_empty())
    }

    /// The attempts that have ended.
    pub(crate) fn take_attempts(&self) -> Vec<Attempt> {
        self.update(|course| std::mem::take(&mut course.ended))
    }

    fn update<R: Default>(&self, change: impl FnOnce(&mut Course) -> R) -> R {
        match &mut *self.stage() {
            Stage::UnderWay(course) => change(course),
            Stage::Ahead | Stage::Over => R::default(),
        }
    }

    fn stage(&self) -> std::sync::MutexGuard<'_, Stage> {
        // Nothing of a user's runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Course {
    fn expired(&self) -> Failure {
        let mut attempts = self.ended.clone();
        if self.phase == Phase::Tls
            && let Some(connected) = attempts.iter_mut().rfind(|it| it.error.is_none())
        {
            connected.fail(Arc::new(handshake_timed_out()), self.began.elapsed());
        }
        let unanswered = self.under_way.iter().map(|(addr, since)| {
            let error = io::ErrorKind::TimedOut.into();
            self.attempt(*addr, *since, Some(Arc::new(error)))
        });
        attempts.extend(unanswered);
        Failure::timed_out(self.phase).after(attempts)
    }

    fn attempt(&self, addr: SocketAddr, since: Instant, error: Option<Arc<io::Error>>) -> Attempt {
        Attempt {
            addr,
            started: since - self.began,
            elapsed: since.elapsed(),
            error,
        }
    }
}

impl Attempt {
    /// `at` counts as `started` does.
    fn fail(&mut self, error: Arc<io::Error>, at: Duration) {
        self.error = Some(error);
        self.elapsed = at.saturating_sub(self.started);
    }
}

/// A connect that is under way for as long as this lives.
pub(crate) enum UnderWay<'a> {
    Shown(&'a Progress),
    Apart(Box<Progress>),
}

impl UnderWay<'_> {
    /// What the connect is to keep up to date.
    pub(crate) fn progress(&self) -> &Progress {
        match self {
            Self::Shown(progress) => progress,
            Self::Apart(progress) => progress,
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let over = std::mem::replace(&mut *self.progress().stage(), Stage::Over);
        // Outside the lock.
        drop(over);
    }
}

/// What an address failed of whose handshake took too long.
pub(crate) fn handshake_timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "TLS handshake timed out")
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self.stage() {
            Stage::Ahead => "Progress(ahead)",
            Stage::UnderWay(_) => "Progress(under way)",
            Stage::Over => "Progress(over)",
        })
    }
}

#[cfg(test)]
mod tests;
