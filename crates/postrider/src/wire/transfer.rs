//! One exchange on one connection, moved by whoever polls it.

use std::io;
use std::task::{Context, Poll, Waker, ready};

use pool::Lease;
use protocol::{Event, Exchange, Remaining, ResponseHead};
use tokio::time::Instant;

use super::drain::{self, make_ready};
use super::fill::{expected, poll_fill};
use super::upload::Upload;
use crate::connection::Connection;
use crate::connection_info::ConnectionInfo;
use crate::error::{Cause, Sent};
use crate::route::Key;
use crate::timeouts::Awaited;
use crate::upgrade::Upgraded;

/// An exchange in progress, with the connection that it has on lease.
///
/// Dropping it closes the connection; [`finish`](Self::finish),
/// [`cancel`](Self::cancel) and [`discard`](Self::discard) give it back where
/// that is proved to be safe.
pub(crate) struct Transfer {
    lease: Lease<Key, Box<Connection>>,
    exchange: Exchange,
    upload: Upload,
    /// What the stream's counter said when the exchange began.
    written_before: u64,
    received: u64,
    sent_at: Option<Instant>,
    last_read: usize,
    /// The engine is not asked before so many bytes are there.
    hold: usize,
}

impl Transfer {
    pub(crate) fn start(
        lease: Lease<Key, Box<Connection>>,
        exchange: Exchange,
        upload: Upload,
    ) -> Self {
        let written_before = lease.stream.written();
        Self {
            lease,
            exchange,
            upload,
            written_before,
            received: 0,
            sent_at: None,
            last_read: 0,
            hold: 0,
        }
    }

