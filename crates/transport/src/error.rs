//! Why no connection could be made, in one line and as a kind.

mod text;

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::facts::Attempt;
use crate::guard::is_panic;
use crate::interface::is_no_such_interface;
use crate::tls::TlsErrorKind;

/// Why no connection could be made.
///
/// Its one-line text names the phase, the endpoint and the root cause; [`source`](Error::source)
/// gives the cause itself.
pub struct ConnectError(Box<Inner>);

struct Inner {
    kind: ConnectErrorKind,
    phase: Phase,
    endpoint: Endpoint,
    attempts: Vec<Attempt>,
    lookup: Option<Cause>,
    elapsed: Duration,
    cause: Option<Cause>,
}

pub(crate) type Cause = Arc<dyn Error + Send + Sync>;

/// What went wrong, as far as a program may want to act on it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The resolver says that there is no such name.
    NameNotFound,
    /// The resolver failed; asking again later may help.
    Resolve,
    /// The resolver's answer holds no address that the settings let us use.
    NoAddress,
    /// The address filter refused every address that the settings let us use.
    AddressRefused,
    /// There is no such network interface: the one to connect through, or the zone of an address.
    NoInterface,
    /// Every address refused the connection.
    Refused,
    /// No address could be reached: no route, or the network answered that there is none.
    Unreachable,
    /// Every address failed, not all in the same way; see [`ConnectError::attempts`].
    Connect,
    /// The time was up.
    TimedOut {
        /// What was being done when it was.
        phase: Phase,
    },
    /// The TLS handshake failed.
    Tls(TlsErrorKind),
    /// The server insists on another protocol than HTTP/1.1.
    AlpnMismatch,
    /// TLS was asked for, but this build has no TLS provider and no settings were given.
    NoTlsProvider,
    /// The connect function of the user's own failed.
    Custom,
    /// Code of the user's own panicked.
    Panicked,
}

/// The steps on the way to a connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Phase {
    /// From a name to addresses.
    Resolve,
    /// From addresses to a connected stream.
    Connect,
    /// The TLS handshake over it.
    Tls,
}

impl ConnectError {
    /// What went wrong.
    pub fn kind(&self) -> ConnectErrorKind {
        self.0.kind
    }

    /// The step that failed.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// Where the connection was to lead.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// Every address that was tried, with its own failure and time.
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// Why there may be more addresses than have become known: a part of the lookup failed, the one
    /// for IPv4 addresses, say. `None` where none did, and where the whole lookup came to nothing:
    /// [`source`](Error::source) tells that.
    pub fn lookup_error(&self) -> Option<&(dyn Error + 'static)> {
        let lookup = self.0.lookup.as_deref()?;
        Some(lookup)
    }

    /// The time from the start to the failure.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// Whether the time was up.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.kind, ConnectErrorKind::TimedOut { .. })
    }

    pub(crate) fn new(failure: Failure, endpoint: &Endpoint, elapsed: Duration) -> Self {
        Self(Box::new(Inner {
            kind: failure.kind,
            phase: failure.phase,
            endpoint: endpoint.clone(),
            attempts: failure.attempts,
            lookup: failure.lookup,
            elapsed,
            cause: failure.cause,
        }))
    }
}

/// A [`ConnectError`] in the making: what a step knows of its own failure.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ConnectErrorKind,
    pub(crate) phase: Phase,
    pub(crate) attempts: Vec<Attempt>,
    /// Why there may be more addresses than have become known.
    pub(crate) lookup: Option<Cause>,
    pub(crate) cause: Option<Cause>,
}

impl Failure {
    pub(crate) fn new(kind: ConnectErrorKind, phase: Phase) -> Self {
        Self {
            kind,
            phase,
            attempts: Vec::new(),
            lookup: None,
            cause: None,
        }
    }

    pub(crate) fn timed_out(phase: Phase) -> Self {
        Self::new(ConnectErrorKind::TimedOut { phase }, phase)
    }

    pub(crate) fn because(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    pub(crate) fn after(mut self, attempts: Vec<Attempt>) -> Self {
        self.attempts = attempts;
        self
    }

    pub(crate) fn besides(mut self, lookup: Option<Cause>) -> Self {
        self.lookup = lookup;
        self
    }

    /// The cause, if addresses may be missing for this failure of a part of the lookup. That there
    /// are none, or none that may be used, is an answer.
    pub(crate) fn hides_addresses(&self) -> Option<&Cause> {
        match self.kind {
            ConnectErrorKind::NameNotFound
            | ConnectErrorKind::NoAddress
            | ConnectErrorKind::AddressRefused => None,
            _ => self.cause.as_ref(),
        }
    }

    /// A failure to resolve, told apart by the error's kind.
    pub(crate) fn resolving(error: io::Error) -> Self {
        let kind = match error.kind() {
            _ if is_no_such_interface(&error) => ConnectErrorKind::NoInterface,
            io::ErrorKind::NotFound => ConnectErrorKind::NameNotFound,
            io::ErrorKind::TimedOut => ConnectErrorKind::TimedOut {
                phase: Phase::Resolve,
            },
            _ if is_panic(&error) => ConnectErrorKind::Panicked,
            _ => ConnectErrorKind::Resolve,
        };
        Self::new(kind, Phase::Resolve).because(Arc::new(error))
    }

    /// The failure of a race in which no address connected.
    pub(crate) fn connecting(attempts: Vec<Attempt>) -> Self {
        let mut kinds = attempts.iter().map(attempt_kind);
        let first = kinds.next().unwrap_or(ConnectErrorKind::Connect);
        let kind = if kinds.all(|kind| kind == first) {
            first
        } else {
            ConnectErrorKind::Connect
        };
        let cause = attempts
            .last()
            .and_then(|last| last.error.clone())
            .map(|error| error as Cause);
        Self {
            kind,
            phase: Phase::Connect,
            attempts,
            lookup: None,
            cause,
        }
    }
}

fn attempt_kind(attempt: &Attempt) -> ConnectErrorKind {
    let Some(error) = &attempt.error else {
        return ConnectErrorKind::Connect;
    };
    match error.kind() {
        _ if is_panic(error) => ConnectErrorKind::Panicked,
        _ if is_no_such_interface(error) => ConnectErrorKind::NoInterface,
        io::ErrorKind::ConnectionRefused => ConnectErrorKind::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ConnectErrorKind::Unreachable
        }
        io::ErrorKind::TimedOut => ConnectErrorKind::TimedOut {
            phase: Phase::Connect,
        },
        _ => ConnectErrorKind::Connect,
    }
}

impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectError")
            .field("kind", &self.0.kind)
            .field("phase", &self.0.phase)
            .field("endpoint", &self.0.endpoint)
            .field("attempts", &self.0.attempts)
            .field("lookup", &self.0.lookup)
            .field("elapsed", &self.0.elapsed)
            .field("cause", &self.0.cause)
            .finish()
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let cause = self.0.cause.as_deref()?;
        Some(cause)
    }
}

#[cfg(test)]
mod tests;
