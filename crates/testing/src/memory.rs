//! Connections in memory, which can be reset.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::watch;

/// The client's end of an in-memory connection to a [`Server`](crate::Server).
///
/// A tokio [`DuplexStream`] that can also be reset: after the script's `reset`, reads that have
/// nothing left and all writes fail with [`io::ErrorKind::ConnectionReset`]. Dropping it is the end
/// of the connection.
#[derive(Debug)]
pub struct MemoryStream {
    stream: DuplexStream,
    reset: Arc<AtomicBool>,
    /// Tells the server that this end was dropped, also while it does not read.
    _alive: watch::Sender<()>,
}

/// The server's end.
#[derive(Debug)]
pub(crate) struct MemoryPeer {
    stream: DuplexStream,
    reset: Arc<AtomicBool>,
    client: watch::Receiver<()>,
}

/// Two ends with buffers of `capacity` bytes each way.
pub(crate) fn pair(capacity: usize) -> (MemoryStream, MemoryPeer) {
    let (near, far) = duplex(capacity.max(1));
    let reset = Arc::new(AtomicBool::new(false));
    let (alive, client) = watch::channel(());
    let stream = MemoryStream {
        stream: near,
        reset: Arc::clone(&reset),
        _alive: alive,
    };
    let peer = MemoryPeer {
        stream: far,
        reset,
        client,
    };
    (stream, peer)
}

impl MemoryPeer {
    /// Waits until the client's end was dropped.
    pub(crate) async fn gone(&mut self) {
        while self.client.changed().await.is_ok() {}
    }

    /// Breaks the connection: what the client has not read yet it still can, then comes the reset.
    pub(crate) fn reset(self) {
        // Before the stream goes, so that the client, which is woken by that, sees it.
        self.reset.store(true, Ordering::Release);
    }
}

impl MemoryStream {
    fn reset_or<T>(&self, otherwise: io::Result<T>) -> io::Result<T> {
        if self.reset.load(Ordering::Acquire) {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            otherwise
        }
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if buf.filled().len() == before && buf.remaining() > 0 {
            return Poll::Ready(self.reset_or(result));
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        Poll::Ready(match result {
            Ok(written) => Ok(written),
            Err(error) => self.reset_or(Err(error)),
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for MemoryPeer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for MemoryPeer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
