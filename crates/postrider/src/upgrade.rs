//! A connection that speaks another protocol than HTTP/1.1 from here on.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use pool::Lease;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::Connection;
use crate::connection_info::ConnectionInfo;
use crate::route::Key;

/// The stream behind a response of 101 (Switching Protocols), or of a CONNECT
/// that succeeded (RFC 9110 §7.8, §9.3.6).
///
/// What the server sent behind its response is read first. The connection
/// counts as lent until this is dropped, which closes it.
pub struct Upgraded {
    lease: Lease<Key, Box<Connection>>,
    leftover: BytesMut,
    connection: ConnectionInfo,
}

impl Upgraded {
    pub(crate) fn new(mut lease: Lease<Key, Box<Connection>>, connection: ConnectionInfo) -> Self {
        let leftover = std::mem::take(&mut lease.buffer);
        Self {
            lease,
            leftover,
            connection,
        }
    }

    /// The connection that this was.
    #[must_use]
    pub fn connection(&self) -> &ConnectionInfo {
        &self.connection
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.leftover.is_empty() {
            return Pin::new(&mut self.lease.stream).poll_read(cx, buf);
        }
        let length = self.leftover.len().min(buf.remaining());
        buf.put_slice(&self.leftover[..length]);
        self.leftover.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.lease.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.lease.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.lease.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lease.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lease.stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}
