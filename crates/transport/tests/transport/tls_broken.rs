//! Sessions that break after their handshake, and what is told of them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use postrider_transport::{
    ConnectErrorKind, ConnectOptions, Phase, Probe, ServerName, Stream, TlsErrorKind, tls_error,
};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::net::TcpStream;

use crate::support::{reset, soon};
use crate::tls_probe::pair_over;
use crate::tls_server::{Server, tls};

/// An alert in the clear, where only ciphertext may come.
const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];

/// A record whose ciphertext is none.
const FORGED: &[u8] = &[
    23, 3, 3, 0, 20, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
];

/// A session, and the bare socket of the server that it was made with. What follows the handshake
/// has been read.
async fn settled() -> (Server, Stream, TcpStream) {
    let server = Server::new().await;
    let (mut stream, mut far) = server.pair().await;
    far.write_all(b"x").await.unwrap();
    far.flush().await.unwrap();
    soon(stream.read_exact(&mut [0])).await.unwrap();
    let (socket, _) = far.into_inner();
    (server, stream, socket)
}

async fn error_after(bytes: &[u8]) -> io::Error {
    let (_server, mut stream, mut far) = settled().await;
    far.write_all(bytes).await.unwrap();
    soon(stream.read(&mut [0])).await.unwrap_err()
}

#[tokio::test]
async fn a_bad_record_is_told_in_the_words_of_a_handshake() {
    let http = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    for (bytes, kind, words) in [
        (
            FORGED,
            TlsErrorKind::Protocol,
            "the server broke the rules of TLS: cannot decrypt peer's message",
        ),
        (
            &http[..],
            TlsErrorKind::NotTls,
            "what the server sent is no TLS",
        ),
    ] {
        let error = error_after(bytes).await;
        assert_eq!(error.to_string(), words);
        assert_eq!(tls_error(&error), Some(kind));
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
    let error = error_after(ALERT).await;
    assert!(tls_error(&error).is_some(), "{error}");
}

#[tokio::test]
async fn an_end_and_a_reset_are_no_failures_of_tls() {
    let (_server, mut stream, far) = settled().await;
    drop(far);
    let cut_off = soon(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(cut_off.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(tls_error(&cut_off), None);

    let (_server, mut stream, far) = settled().await;
    reset(far);
    let broken = soon(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(tls_error(&broken), None);
}

/// Behind a record that is full, the next is looked for at once.
#[tokio::test]
async fn a_failure_below_that_a_read_met_after_data_is_remembered() {
    let (ours, theirs) = duplex(64 * 1024);
    let fails = Arc::new(AtomicBool::new(false));
    let below = Stream::custom(FailsOnce(ours, Arc::clone(&fails)));
    let (mut stream, mut far) = pair_over(below, theirs).await;
    far.write_all(&[7; 16 * 1024]).await.unwrap();
    far.flush().await.unwrap();
    fails.store(true, Ordering::Relaxed);
    let mut room = [0; 32 * 1024];
    assert_eq!(soon(stream.read(&mut room)).await.unwrap(), 16 * 1024);
    assert!(!fails.load(Ordering::Relaxed));
    assert!(!stream.is_alive(Probe::Flag));
    let error = soon(stream.read(&mut room)).await.unwrap_err();
    assert_eq!(error.to_string(), "once");
}

/// A pipe that has nothing to read fails instead of waiting, once, when it is told to.
struct FailsOnce(DuplexStream, Arc<AtomicBool>);

impl AsyncRead for FailsOnce {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.0).poll_read(cx, buf) {
            Poll::Pending if self.1.swap(false, Ordering::Relaxed) => {
                Poll::Ready(Err(io::Error::other("once")))
            }
            poll => poll,
        }
    }
}

impl AsyncWrite for FailsOnce {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// tokio-rustls takes it for a socket that is full, and would wait for ever.
#[tokio::test]
async fn a_stream_that_takes_no_more_without_an_error_fails_the_write() {
    let (ours, theirs) = duplex(64 * 1024);
    let is_full = Arc::new(AtomicBool::new(false));
    let below = Stream::custom(TakesNoMore(ours, Arc::clone(&is_full)));
    let (mut stream, _far) = pair_over(below, theirs).await;
    is_full.store(true, Ordering::Relaxed);
    let written = stream.written();
    let error = soon(stream.write_all(&[7; 1 << 20])).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    assert_eq!(stream.written(), written);
    let error = soon(stream.flush()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}

/// A pipe that takes nothing, and calls that a success, when it is told to.
struct TakesNoMore(DuplexStream, Arc<AtomicBool>);

impl AsyncRead for TakesNoMore {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for TakesNoMore {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.1.load(Ordering::Relaxed) {
            true => Poll::Ready(Ok(0)),
            false => Pin::new(&mut self.0).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Over a TLS proxy whose session breaks, an inner handshake fails as by itself.
#[tokio::test]
async fn tls_over_a_broken_session_fails_by_tls() {
    let (server, stream, mut far) = settled().await;
    far.write_all(FORGED).await.unwrap();
    let mut options = ConnectOptions::default();
    options.server_name = Some(ServerName::parse("inner.test").unwrap());
    let endpoint = tls("a.test").with_options(options);
    let secured = soon(server.connector.secure(stream, &endpoint)).await;
    let error = secured.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Tls(TlsErrorKind::Protocol));
    assert_eq!(error.phase(), Phase::Tls);
    let words = "the server broke the rules of TLS: cannot decrypt peer's message";
    assert!(error.to_string().ends_with(words), "{error}");
}
