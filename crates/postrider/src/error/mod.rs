//! The one error of the client: what failed, in which phase, and what the
//! server may have seen of the request.

mod cause;
mod kind;
mod plain;
mod text;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use http::{Method, StatusCode, Uri};
use transport::{Attempt, ConnectErrorKind, tls_error};

pub(crate) use self::cause::Cause;
pub use self::kind::ErrorKind;
pub(crate) use self::plain::describe;
use self::plain::plain;
use crate::connection_info::ConnectionInfo;
use crate::phase::Phase;
use crate::timings::Timings;

/// Why a request, or the reading of its response, failed.
///
/// One pointer wide. Its one line of text names the request, the phase, the
/// address where there was one, and the root cause; [`source`] still chains.
/// It never holds user-info, a query, or a header's value.
///
/// ```
/// # async fn f(client: postrider::Client) {
/// match client.get("http://api.internal/orders").send().await {
///     Ok(response) => println!("{}", response.status()),
///     Err(error) if error.is_timeout() => println!("too slow: {error}"),
///     Err(error) if error.is_retry_safe() => println!("may be tried again: {error}"),
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
///
/// [`source`]: std::error::Error::source
pub struct Error(Box<Inner>);

struct Inner {
    cause: Cause,
    phase: Phase,
    sent: Sent,
    idempotent: bool,
    request: Option<String>,
    connection: Option<ConnectionInfo>,
    timings: Option<Timings>,
}

/// How much of the request the operating system had accepted, which is how
/// much the server may have seen, over all attempts.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Sent {
    /// Not one byte: the server can't have acted on it.
    Nothing,
    /// A part.
    Partly,
    /// All of it.
    Wholly,
}

impl Error {
    pub(crate) fn new(cause: Cause, phase: Phase) -> Self {
        Self(Box::new(Inner {
            cause,
            phase,
            sent: Sent::Nothing,
            idempotent: false,
            request: None,
            connection: None,
            timings: None,
        }))
    }

    /// An error with the name of the request that it befell.
    pub(crate) fn of_request(mut self, method: &Method, uri: &Uri, idempotent: bool) -> Self {
        self.0.request = Some(describe(method, uri));
        self.0.idempotent = idempotent;
        self
    }

    /// An error on a connection, with what the server may have seen.
    pub(crate) fn on_connection(mut self, connection: ConnectionInfo, sent: Sent) -> Self {
        self.0.connection = Some(connection);
        self.after(sent)
    }

    /// An error after so much of the request was sent, now or before.
    pub(crate) fn after(mut self, sent: Sent) -> Self {
        self.0.sent = self.0.sent.max(sent);
        self
    }

    /// An error of making connections to an origin, before any request.
    pub(crate) fn of_origin(mut self, origin: &str) -> Self {
        self.0.request = Some(plain(origin, 256));
        self
    }

    pub(crate) fn with_timings(mut self, timings: Timings) -> Self {
        self.0.timings = Some(timings);
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.cause.kind()
    }

    /// The phase in which it went wrong.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// Whether a limit on time was reached, in whatever phase.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Whether no connection could be made: resolving, connecting or securing
    /// it failed or took too long.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.0.phase, Phase::Resolve | Phase::Connect | Phase::Tls)
    }

    /// Whether sending the same request again can do no harm that sending it
    /// once would not have done.
    ///
    /// That is so where the network or the server failed it and either none of
    /// it reached the socket, or its method is idempotent (RFC 9110 §9.2.2) or
    /// marked so. It is `false` for requests that would fail again as they are: by
    /// a name that does not exist, an address that may not be used, a certificate,
    /// code of the user's own that panicked.
    #[must_use]
    pub fn is_retry_safe(&self) -> bool {
        let worth_it = matches!(
            self.kind(),
            ErrorKind::Resolve
                | ErrorKind::Connect
                | ErrorKind::Tls
                | ErrorKind::Timeout
                | ErrorKind::Closed
                | ErrorKind::Io
                | ErrorKind::Pool
        );
        worth_it
            && !self.0.cause.is_lasting()
            && (self.0.sent == Sent::Nothing || self.0.idempotent)
    }

    /// How much of the request the server may have seen.
    #[must_use]
    pub fn sent(&self) -> Sent {
        self.0.sent
    }

    /// The status, where the error is [`ErrorKind::Status`].
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.0.cause {
            Cause::Status(status) => Some(status),
            _ => None,
        }
    }

    /// What exactly kept a connection from being made, where that is what
    /// failed: for TLS, what is wrong with the certificate. Also what broke TLS
    /// later; by TLS 1.3 a server refuses a client's certificate only then.
    #[must_use]
    pub fn connect_kind(&self) -> Option<ConnectErrorKind> {
        match &self.0.cause {
            Cause::Connect(error) => Some(error.kind()),
            Cause::DialElapsed(_, error) => Some(error.kind()),
            Cause::Read(error) | Cause::Write(error) => tls_error(error).map(ConnectErrorKind::Tls),
            _ => None,
        }
    }

    /// The addresses that were tried, each with its own failure and duration,
    /// where no connection could be made, or none before the request's time was
    /// over.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        match &self.0.cause {
            Cause::Connect(error) => error.attempts(),
            Cause::DialElapsed(_, error) => error.attempts(),
            _ => &[],
        }
    }

    /// The connection that the request was on, if it had come so far.
    #[must_use]
    pub fn connection(&self) -> Option<&ConnectionInfo> {
        self.0.connection.as_ref()
    }

    /// The server's address, if the request had come so far.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.0
            .connection
            .as_ref()
            .and_then(ConnectionInfo::remote_addr)
    }

    /// How long each phase took that the request had come through.
    #[must_use]
    pub fn timings(&self) -> Option<&Timings> {
        self.0.timings.as_ref()
    }

    /// Whether a limit of the request's own was reached, which says nothing of
    /// what was done meanwhile.
    fn is_elapsed(&self) -> bool {
        matches!(self.0.cause, Cause::Elapsed(_) | Cause::DialElapsed(..))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            cause,
            phase,
            sent,
            request,
            connection,
            ..
        } = &*self.0;
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("phase", phase)
            .field("sent", sent)
            .field("request", request)
            .field("connection", connection)
            .field("cause", cause)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.source()
    }
}

/// The error of reading or writing as a stream of bytes.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Timeout => io::ErrorKind::TimedOut,
            ErrorKind::Closed => io::ErrorKind::UnexpectedEof,
            ErrorKind::Protocol => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
