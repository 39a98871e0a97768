//! What lies at the bottom of an error.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::sync::Arc;

use http::StatusCode;
use pool::WaitError;
use transport::{ConnectError, ConnectErrorKind, TlsErrorKind, tls_error};

use super::kind::ErrorKind;
use crate::body::BoxError;
use crate::phase::Phase;
use crate::timeouts::{Elapsed, Scope};

/// What lies at the bottom, with its own error where there is one.
#[derive(Debug)]
pub(crate) enum Cause {
    Url(BoxError),
    Authority(protocol::AuthorityError),
    Scheme,
    ServerName(BoxError),
    Header(BoxError),
    Request(protocol::RequestError),
    #[cfg_attr(
        not(feature = "json"),
        expect(dead_code, reason = "only JSON is encoded")
    )]
    ToJson(BoxError),
    Builder(BoxError),
    Connect(Arc<ConnectError>),
    ConnectPanicked,
    LineFull,
    ShutDown,
    NoRuntime,
    RequestBody(BoxError),
    Read(io::Error),
    Write(io::Error),
    Closed,
    Truncated(protocol::Error),
    Protocol(protocol::Error),
    /// An error of this kind has been told before.
    AfterError(ErrorKind),
    Elapsed(Elapsed),
    /// A limit was reached while a connection was being made: where that stood.
    DialElapsed(Elapsed, ConnectError),
    TooLarge {
        limit: usize,
    },
    Status(StatusCode),
    NotUpgraded,
    UpgradedTooEarly,
    #[cfg_attr(
        not(feature = "json"),
        expect(dead_code, reason = "only JSON is decoded")
    )]
    Decode(BoxError),
}

impl Cause {
    /// Why the pool has given no connection, and in which phase that was.
    pub(crate) fn of_wait(error: WaitError<ConnectError>) -> (Self, Phase) {
        match error {
            WaitError::Dial(error) => {
                let phase = Phase::of_dial(error.phase());
                (Self::Connect(error), phase)
            }
            WaitError::DialPanicked => (Self::ConnectPanicked, Phase::Connect),
            WaitError::LineFull { .. } => (Self::LineFull, Phase::Acquire),
            WaitError::NoRuntime => (Self::NoRuntime, Phase::Prepare),
            _ => (Self::ShutDown, Phase::Acquire),
        }
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Url(_)
            | Self::Authority(_)
            | Self::Scheme
            | Self::ServerName(_)
            | Self::Header(_)
            | Self::Request(_)
            | Self::ToJson(_) => ErrorKind::Request,
            Self::Builder(_) => ErrorKind::Builder,
            Self::Connect(error) => kind_of_connect(error),
            Self::ConnectPanicked => ErrorKind::Connect,
            Self::LineFull => ErrorKind::Pool,
            Self::ShutDown => ErrorKind::ShutDown,
            Self::NoRuntime => ErrorKind::Runtime,
            Self::RequestBody(_) => ErrorKind::RequestBody,
            Self::Read(error) | Self::Write(error) => match tls_error(error) {
                Some(_) => ErrorKind::Tls,
                None => ErrorKind::Io,
            },
            Self::Closed | Self::Truncated(_) => ErrorKind::Closed,
            Self::Protocol(error) if error.is_limit() => ErrorKind::Limit,
            Self::Protocol(_) => ErrorKind::Protocol,
            Self::AfterError(kind) => *kind,
            Self::Elapsed(_) | Self::DialElapsed(..) => ErrorKind::Timeout,
            Self::TooLarge { .. } => ErrorKind::Limit,
            Self::Status(_) => ErrorKind::Status,
            Self::NotUpgraded | Self::UpgradedTooEarly => ErrorKind::Upgrade,
            Self::Decode(_) => ErrorKind::Decode,
        }
    }

    /// Whether a connection failed of what is as wrong the next time.
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::ConnectPanicked => true,
            Self::Connect(error) => is_lasting_connect(error),
            Self::Read(error) | Self::Write(error) => tls_error(error).is_some_and(is_lasting_tls),
            _ => false,
        }
    }

    pub(super) fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error)
            | Self::ServerName(error)
            | Self::Header(error)
            | Self::ToJson(error)
            | Self::Builder(error)
            | Self::RequestBody(error)
            | Self::Decode(error) => Some(&**error),
            Self::Authority(error) => Some(error),
            Self::Request(error) => Some(error),
            Self::Connect(error) => Some(&**error),
            Self::DialElapsed(_, error) => Some(error),
            Self::Read(error) | Self::Write(error) => Some(error),
            Self::Truncated(error) | Self::Protocol(error) => Some(error),
            Self::Scheme
            | Self::ConnectPanicked
            | Self::LineFull
            | Self::ShutDown
            | Self::NoRuntime
            | Self::Closed
            | Self::AfterError(_)
            | Self::Elapsed(_)
            | Self::TooLarge { .. }
            | Self::Status(_)
            | Self::NotUpgraded
            | Self::UpgradedTooEarly => None,
        }
    }
}

