//! The one error of the client: what failed, in which phase, and what the
//! server may have seen of the request.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Method, StatusCode, Uri};
use transport::{Attempt, ConnectError, ConnectErrorKind};

use crate::body::BoxError;
use crate::connection::ConnectionInfo;
use crate::timeouts::{Elapsed, Scope};
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

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is not one that can be sent: a bad URL, contradictory
    /// fields, a body unlike its declared length.
    Request,
    /// The client could not be built from its settings.
    Builder,
    /// The body that the caller gave failed while it was read.
    RequestBody,
    /// The name has no address, or could not be looked up.
    Resolve,
    /// No address of the host accepted a connection.
    Connect,
    /// The connection could not be secured: the certificate, or TLS itself.
    Tls,
    /// A limit on time was reached; [`Error::phase`] says which.
    Timeout,
    /// The server closed the connection before the response was complete.
    Closed,
    /// Reading from or writing to the connection failed.
    Io,
    /// The server's bytes are not a valid HTTP/1.1 response.
    Protocol,
    /// The response is larger than a limit allows.
    Limit,
    /// The response's status says that the request failed
    /// ([`Response::error_for_status`](crate::Response::error_for_status)).
    Status,
    /// The server did not switch to another protocol
    /// ([`Response::upgrade`](crate::Response::upgrade)).
    Upgrade,
    /// The body is not what it was to be read as (text, JSON).
    Decode,
    /// The pool did not give a connection: its line is full, or it was shut down.
    Pool,
    /// No tokio runtime runs where the request was polled.
    Runtime,
}

/// How far a request had come.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Phase {
    /// Before anything was done on the network.
    Prepare,
    /// Waiting for a connection of the pool.
    Acquire,
    /// Looking up the host's addresses.
    Resolve,
    /// Connecting to one of them.
    Connect,
    /// Securing the connection.
    Tls,
    /// Sending the request.
    Send,
    /// Waiting for the response's head.
    Head,
    /// Reading the response's body.
    Body,
    /// Making something of the whole body.
    Decode,
}

impl Phase {
    pub(crate) fn of_dial(phase: transport::Phase) -> Self {
        match phase {
            transport::Phase::Resolve => Self::Resolve,
            transport::Phase::Tls => Self::Tls,
            _ => Self::Connect,
        }
    }
}

/// How much of the request the operating system had accepted, which is how
/// much the server may have seen.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Sent {
    /// Not one byte: the server can't have acted on it.
    Nothing,
    /// A part.
    Partly,
    /// All of it.
    Wholly,
}

/// What lies at the bottom, with its own error where there is one.
#[derive(Debug)]
pub(crate) enum Cause {
    Url(BoxError),
    Authority(protocol::AuthorityError),
    Scheme,
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
    Elapsed(Elapsed),
    TooLarge {
        limit: usize,
    },
    Status(StatusCode),
    NotUpgraded,
    #[cfg_attr(
        not(feature = "json"),
        expect(dead_code, reason = "only JSON is decoded")
    )]
    Decode(BoxError),
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
        self.0.sent = sent;
        self
    }

    pub(crate) fn with_timings(mut self, timings: Timings) -> Self {
        self.0.timings = Some(timings);
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &self.0.cause {
            Cause::Url(_)
            | Cause::Authority(_)
            | Cause::Scheme
            | Cause::Header(_)
            | Cause::Request(_)
            | Cause::ToJson(_) => ErrorKind::Request,
            Cause::Builder(_) => ErrorKind::Builder,
            Cause::Connect(error) => kind_of_connect(error),
            Cause::ConnectPanicked => ErrorKind::Connect,
            Cause::LineFull | Cause::ShutDown => ErrorKind::Pool,
            Cause::NoRuntime => ErrorKind::Runtime,
            Cause::RequestBody(_) => ErrorKind::RequestBody,
            Cause::Read(_) | Cause::Write(_) => ErrorKind::Io,
            Cause::Closed | Cause::Truncated(_) => ErrorKind::Closed,
            Cause::Protocol(error) if error.is_limit() => ErrorKind::Limit,
            Cause::Protocol(_) => ErrorKind::Protocol,
            Cause::Elapsed(_) => ErrorKind::Timeout,
            Cause::TooLarge { .. } => ErrorKind::Limit,
            Cause::Status(_) => ErrorKind::Status,
            Cause::NotUpgraded => ErrorKind::Upgrade,
            Cause::Decode(_) => ErrorKind::Decode,
        }
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
    /// marked so. It is `false` for requests that would fail again as they are.
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
        worth_it && (self.0.sent == Sent::Nothing || self.0.idempotent)
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
    /// failed: for TLS, what is wrong with the certificate.
    #[must_use]
    pub fn connect_kind(&self) -> Option<ConnectErrorKind> {
        match &self.0.cause {
            Cause::Connect(error) => Some(error.kind()),
            _ => None,
        }
    }

    /// The addresses that were tried, each with its own failure and duration,
    /// where no connection could be made.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        match &self.0.cause {
            Cause::Connect(error) => error.attempts(),
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

    /// Whether the limit on the whole request was reached, which says nothing
    /// of the phase.
    fn is_total(&self) -> bool {
        matches!(&self.0.cause, Cause::Elapsed(elapsed) if elapsed.scope == Scope::Total)
    }
}

