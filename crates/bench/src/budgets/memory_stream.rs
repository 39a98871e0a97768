//! A server that is no more than a stream in memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Each request is answered by [`ANSWER`] at once.
#[derive(Default)]
pub(super) struct MemoryStream {
    /// Answers that were not read yet.
    waiting: usize,
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.waiting == 0 {
            return Poll::Pending;
        }
        self.waiting -= 1;
        buffer.put_slice(ANSWER);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Each request comes in one piece.
        self.waiting += usize::from(bytes.ends_with(b"\r\n\r\n"));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub(super) const ANSWER: &[u8] = b"\
    HTTP/1.1 200 OK\r\n\
    Date: Sat, 03 Oct 2026 12:00:00 GMT\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 35\r\n\
    \r\n\
    {\"id\":48151623,\"status\":\"accepted\"}";

pub(super) const BODY: usize = 35;
