//! A connected stream, whatever it goes over.

mod ciphertext;
mod probe;
mod tls;

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

pub(crate) use self::ciphertext::Ciphertext;
pub use self::probe::Probe;
use self::tls::TlsSession;

/// A connected byte stream: TCP, something of the user's own, or TLS over either.
///
/// Two questions it answers that a plain socket does not: how many bytes did the peer's side of
/// the road take ([`written`](Self::written), counted below TLS), and is it still fit for another
/// exchange ([`is_alive`](Self::is_alive)).
///
/// Writing is finished only when flushed: TLS encrypts into a buffer of its own before the socket
/// has accepted anything. Dropping closes: TLS then says close_notify, if the socket takes it at
/// once.
pub struct Stream {
    kind: Kind,
}

// A further road (a unix socket) is a further variant here.
enum Kind {
    Tcp(Counted<TcpStream>),
    Custom(Counted<Box<dyn Io>>),
    Tls(Box<TlsSession>),
}

/// What the innermost stream has taken.
struct Counted<S> {
    io: S,
    written: u64,
    flushed: bool,
}

/// What a stream of the user's own must be able to do.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Stream {
    /// Takes over a connected TCP socket.
    pub fn tcp(socket: TcpStream) -> Self {
        Self {
            kind: Kind::Tcp(Counted::new(socket)),
        }
    }

    /// Takes over any byte stream, such as one half of an in-memory pipe.
    pub fn custom(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self {
            kind: Kind::Custom(Counted::new(Box::new(io))),
        }
    }

    pub(crate) fn tls(session: tokio_rustls::client::TlsStream<Ciphertext>) -> Self {
        Self {
            kind: Kind::Tls(Box::new(TlsSession::new(session))),
        }
    }

    /// Says goodbye without waiting: TLS queues close_notify and offers it to the socket once.
    ///
    /// Where earlier ciphertext is still unsent, nothing is sent at all: the rest of an abandoned
    /// request must not follow its caller's departure. Dropping the stream does the same. A
    /// goodbye that waits is [`poll_shutdown`](AsyncWrite::poll_shutdown).
    pub fn close(&mut self) {
        if let Kind::Tls(session) = &mut self.kind {
            session.close();
        }
    }

    /// How many bytes the innermost stream has accepted since it was connected: below TLS, its
    /// handshake included.
    ///
    /// Take it before and after an exchange; a difference of zero proves that the peer cannot
    /// have seen any of it.
    pub fn written(&self) -> u64 {
        match &self.kind {
            Kind::Tcp(tcp) => tcp.written,
            Kind::Custom(custom) => custom.written,
            Kind::Tls(session) => session.below().written(),
        }
    }

    /// Whether something that was handed to `poll_write` still waits in this stream's buffers, as
    /// TLS keeps ciphertext that the socket has no room for.
    ///
    /// A connection that has unsent bytes must not serve another exchange.
    pub fn has_unsent(&self) -> bool {
        match &self.kind {
            Kind::Tcp(_) => false,
            Kind::Custom(custom) => !custom.flushed,
            Kind::Tls(session) => session.has_ciphertext() || session.below().has_unsent(),
        }
    }

    /// Whether nothing was decrypted and left unread, and the peer has not said close_notify.
    ///
    /// Asks no system call, and nothing below TLS: a plain stream is always quiet.
    pub fn is_quiet(&self) -> bool {
        match &self.kind {
            Kind::Tcp(_) | Kind::Custom(_) => true,
            Kind::Tls(session) => session.is_quiet() && session.below().is_quiet(),
        }
    }

    /// Our address, where the stream is a socket.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp(tcp) => tcp.io.local_addr().ok(),
            Kind::Custom(_) => None,
            Kind::Tls(session) => session.below().local_addr(),
        }
    }

    /// Whether TLS protects the bytes.
    pub fn is_secure(&self) -> bool {
        matches!(self.kind, Kind::Tls(_))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Tcp(tcp) => f.debug_tuple("Tcp").field(&tcp.io).finish(),
            Kind::Custom(_) => f.write_str("Custom"),
            Kind::Tls(session) => f.debug_tuple("Tls").field(session.below()).finish(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(tcp) => Pin::new(&mut tcp.io).poll_read(cx, buf),
            Kind::Custom(custom) => Pin::new(&mut custom.io).poll_read(cx, buf),
            Kind::Tls(session) => session.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(tcp) => tcp.poll_write(cx, buf),
            Kind::Custom(custom) => some_of(buf.len(), custom.poll_write(cx, buf)),
            Kind::Tls(session) => session.poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(tcp) => tcp.poll_write_vectored(cx, bufs),
            Kind::Custom(custom) => {
                let offered = bufs.iter().map(|buf| buf.len()).sum();
                some_of(offered, custom.poll_write_vectored(cx, bufs))
            }
            Kind::Tls(session) => session.poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Tcp(tcp) => tcp.io.is_write_vectored(),
            Kind::Custom(custom) => custom.io.is_write_vectored(),
            Kind::Tls(_) => true,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(tcp) => tcp.poll_flush(cx),
            Kind::Custom(custom) => custom.poll_flush(cx),
            Kind::Tls(session) => session.poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(tcp) => Pin::new(&mut tcp.io).poll_shutdown(cx),
            Kind::Custom(custom) => Pin::new(&mut custom.io).poll_shutdown(cx),
            Kind::Tls(session) => session.poll_shutdown(cx),
        }
    }
}

/// That nothing was taken of something is no success, though a stream of the user's own may call
/// it so: TLS would wait for a wakeup that never comes.
fn some_of(offered: usize, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    match outcome {
        Poll::Ready(Ok(0)) if offered > 0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        outcome => outcome,
    }
}

impl<S: AsyncWrite + Unpin> Counted<S> {
    fn new(io: S) -> Self {
        Self {
            io,
            written: 0,
            flushed: true,
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, buf);
        self.count(outcome)
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.count(outcome)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(cx);
        if matches!(outcome, Poll::Ready(Ok(()))) {
            self.flushed = true;
        }
        outcome
    }

    fn count(&mut self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(accepted)) = outcome {
            self.written += accepted as u64;
            self.flushed = false;
        }
        outcome
    }
}