    /// Writes what can be written, reads what has come, and gives the next
    /// event of the response.
    ///
    /// Both directions move at every call: a server that answers before it
    /// has read the upload is heard, and so is one whose answer lies behind a
    /// write that failed.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, Cause>> {
        loop {
            let Connection { stream, buffer, .. } = &mut **self.lease;
            if buffer.len() >= self.hold {
                let event = self.exchange.receive(buffer).map_err(Cause::Protocol)?;
                if let Some(event) = event {
                    self.hold = 0;
                    return Poll::Ready(Ok(event));
                }
            }
            if let Poll::Ready(Err(cause)) = self.upload.poll(stream, &mut self.exchange, cx) {
                return Poll::Ready(Err(cause));
            }
            if self.sent_at.is_none() && self.upload.is_sent() {
                self.sent_at = Some(Instant::now());
            }
            let expected = expected(&self.exchange, buffer, self.hold, self.last_read);
            match ready!(poll_fill(stream, buffer, expected, self.last_read, cx)) {
                Ok(0) => return Poll::Ready(self.at_end()),
                Ok(length) => {
                    self.last_read = length;
                    self.received += length as u64;
                }
                Err(error) => return Poll::Ready(Err(self.read_failed(error))),
            }
        }
    }

    /// The next event, if the bytes for it are here already.
    pub(crate) fn buffered_event(&mut self) -> Result<Option<Event>, Cause> {
        self.exchange
            .receive(&mut self.lease.buffer)
            .map_err(Cause::Protocol)
    }

    /// Lets a body of known length pile up, so that it comes as one piece.
    pub(crate) fn hold_whole_body(&mut self) {
        if let Remaining::Known(length) = self.exchange.body_remaining() {
            self.hold = usize::try_from(length).unwrap_or(usize::MAX);
        }
    }

    pub(crate) fn body_remaining(&self) -> Remaining {
        self.exchange.body_remaining()
    }

    /// Whether the whole rest of the body is here already.
    pub(crate) fn is_rest_buffered(&self) -> bool {
        match self.exchange.body_remaining() {
            Remaining::Known(length) => length <= self.lease.buffer.len() as u64,
            _ => false,
        }
    }

    /// How many bytes of a response have come.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// A figure that changes whenever a byte has moved.
    pub(crate) fn progress(&self) -> u64 {
        self.received.wrapping_add(self.lease.stream.written())
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.upload.is_sent()
    }

    /// Who must act for the transfer to go on.
    pub(crate) fn awaited(&self) -> Awaited {
        if self.upload.is_starved() {
            Awaited::Caller
        } else {
            Awaited::Peer
        }
    }

    /// Whether there are bytes of the request that the stream does not take.
    pub(crate) fn is_blocked(&self) -> bool {
        self.upload.is_blocked()
    }

    /// When the whole request had been written.
    pub(crate) fn sent_at(&self) -> Option<Instant> {
        self.sent_at
    }

    /// Whether the body is held back until 100 (Continue) comes.
    pub(crate) fn is_waiting(&self) -> bool {
        self.exchange.is_waiting()
    }

    /// Sends the body that was held back.
    pub(crate) fn proceed(&mut self) {
        self.exchange.proceed();
    }

    /// Whether nothing was taken of the body yet.
    pub(crate) fn is_untouched(&self) -> bool {
        self.upload.is_untouched()
    }

    /// Whether the connection speaks another protocol from here on.
    pub(crate) fn is_upgraded(&self) -> bool {
        self.exchange.is_upgraded()
    }

    /// The connection, for that protocol.
    ///
    /// # Errors
    ///
    /// How much of the request was sent, where that is not all: it cannot
    /// change to the other protocol in its middle (RFC 9110 §7.8).
    pub(crate) fn into_upgraded(self, connection: ConnectionInfo) -> Result<Upgraded, Sent> {
        if self.upload.is_taken() {
            Ok(Upgraded::new(self.lease, connection))
        } else {
            Err(self.sent())
        }
    }

    /// How much of the request the socket has accepted.
    pub(crate) fn sent(&self) -> Sent {
        if self.lease.stream.written() == self.written_before {
            Sent::Nothing
        } else if self.is_sent() {
            Sent::Wholly
        } else {
            Sent::Partly
        }
    }

    /// Gives the exchange up: what is left are a connection of no use, and what
    /// was to be sent on it.
    pub(crate) fn into_parts(self) -> (Lease<Key, Box<Connection>>, Upload) {
        (self.lease, self.upload)
    }

    /// Heeds the head of the final response: one that reports a failure ends
    /// the upload too (RFC 9112 §9.5). Behind any other it goes on, also where
    /// the connection closes then: the server may answer what it reads.
    pub(crate) fn heed(&mut self, head: &ResponseHead) {
        self.lease.peer_version = head.version;
        if !self.upload.is_sent() && head.status.as_u16() >= 300 {
            self.upload.stop();
            self.exchange.abandon();
        }
        // A success in the place of 100 (Continue) wants the body all the same.
        self.exchange.proceed();
    }

    /// Whether it is known that the connection can't be used again.
    pub(crate) fn is_closing(&self) -> bool {
        self.exchange.close_reason().is_some()
    }

    /// The request is given up. A connection to which not one byte of it was
    /// handed returns unharmed; any other closes.
    pub(crate) fn cancel(self) {
        if !self.upload.is_handed() {
            self.lease.release_unused();
        }
    }

    /// Notes that a limit on time was reached.
    pub(crate) fn count_timeout(&self) {
        self.lease.tally().timeouts.add();
    }

    /// The response is over: the connection goes back, if both halves are
    /// done and nothing is left on it, or closes. Gives when the whole request
    /// had been written.
    pub(crate) fn finish(mut self, now: Instant) -> Option<Instant> {
        if !self.upload.is_sent() {
            // The last chance of an upload that the response has outrun.
            let mut cx = Context::from_waker(Waker::noop());
            let _ = self
                .upload
                .poll(&mut self.lease.stream, &mut self.exchange, &mut cx);
            self.sent_at = self.upload.is_sent().then_some(now);
        }
        let sent_at = self.sent_at;
        if self.upload.is_sent() && make_ready(&mut self.lease, &self.exchange) {
            self.lease.release_at(now);
        }
        sent_at
    }

    /// The caller wants no more of the response. A small rest is read by the
    /// pool, a large one is not worth its connection.
    pub(crate) fn discard(self) {
        if !self.upload.is_sent() {
            return;
        }
        let Self {
            lease, exchange, ..
        } = self;
        drain::discard(lease, exchange);
    }

    fn at_end(&mut self) -> Result<Event, Cause> {
        if self.received == 0 {
            return Err(self
                .upload
                .take_failure()
                .map_or(Cause::Closed, Cause::Write));
        }
        match self.exchange.receive_eof(&mut self.lease.buffer) {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err(Cause::Closed),
            Err(error) => Err(Cause::Truncated(error)),
        }
    }

    fn read_failed(&mut self, error: io::Error) -> Cause {
        // TLS has ended without a word, which anybody on the way can bring
        // about: what ends with the connection is incomplete (RFC 9112 §9.8).
        if error.kind() == io::ErrorKind::UnexpectedEof {
            let truncated = protocol::Error::BodyTruncated { missing: None };
            return self.at_end().err().unwrap_or(Cause::Truncated(truncated));
        }
        match self.upload.take_failure() {
            // What TLS says of the end is more than that there was one.
            Some(write) if self.received == 0 && error.kind() != io::ErrorKind::InvalidData => {
                Cause::Write(write)
            }
            _ => Cause::Read(error),
        }
    }
}
