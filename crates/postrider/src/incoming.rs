//! The body of a response, as it comes.

mod buffered;
mod collect;
#[cfg(target_os = "linux")]
mod huge_pages;

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use protocol::{Event, Remaining};
use tokio::time::Instant;

use crate::call::{Call, Underway};
use crate::connection_info::ConnectionInfo;
use crate::erased::Owned;
use crate::error::{Cause, Error, ErrorKind, Sent};
use crate::phase::Phase;
use crate::timeouts::Awaited;
use crate::timings::Timings;
use crate::upgrade::Upgraded;

use self::buffered::Buffered;
pub(crate) use self::collect::Memory;

/// The body of a response: an [`http_body::Body`] with its trailers.
///
/// It reads from the connection when it is polled, and gives the connection
/// back to the pool before its end is told; where its length was declared, before
/// its last byte is. What is left of the request's own body is written meanwhile.
///
/// Dropped before its end, it reads a rest of at most 64 KiB in the background,
/// if that comes within 50 ms, so that the connection can be used again; else it
/// closes the connection.
pub struct ResponseBody {
    state: State,
    call: Owned<Call>,
    connection: ConnectionInfo,
}

enum State {
    /// Here in full; the connection has gone back already.
    Whole {
        data: Bytes,
        trailers: Option<Box<HeaderMap>>,
    },
    /// Still coming: the call's transfer goes on behind this, which came with
    /// the head and had to be decoded to see how it goes on.
    Live(Bytes),
    /// What came with the head is not valid behind this data. The connection
    /// has been closed.
    Broken(Box<Broken>),
    /// No body: the call's transfer is a connection of another protocol.
    Upgraded,
    /// An error of this kind has been told. The connection has been closed.
    Failed(ErrorKind),
    Ended,
}

struct Broken {
    data: Bytes,
    cause: Cause,
    sent: Sent,
}