/// `GET http://host/path`: no user-info, no query, printable, not endless.
pub(crate) fn describe(method: &Method, uri: &Uri) -> String {
    let host = uri.authority().map_or("", |authority| {
        let text = authority.as_str();
        text.rsplit_once('@').map_or(text, |(_, host)| host)
    });
    let scheme = uri.scheme_str().unwrap_or_default();
    let mark = if scheme.is_empty() { "" } else { "://" };
    let request = format!("{method} {scheme}{mark}{host}{}", uri.path());
    plain(&request, 256)
}

/// Text that others may have had a hand in, made fit for one line of a log:
/// printable, and about as long as `most` characters at most.
fn plain(text: &str, most: usize) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if plain.len() >= most {
            plain.push_str("...");
            break;
        }
        match c {
            ' '..='~' => plain.push(c),
            _ => plain.extend(c.escape_default()),
        }
    }
    plain
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(request) = &self.0.request {
            write!(f, "{request}: ")?;
        }
        let doing = match self.0.phase {
            Phase::Connect if self.is_total() => Some("connecting"),
            // Here the cause says it all: there is no peer yet, or it names it.
            Phase::Prepare | Phase::Resolve | Phase::Connect | Phase::Tls => None,
            Phase::Acquire => Some("waiting for a connection"),
            Phase::Send => Some("sending the request"),
            Phase::Head => Some("waiting for the response"),
            Phase::Body => Some("reading the response body"),
            Phase::Decode => Some("decoding the response body"),
        };
        if let Some(doing) = doing {
            f.write_str(doing)?;
            if let Some(addr) = self.remote_addr().filter(|_| self.0.phase != Phase::Decode) {
                let word = if self.0.phase == Phase::Send {
                    "to"
                } else {
                    "from"
                };
                write!(f, " {word} {addr}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&plain(&self.0.cause.to_string(), 600))?;
        let is_answer_lost = match self.kind() {
            ErrorKind::Closed | ErrorKind::Io | ErrorKind::Protocol | ErrorKind::Timeout => true,
            ErrorKind::Limit => self.0.phase == Phase::Head,
            _ => false,
        };
        if is_answer_lost && self.0.sent != Sent::Nothing && !self.0.idempotent {
            f.write_str(" (the request may have been processed)")?;
        }
        Ok(())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => write!(f, "invalid URL: {error}"),
            Self::Authority(error) => write!(f, "invalid URL: {error}"),
            Self::Scheme => f.write_str("invalid URL: the scheme is neither http nor https"),
            Self::Header(error) => write!(f, "invalid header: {error}"),
            Self::Request(error) => write!(f, "invalid request: {error}"),
            Self::ToJson(error) => write!(f, "the value can't be written as JSON: {error}"),
            Self::Builder(error) => write!(f, "the client can't be built: {error}"),
            Self::Connect(error) => write!(f, "{error}"),
            Self::ConnectPanicked => f.write_str("the task that connects panicked"),
            Self::LineFull => f.write_str("the pool's waiting line is full"),
            Self::ShutDown => f.write_str("the client was shut down"),
            Self::NoRuntime => f.write_str("no tokio runtime is running here"),
            Self::RequestBody(error) => write!(f, "the request body failed: {error}"),
            Self::Read(error) => write!(f, "reading failed: {error}"),
            Self::Write(error) => write!(f, "writing failed: {error}"),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Truncated(error) | Self::Protocol(error) => write!(f, "{error}"),
            Self::Elapsed(elapsed) => write!(f, "{elapsed}"),
            Self::TooLarge { limit } => {
                write!(f, "the body is larger than the limit of {limit} bytes")
            }
            Self::Status(status) => write!(f, "the server answered {status}"),
            Self::NotUpgraded => f.write_str("the server did not switch protocols"),
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
                Phase::Connect => write!(f, "connecting timed out after {limit:?}"),
                Phase::Send => write!(f, "timed out: nothing could be written for {limit:?}"),
                Phase::Head => write!(f, "timed out: no response within {limit:?}"),
                _ => write!(f, "timed out: nothing came for {limit:?}"),
            },
        }
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
        match &self.0.cause {
            Cause::Url(error)
            | Cause::Header(error)
            | Cause::ToJson(error)
            | Cause::Builder(error)
            | Cause::RequestBody(error)
            | Cause::Decode(error) => Some(&**error),
            Cause::Authority(error) => Some(error),
            Cause::Request(error) => Some(error),
            Cause::Connect(error) => Some(&**error),
            Cause::Read(error) | Cause::Write(error) => Some(error),
            Cause::Truncated(error) | Cause::Protocol(error) => Some(error),
            Cause::Scheme
            | Cause::ConnectPanicked
            | Cause::LineFull
            | Cause::ShutDown
            | Cause::NoRuntime
            | Cause::Closed
            | Cause::Elapsed(_)
            | Cause::TooLarge { .. }
            | Cause::Status(_)
            | Cause::NotUpgraded => None,
        }
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
