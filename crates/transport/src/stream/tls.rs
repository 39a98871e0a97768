//! A TLS session over another stream.

use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::ClientConnection;
use tokio::io::{AsyncBufRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::{Ciphertext, Probe, Stream};
use crate::guard::guarded_call;
use crate::tls::in_words;

/// How many bytes of TLS messages a probe takes in before it distrusts the peer. Session tickets
/// come to a few hundred bytes each.
const MOST_FED: usize = 32 * 1024;

/// The plaintext of a full record (RFC 8446 §5.1).
const FULL_RECORD: usize = 1 << 14;

/// A TLS session over a stream, which says close_notify when it goes.
pub(super) struct TlsSession {
    stream: TlsStream<Ciphertext>,
    /// Met by a read that had data to tell of first.
    failure: Option<io::Error>,
}

impl TlsSession {
    /// The handshake's last look for more must not keep its task, which ends with it.
    pub(super) fn new(stream: TlsStream<Ciphertext>) -> Self {
        stream.get_ref().0.stream.forget_reader();
        Self {
            stream,
            failure: None,
        }
    }

    /// Fills `buf` while the session has plaintext, or has just read a record that was full.
    ///
    /// tokio-rustls's own read goes on until nothing comes. What it leaves at the socket is the
    /// waker of the task that read the end of an answer, and with it that task's memory, for as
    /// long as the connection idles.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let session = self.stream.get_ref().1;
        // Not before the last of what was decrypted before it.
        if let Some(error) = self.failure.take_if(|_| session.wants_read()) {
            return Poll::Ready(Err(error));
        }
        let mut record = ready!(self.poll_record(cx, buf))?;
        while record > 0 && buf.remaining() > 0 && (record >= FULL_RECORD || !self.is_quiet()) {
            record = match self.poll_record(cx, buf) {
                Poll::Ready(Ok(record)) => record,
                Poll::Ready(Err(error)) => {
                    self.failure.get_or_insert(error);
                    break;
                }
                Poll::Pending => break,
            };
        }
        Poll::Ready(Ok(()))
    }

    /// Reads from one record; ready with 0 is the end, or no room.
    ///
    /// What a record makes the session say, such as that it will not renegotiate, is offered to
    /// the stream below at once: the peer may wait for it before it goes on. Not so where the
    /// task that writes waits to send more, for it must not lose its turn.
    fn poll_record(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let has_more_to_send = self.has_ciphertext();
        let outcome = self.poll_plaintext(cx, buf);
        if !has_more_to_send {
            let (below, session) = self.stream.get_mut();
            offer(session, below);
        }
        outcome
    }

    fn poll_plaintext(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut stream = Pin::new(&mut self.stream);
        match ready!(stream.as_mut().poll_fill_buf(cx)) {
            Ok(plaintext) => {
                let length = plaintext.len().min(buf.remaining());
                buf.put_slice(&plaintext[..length]);
                stream.consume(length);
                Poll::Ready(Ok(length))
            }
            Err(error) => Poll::Ready(self.read_before(in_words(error), buf)),
        }
    }

    /// Records that came together are decrypted together: those before a bad one are read first.
    fn read_before(&mut self, failure: io::Error, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
        let mut reader = self.stream.get_mut().1.reader();
        match reader.read(buf.initialize_unfilled()) {
            Ok(length @ 1..) => {
                buf.advance(length);
                self.failure = Some(failure);
                Ok(length)
            }
            _ => Err(failure),
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream)
            .poll_write(cx, buf)
            .map_err(in_words)
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream)
            .poll_write_vectored(cx, bufs)
            .map_err(in_words)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx).map_err(in_words)
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream)
            .poll_shutdown(cx)
            .map_err(in_words)
    }

    /// Queues close_notify and offers it to the stream below once.
    pub(super) fn close(&mut self) {
        if self.has_ciphertext() || self.below().has_unsent() {
            return;
        }
        let (below, session) = self.stream.get_mut();
        session.send_close_notify();
        offer(session, below);
    }

    pub(super) fn is_alive(&mut self, care: Probe) -> bool {
        // The session tells of an earlier error again, and of plaintext and close_notify which
        // came together with the last bytes that were read.
        let (below, session) = self.stream.get_mut();
        if self.failure.is_some() || !has_only_messages(session) {
            return false;
        }
        if !below.stream.may_be_readable(care) {
            return below.is_between_records();
        }
        let mut fed = 0;
        while fed < MOST_FED {
            match session.read_tls(&mut Now(below)) {
                Ok(0) => return false,
                Ok(taken) => fed += taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    offer(session, below);
                    return below.is_between_records();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
            if !has_only_messages(session) {
                return false;
            }
        }
        false
    }

    /// The side of the ciphertext.
    pub(super) fn below(&self) -> &Stream {
        &self.stream.get_ref().0.stream
    }

    pub(super) fn has_ciphertext(&self) -> bool {
        self.stream.get_ref().1.wants_write()
    }

    pub(super) fn is_quiet(&self) -> bool {
        // After the handshake, rustls stops wanting to read for two reasons only: plaintext that
        // waits to be fetched, and close_notify.
        self.stream.get_ref().1.wants_read()
    }
}

impl Drop for TlsSession {
    fn drop(&mut self) {
        // The stream below may be one of the user's own, whose panic may be what drops this: a
        // second one that escaped from here would end the process.
        let _ = guarded_call(|| self.close());
    }
}

/// Offers what the session has to say of itself to the stream below, once: close_notify, or that
/// it will not renegotiate (TLS 1.2). A failure will show in whatever comes next, if anything does.
fn offer(session: &mut ClientConnection, below: &mut Ciphertext) {
    if session.wants_write() {
        let _ = session.write_tls(&mut Now(below));
    }
}

/// Whether everything the session was fed is known to be neither data, nor the end, nor wrong.
fn has_only_messages(session: &mut ClientConnection) -> bool {
    session
        .process_new_packets()
        .is_ok_and(|state| state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed())
}

/// A stream as rustls wants it: reads and writes that do not wait.
struct Now<'a>(&'a mut Ciphertext);

impl Read for Now<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_now(buf)
    }
}

impl Write for Now<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.stream.write_now(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
