//! A connect under way, seen from outside.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::endpoint::Endpoint;
use crate::error::{Cause, ConnectError, Failure, Phase};
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
    /// Those that have ended in the order of their ends.
    tries: Vec<Try>,
    /// Why there may be more addresses than have become known.
    lookup_failure: Option<Cause>,
}

/// An address that is tried, or was.
struct Try {
    addr: SocketAddr,
    since: Instant,
    outcome: Outcome,
}

enum Outcome {
    Awaited,
    /// With the time that it took.
    Succeeded(Duration),
    Failed(Duration, Arc<io::Error>),
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
            tries: Vec::new(),
            lookup_failure: None,
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

    /// An attempt begins, and with it the phase of connecting.
    pub(crate) fn start(&self, addr: SocketAddr, now: Instant) {
        self.update(|course| {
            course.phase = Phase::Connect;
            // Room for one: of ten thousand connects at once, most have one address.
            course.tries.reserve_exact(1);
            course.tries.push(Try {
                addr,
                since: now,
                outcome: Outcome::Awaited,
            });
        });
    }

    /// An attempt is over: by failure, or with the connection that carries on.
    pub(crate) fn end(&self, addr: SocketAddr, error: Option<Arc<io::Error>>) {
        self.update(|course| {
            let mut tries = course.tries.iter();
            if let Some(n) = tries.position(|it| it.addr == addr && it.is_awaited()) {
                let mut ended = course.tries.remove(n);
                ended.end(error);
                course.tries.push(ended);
            }
        });
    }

    /// The connection that carried on has come to nothing after all.
    pub(crate) fn disqualify(&self, addr: SocketAddr, error: Arc<io::Error>) {
        self.update(|course| {
            let mut latest = course.tries.iter_mut().rev();
            if let Some(it) = latest.find(|it| it.addr == addr && it.has_succeeded()) {
                it.end(Some(error));
            }
        });
    }

    /// A part of the lookup has failed.
    pub(crate) fn note_lookup_failure(&self, cause: Cause) {
        self.update(|course| course.lookup_failure = Some(cause));
    }

    /// Why there may be more addresses than have become known.
    pub(crate) fn lookup_failure(&self) -> Option<Cause> {
        self.update(|course| course.lookup_failure.clone())
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
        self.update(|course| !course.tries.is_empty())
    }

    /// The attempts that have ended.
    pub(crate) fn take_attempts(&self) -> Vec<Attempt> {
        self.update(|course| {
            let ended = course.tries.extract_if(.., |it| !it.is_awaited());
            ended.map(|it| it.told(course.began)).collect()
        })
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
        let (awaited, ended): (Vec<_>, Vec<_>) = self.tries.iter().partition(|it| it.is_awaited());
        let mut attempts: Vec<_> = ended.iter().map(|it| it.told(self.began)).collect();
        if self.phase == Phase::Tls
            && let Some(connected) = attempts.iter_mut().rfind(|it| it.error.is_none())
        {
            connected.error = Some(Arc::new(handshake_timed_out()));
            connected.elapsed = self.began.elapsed().saturating_sub(connected.started);
        }
        attempts.extend(awaited.iter().map(|it| it.told(self.began)));
        let failure = Failure::timed_out(self.phase).after(attempts);
        failure.besides(self.lookup_failure.clone())
    }
}

impl Try {
    fn is_awaited(&self) -> bool {
        matches!(self.outcome, Outcome::Awaited)
    }

    fn has_succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Succeeded(_))
    }

    fn end(&mut self, error: Option<Arc<io::Error>>) {
        let elapsed = self.since.elapsed();
        self.outcome = match error {
            Some(error) => Outcome::Failed(elapsed, error),
            None => Outcome::Succeeded(elapsed),
        };
    }

    /// As others are told of it: one that is awaited as if its time were up now.
    fn told(&self, began: Instant) -> Attempt {
        let (elapsed, error) = match &self.outcome {
            Outcome::Awaited => {
                let error = io::Error::from(io::ErrorKind::TimedOut);
                (self.since.elapsed(), Some(Arc::new(error)))
            }
            Outcome::Succeeded(elapsed) => (*elapsed, None),
            Outcome::Failed(elapsed, error) => (*elapsed, Some(Arc::clone(error))),
        };
        Attempt {
            addr: self.addr,
            started: self.since - began,
            elapsed,
            error,
        }
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
