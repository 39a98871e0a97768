//! A server's end of a connection: a socket or memory, plain or by TLS.

use std::io::{self, IoSlice, Read};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use rustls::HandshakeKind;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::memory::MemoryPeer;
use crate::peer::PeerTls;
use crate::tls::CloseNotify;

/// What carries the bytes of one connection, at the server's end.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
    Memory(MemoryPeer),
}

/// A connection as the script sees it.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(Transport),
    Tls {
        stream: Box<TlsStream<Transport>>,
        close_notify: CloseNotify,
    },
}

impl Wire {
    pub(crate) async fn accept_tls(
        transport: Transport,
        acceptor: &TlsAcceptor,
        close_notify: CloseNotify,
    ) -> io::Result<Self> {
        let stream = Box::new(acceptor.accept(transport).await?);
        Ok(Self::Tls {
            stream,
            close_notify,
        })
    }

    /// What the client told in its handshake.
    pub(crate) fn peer_tls(&self) -> Option<PeerTls> {
        let Self::Tls { stream, .. } = self else {
            return None;
        };
        let (_, session) = stream.get_ref();
        Some(PeerTls {
            server_name: session.server_name().map(str::to_owned),
            certificate: session
                .peer_certificates()
                .and_then(|chain| chain.first())
                .map(|certificate| certificate.to_vec()),
            resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        })
    }

    /// Ends the outgoing side only.
    pub(crate) async fn half_close(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(transport) => transport.shutdown().await,
            Self::Tls {
                stream,
                close_notify: CloseNotify::Send,
            } => stream.shutdown().await,
            Self::Tls {
                stream,
                close_notify: CloseNotify::Omit,
            } => stream.get_mut().0.shutdown().await,
        }
    }

    /// Takes in, without waiting, what has already come, so that closing sends no reset. Over TLS
    /// it is ciphertext and thrown away.
    pub(crate) fn drain(&mut self, received: &mut BytesMut) {
        let mut ciphertext = BytesMut::new();
        match self {
            Self::Plain(transport) => transport.drain(received),
            Self::Tls { stream, .. } => stream.get_mut().0.drain(&mut ciphertext),
        }
    }

    /// Breaks the connection.
    pub(crate) fn reset(self) {
        match self {
            Self::Plain(transport) => transport.reset(),
            Self::Tls { stream, .. } => stream.into_inner().0.reset(),
        }
    }

    /// Waits, without reading, until the peer has ended the connection or its side of it.
    pub(crate) async fn gone(&mut self) {
        match self {
            Self::Plain(transport) => transport.gone().await,
            Self::Tls { stream, .. } => stream.get_mut().0.gone().await,
        }
    }
}

impl Transport {
    /// The client's address; an in-memory one has none.
    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(tcp) => tcp.peer_addr().ok(),
            Self::Memory(_) => None,
        }
    }

    fn drain(&self, received: &mut BytesMut) {
        let Self::Tcp(tcp) = self else { return };
        let mut scratch = [0; DRAIN_SIZE];
        // Past tokio's readiness flag: the question is what the kernel holds at this moment.
        for _ in 0..DRAIN_READS {
            let Ok(count @ 1..) = (&*SockRef::from(tcp)).read(&mut scratch) else {
                return;
            };
            received.extend_from_slice(scratch.get(..count).unwrap_or_default());
        }
    }

    fn reset(self) {
        match self {
            // Lingering for no time turns the close into a RST. A socket that is already dead
            // refuses, and needs none.
            Self::Tcp(tcp) => drop(SockRef::from(&tcp).set_linger(Some(Duration::ZERO))),
            Self::Memory(peer) => peer.reset(),
        }
    }

    async fn gone(&mut self) {
        match self {
            Self::Tcp(tcp) => {
                while let Ok(ready) = tcp.ready(Interest::READABLE).await {
                    if ready.is_read_closed() {
                        return;
                    }
                    // Bytes are there and stay there; wait for the next event.
                    let _ = tcp.try_io(Interest::READABLE, || {
                        Err::<(), _>(io::ErrorKind::WouldBlock.into())
                    });
                }
            }
            Self::Memory(peer) => peer.gone().await,
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Memory(peer) => Pin::new(peer).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Memory(peer) => Pin::new(peer).poll_write(cx, buf),
        }
    }

    // A TLS session that fails makes one last write of all that it holds: an
    // alert behind other records is lost unless they go out together.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Self::Memory(peer) => Pin::new(peer).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.is_write_vectored(),
            Self::Memory(peer) => peer.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Memory(peer) => Pin::new(peer).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Memory(peer) => Pin::new(peer).poll_shutdown(cx),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(transport) => Pin::new(transport).poll_read(cx, buf),
            Self::Tls { stream, .. } => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(transport) => Pin::new(transport).poll_write(cx, buf),
            Self::Tls { stream, .. } => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(transport) => Pin::new(transport).poll_flush(cx),
            Self::Tls { stream, .. } => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(transport) => Pin::new(transport).poll_shutdown(cx),
            Self::Tls { stream, .. } => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

const DRAIN_SIZE: usize = 4096;

/// Eight MiB, more than a socket's buffer holds: a peer that goes on sending must not keep the
/// close waiting.
const DRAIN_READS: usize = 2048;