fn kind_of_connect(error: &ConnectError) -> ErrorKind {
    if error.is_timeout() {
        return ErrorKind::Timeout;
    }
    match error.phase() {
        transport::Phase::Resolve => ErrorKind::Resolve,
        transport::Phase::Tls => ErrorKind::Tls,
        _ => ErrorKind::Connect,
    }
}

fn is_lasting_connect(error: &ConnectError) -> bool {
    let is_invalid = |error: &io::Error| error.kind() == io::ErrorKind::InvalidInput;
    match error.kind() {
        ConnectErrorKind::NameNotFound
        | ConnectErrorKind::AddressRefused
        | ConnectErrorKind::NoInterface
        | ConnectErrorKind::AlpnMismatch
        | ConnectErrorKind::NoTlsProvider
        | ConnectErrorKind::Panicked => true,
        ConnectErrorKind::Tls(kind) => is_lasting_tls(kind),
        // A resolver may have another answer.
        ConnectErrorKind::NoAddress => error.endpoint().host.ip().is_some(),
        // A zone where there can be none, and none where there must be one.
        ConnectErrorKind::Resolve => {
            let cause = error.source().and_then(|cause| cause.downcast_ref());
            cause.is_some_and(is_invalid)
        }
        ConnectErrorKind::Connect => {
            let attempts = error.attempts();
            let mut errors = attempts.iter().filter_map(|it| it.error.as_deref());
            !attempts.is_empty() && errors.all(is_invalid)
        }
        _ => false,
    }
}

/// A certificate or a protocol is.
fn is_lasting_tls(kind: TlsErrorKind) -> bool {
    kind != TlsErrorKind::Closed
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => write!(f, "invalid URL: {error}"),
            Self::Authority(error) => write!(f, "invalid URL: {error}"),
            Self::Scheme => f.write_str("invalid URL: the scheme is neither http nor https"),
            Self::ServerName(error) => write!(f, "invalid server name: {error}"),
            Self::Header(error) => write!(f, "invalid header: {error}"),
            Self::Request(error) => {
                write!(f, "invalid request: {error}")?;
                error.source().map_or(Ok(()), |why| write!(f, ": {why}"))
            }
            Self::ToJson(error) => write!(f, "the value can't be written as JSON: {error}"),
            Self::Builder(error) => write!(f, "the client can't be built: {error}"),
            Self::Connect(error) => write!(f, "{error}"),
            Self::ConnectPanicked => f.write_str(
                "connecting panicked: in code of the user's own, or for want of tokio's I/O and time",
            ),
            Self::LineFull => f.write_str("the pool's waiting line is full"),
            Self::ShutDown => f.write_str("the client was shut down"),
            Self::NoRuntime => f.write_str("no tokio runtime is running here"),
            Self::RequestBody(error) => write!(f, "the request body failed: {error}"),
            Self::Read(error) => write!(f, "reading failed: {error}"),
            Self::Write(error) => write!(f, "writing failed: {error}"),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Truncated(error) | Self::Protocol(error) => write!(f, "{error}"),
            Self::AfterError(_) => f.write_str("it was given up after an earlier error"),
            Self::Elapsed(elapsed) => write!(f, "{elapsed}"),
            Self::DialElapsed(elapsed, error) => write!(f, "{elapsed}{}", error.tried()),
            Self::TooLarge { limit } => {
                write!(f, "the body is larger than the limit of {limit} bytes")
            }
            Self::Status(status) => write!(f, "the server answered {status}"),
            Self::NotUpgraded => f.write_str("the server did not switch protocols"),
            Self::UpgradedTooEarly => {
                f.write_str("the server switched protocols before the request was sent")
            }
            Self::Decode(error) => write!(f, "{error}"),
        }
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            phase,
            limit,
            scope,
        } = self;
        match scope {
            Scope::Total => write!(f, "timed out: the request's {limit:?} are over"),
            Scope::Phase => match phase {
                Phase::Acquire => write!(f, "timed out: none was free for {limit:?}"),
                Phase::Connect => write!(f, "timed out after {limit:?}"),
                Phase::Send => write!(f, "timed out: nothing could be written for {limit:?}"),
                Phase::Head => write!(f, "timed out: no response within {limit:?}"),
                _ => write!(f, "timed out: nothing came for {limit:?}"),
            },
        }
    }
}
