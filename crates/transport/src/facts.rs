//! What is known of a connection that was made.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::stream::Stream;

/// A stream that is ready for its first exchange, and how it came to be.
#[derive(Debug)]
pub struct Connected {
    /// The connected stream, secured if that was asked for.
    pub stream: Stream,
    /// What is known about it.
    pub facts: ConnectFacts,
}

/// What is known about a connection.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConnectFacts {
    /// The peer's address; unknown for a stream of the user's own.
    pub remote: Option<SocketAddr>,
    /// Our address; unknown for a stream of the user's own.
    pub local: Option<SocketAddr>,
    /// What the TLS handshake agreed on; absent on a plain connection. Boxed, since the facts of
    /// thousands of plain connections need not have room for it.
    pub tls: Option<Box<TlsFacts>>,
    /// From the start to the first address; absent where nothing was looked up.
    pub resolve: Option<Duration>,
    /// From the first address to the connection that carried on, waits of the race included, and
    /// handshakes after which the race went on; for a connect function of the user's own, the time
    /// that it took.
    pub connect: Option<Duration>,
    /// The TLS handshake that succeeded; absent on a plain connection.
    pub handshake: Option<Duration>,
    /// Every attempt at an address, in the order of their ends, where there was more than one.
    /// Empty where the first succeeded alone: [`remote`](Self::remote) and
    /// [`connect`](Self::connect) then tell all of it.
    pub attempts: Box<[Attempt]>,
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TlsFacts {
    /// The protocol version.
    pub version: TlsVersion,
    /// The cipher suite's name in IANA's registry (RFC 8446 §11), such as
    /// `TLS_AES_128_GCM_SHA256`.
    pub cipher: &'static str,
    /// The group of the key exchange, such as `X25519MLKEM768`; a session resumed in TLS 1.2 had
    /// none.
    pub key_exchange: Option<&'static str>,
    /// The protocol that the server chose by ALPN (RFC 7301), if it chose one.
    pub alpn: Option<&'static str>,
    /// Whether an earlier session was resumed, which saves the certificate and a signature.
    pub resumed: bool,
}

/// A TLS protocol version.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// One attempt at one address.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The address.
    pub addr: SocketAddr,
    /// When it began, from the start of the whole connect.
    pub started: Duration,
    /// How long it took to succeed, to fail, or to be given up.
    pub elapsed: Duration,
    /// Why it gave no connection; `None` for the connection that carried on. An attempt given up
    /// because another was faster says so by [`io::ErrorKind::Interrupted`], one that was under
    /// way when time ran out by [`io::ErrorKind::TimedOut`].
    pub error: Option<Arc<io::Error>>,
}