/// What a body consists of.
enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl ResponseBody {
    /// The body behind a head that has just come, in full if it can be.
    ///
    /// The head counts even if the body is already known to be wrong: what a
    /// caller sees of a response does not depend on how it came in pieces.
    pub(crate) fn start(mut call: Owned<Call>, connection: ConnectionInfo, now: Instant) -> Self {
        let state = State::behind_head(&mut call, now);
        Self {
            state,
            call,
            connection,
        }
    }

    /// The next piece of data; `None` at the end. Trailers are passed over.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        loop {
            match ready!(self.poll_piece(cx))? {
                Some(Piece::Data(data)) => return Poll::Ready(Ok(Some(data))),
                Some(Piece::Trailers(_)) => {}
                None => return Poll::Ready(self.end()),
            }
        }
    }

    /// Who goes on after an error must not take what was cut short for the whole.
    fn end(&self) -> Result<Option<Bytes>, Error> {
        match self.state {
            State::Failed(kind) => Err(self.error(Cause::AfterError(kind), Phase::Body)),
            _ => Ok(None),
        }
    }

    /// Who takes the body behind an error comes to one again, and to no end.
    pub(crate) fn after_error(mut self) -> Self {
        if let State::Failed(kind) = self.state {
            let broken = Broken {
                data: Bytes::new(),
                cause: Cause::AfterError(kind),
                sent: self.sent(),
            };
            self.state = State::Broken(Box::new(broken));
        }
        self
    }

    /// The connection, if it speaks another protocol from here on.
    pub(crate) fn into_upgraded(mut self) -> Result<Upgraded, Error> {
        if matches!(self.state, State::Upgraded)
            && let Some(transfer) = self.call.underway.take_transfer()
        {
            let upgraded = transfer.into_upgraded(self.connection.clone());
            return upgraded.map_err(|sent| self.lost(Cause::UpgradedTooEarly, Phase::Head, sent));
        }
        Err(self.error(Cause::NotUpgraded, Phase::Head))
    }

    /// How many bytes are still to come, where that is known.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match &self.state {
            State::Whole { data, .. } => Some(data.len() as u64),
            State::Live(first) => match self.call.underway.transfer()?.body_remaining() {
                Remaining::Known(length) => Some(length + first.len() as u64),
                Remaining::Nothing => Some(first.len() as u64),
                Remaining::Unknown => None,
            },
            State::Broken(_) | State::Failed(_) => None,
            State::Upgraded | State::Ended => Some(0),
        }
    }

    pub(crate) fn timings(&self) -> &Timings {
        &self.call.timings
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    pub(crate) fn connection(&self) -> &ConnectionInfo {
        &self.connection
    }

    /// An error that befell what was made of the response.
    pub(crate) fn error(&self, cause: Cause, phase: Phase) -> Error {
        self.lost(cause, phase, self.sent())
    }

    fn sent(&self) -> Sent {
        match self.call.underway.transfer() {
            Some(transfer) => transfer.sent(),
            None if self.call.timings.sent().is_some() => Sent::Wholly,
            // The server had heard enough, and the upload was stopped.
            None => Sent::Partly,
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Error>> {
        match &mut self.state {
            State::Whole { data, .. } if !data.is_empty() => {
                Poll::Ready(Ok(Some(Piece::Data(mem::take(data)))))
            }
            State::Whole { trailers, .. } => {
                let trailers = trailers.take();
                self.state = State::Ended;
                Poll::Ready(Ok(trailers.map(|trailers| Piece::Trailers(*trailers))))
            }
            State::Live(first) if !first.is_empty() => {
                Poll::Ready(Ok(Some(Piece::Data(mem::take(first)))))
            }
            State::Live(_) => match ready!(poll_event(&mut self.call, cx)) {
                Ok(piece) => {
                    if piece.is_none() || is_over(&mut self.call) {
                        self.state = State::Ended;
                        finish(&mut self.call, Instant::now());
                    }
                    Poll::Ready(Ok(piece))
                }
                Err(cause) => Poll::Ready(Err(self.fail(cause))),
            },
            State::Broken(broken) if !broken.data.is_empty() => {
                Poll::Ready(Ok(Some(Piece::Data(mem::take(&mut broken.data)))))
            }
            State::Broken(_) => Poll::Ready(self.break_off()),
            State::Upgraded | State::Failed(_) | State::Ended => Poll::Ready(Ok(None)),
        }
    }

    /// The connection closes.
    fn fail(&mut self, cause: Cause) -> Error {
        self.state = State::Failed(cause.kind());
        let mut sent = Sent::Wholly;
        if let Some(transfer) = self.call.underway.take_transfer() {
            sent = transfer.sent();
            self.call.timings.mark_sent(transfer.sent_at());
            if matches!(cause, Cause::Elapsed(_)) {
                transfer.count_timeout();
            }
        }
        self.lost(cause, Phase::Body, sent)
    }

    fn break_off(&mut self) -> Result<Option<Piece>, Error> {
        let State::Broken(broken) = mem::replace(&mut self.state, State::Ended) else {
            return Ok(None);
        };
        self.state = State::Failed(broken.cause.kind());
        Err(self.lost(broken.cause, Phase::Body, broken.sent))
    }

    fn lost(&self, cause: Cause, phase: Phase, sent: Sent) -> Error {
        self.call
            .error(cause, phase)
            .on_connection(self.connection.clone(), sent)
    }
}

impl State {
    /// What of the body is here already.
    fn behind_head(call: &mut Call, now: Instant) -> Self {
        let Some(transfer) = call.underway.transfer_mut() else {
            return Self::Ended;
        };
        if transfer.is_upgraded() {
            call.timings.mark_body(now);
            return Self::Upgraded;
        }
        match Buffered::read(transfer) {
            Buffered::Whole { data, trailers } => {
                finish(call, now);
                Self::Whole { data, trailers }
            }
            Buffered::Part(first) => Self::Live(first),
            Buffered::Broken { data, cause } => {
                let sent = transfer.sent();
                call.underway = Underway::Nothing;
                Self::Broken(Box::new(Broken { data, cause, sent }))
            }
        }
    }
}

/// The last byte has come: the connection goes back before it is told.
fn finish(call: &mut Call, now: Instant) {
    if let Some(transfer) = call.underway.take_transfer() {
        call.timings.mark_sent(transfer.finish(now));
        call.timings.mark_body(now);
    }
}

/// Whether the piece that has just come was the last: where the length was
/// declared that shows without another byte.
fn is_over(call: &mut Call) -> bool {
    call.underway.transfer_mut().is_some_and(|transfer| {
        transfer.body_remaining() == Remaining::Nothing
            && matches!(transfer.buffered_event(), Ok(Some(Event::End)))
    })
}

fn poll_event(call: &mut Call, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Cause>> {
    let Call {
        underway: Underway::Moving(transfer),
        watch,
        ..
    } = call
    else {
        return Poll::Ready(Err(Cause::Closed));
    };
    // A body that never pauses must not outrun the total limit.
    let over = watch.total_elapsed();
    loop {
        let event = match over {
            None => transfer.poll_event(cx),
            // What is here already came in time.
            Some(elapsed) => {
                let event = transfer.buffered_event();
                Poll::Ready(event.and_then(|event| event.ok_or(Cause::Elapsed(elapsed))))
            }
        };
        match event {
            Poll::Ready(Ok(Event::Data(data))) => {
                return Poll::Ready(Ok(Some(Piece::Data(data))));
            }
            Poll::Ready(Ok(Event::Trailers(trailers))) => {
                return Poll::Ready(Ok(Some(Piece::Trailers(trailers))));
            }
            Poll::Ready(Ok(Event::End)) => return Poll::Ready(Ok(None)),
            // There is no head behind the final one.
            Poll::Ready(Ok(Event::Informational(_) | Event::Head(_))) => {}
            Poll::Ready(Err(cause)) => return Poll::Ready(Err(cause)),
            Poll::Pending => {
                // What is left of the upload may be what holds it up.
                let phase = if transfer.is_blocked() {
                    Phase::Send
                } else {
                    Phase::Body
                };
                let progress = transfer.progress();
                let elapsed = ready!(watch.poll_elapsed(cx, phase, Awaited::Peer, progress));
                return Poll::Ready(Err(Cause::Elapsed(elapsed)));
            }
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let State::Live(_) = self.state
            && let Some(transfer) = self.call.underway.take_transfer()
        {
            // This reads from the stream, which may be of the caller's own. If this is dropped by
            // a panic, a second one that escaped from here would end the process.
            drop(catch_unwind(AssertUnwindSafe(|| transfer.discard())));
        }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.poll_piece(cx).map(|piece| match piece {
            Ok(Some(Piece::Data(data))) => Some(Ok(Frame::data(data))),
            Ok(Some(Piece::Trailers(trailers))) => Some(Ok(Frame::trailers(trailers))),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Whole { data, trailers } => data.is_empty() && trailers.is_none(),
            State::Live(_) | State::Broken(_) => false,
            State::Upgraded | State::Failed(_) | State::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.remaining()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Whole { .. } => "whole",
            State::Live(_) => "live",
            State::Broken(_) => "broken",
            State::Upgraded => "upgraded",
            State::Failed(_) => "failed",
            State::Ended => "ended",
        };
        f.debug_struct("ResponseBody")
            .field("state", &state)
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
