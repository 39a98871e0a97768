//! What is left to write of a request: its head, and its body as it comes.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::Frame;
use protocol::{Exchange, RequestError};
use tokio::io::AsyncWrite;

use crate::body::{BoxBody, BoxError, Content, Whole, contain};
use crate::error::Cause;

/// Pieces up to this size are copied behind the bytes before them: one write
/// of one piece of memory is cheaper than the gathering of three.
const COPIED: usize = 16 * 1024;

/// How much one poll writes before it lets other tasks run.
const FAIR_SHARE: usize = 1024 * 1024;

/// What taking a piece of a body counts for, however small it is.
const FRAME_COST: usize = 256;

thread_local! {
    /// The buffer of the last request's head, for the next one's.
    static SPARE_HEAD: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty buffer for a request's head, most often one that was used before.
pub(crate) fn spare_head() -> Vec<u8> {
    SPARE_HEAD.try_with(Cell::take).unwrap_or_default()
}

/// The writing half of an exchange.
pub(crate) struct Upload {
    staged: Staged,
    source: Source,
    handed: bool,
}

/// Where the bytes after the staged ones come from.
enum Source {
    /// A body of which more may come; `touched` once a piece was taken.
    Body { body: BoxBody, touched: bool },
    /// All is staged or written; the stream may still hold some of it.
    Flushing,
    /// The whole request is on its way.
    Sent,
    /// A write failed. The response may have come all the same, so the error
    /// is told only when reading has given no response.
    Failed {
        error: io::Error,
        untouched: Option<BoxBody>,
    },
    /// Nothing more is written: the server has answered and wants no more of
    /// it, or the failure has been told.
    Stopped { untouched: Option<BoxBody> },
}

/// Bytes ready to be written, in the order of the fields.
#[derive(Default)]
struct Staged {
    front: Vec<u8>,
    front_written: usize,
    data: Bytes,
    back: &'static [u8],
}

impl Upload {
    /// The upload of a request whose head was encoded into `head`.
    pub(crate) fn start(
        exchange: &mut Exchange,
        head: Vec<u8>,
        content: Content,
    ) -> Result<Self, RequestError> {
        let mut staged = Staged {
            front: head,
            ..Staged::default()
        };
        let source = match content {
            Content::Empty => {
                exchange.finish(None, &mut staged.front)?;
                Source::Flushing
            }
            Content::Bytes(bytes) if exchange.is_waiting() => Source::Body {
                body: Box::pin(Whole(bytes)),
                touched: false,
            },
            Content::Bytes(bytes) => {
                staged.push(exchange, bytes)?;
                staged.finish(exchange, None)?;
                Source::Flushing
            }
            Content::Streaming(body) => Source::Body {
                body,
                touched: false,
            },
        };
        Ok(Self {
            staged,
            source,
            handed: false,
        })
    }

    /// Whether any byte was handed to the stream, written or not.
    pub(crate) fn is_handed(&self) -> bool {
        self.handed
    }

    /// Whether the whole request was written and flushed.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(self.source, Source::Sent)
    }

    /// Whether nothing was taken of a body that is still to come.
    pub(crate) fn is_untouched(&self) -> bool {
        matches!(self.source, Source::Body { touched: false, .. })
    }

    /// Whether all that the caller has given of the body is on its way.
    pub(crate) fn is_starved(&self) -> bool {
        matches!(self.source, Source::Body { .. }) && self.staged.is_empty()
    }

    /// Whether there are bytes that the stream does not take.
    pub(crate) fn is_blocked(&self) -> bool {
        match self.source {
            Source::Body { .. } => !self.staged.is_empty(),
            Source::Flushing => true,
            Source::Sent | Source::Failed { .. } | Source::Stopped { .. } => false,
        }
    }

    /// Gives up what is not written yet.
    pub(crate) fn stop(&mut self) {
        if !self.is_sent() {
            self.source = Source::Stopped { untouched: None };
        }
    }

    /// The error of the write that failed, if one did.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        match mem::replace(&mut self.source, Source::Stopped { untouched: None }) {
            Source::Failed { error, untouched } => {
                self.source = Source::Stopped { untouched };
                Some(error)
            }
            source => {
                self.source = source;
                None
            }
        }
    }

    /// The body, if nothing was taken of it.
    pub(crate) fn into_untouched(self) -> Option<BoxBody> {
        self.source.into_untouched()
    }

    /// Writes what can be written. Ready when there is nothing left to do,
    /// which includes that a write has failed.
    ///
    /// # Errors
    ///
    /// Those of the caller's body, and of one unlike its declared length.
    pub(crate) fn poll<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        exchange: &mut Exchange,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Cause>> {
        match ready!(self.poll_upload(stream, exchange, cx)) {
            Err(Cause::Write(error)) => {
                let source = mem::replace(&mut self.source, Source::Flushing);
                let untouched = source.into_untouched();
                self.source = Source::Failed { error, untouched };
                Poll::Ready(Ok(()))
            }
            result => Poll::Ready(result),
        }
    }

    fn poll_upload<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        exchange: &mut Exchange,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Cause>> {
        if matches!(
            self.source,
            Source::Sent | Source::Failed { .. } | Source::Stopped { .. }
        ) {
            return Poll::Ready(Ok(()));
        }
        let mut share = FAIR_SHARE;
        loop {
            let gathered = self.poll_gather(exchange, &mut share, cx)?;
            while share > 0 && !self.staged.is_empty() {
                self.handed = true;
                let written = ready!(self.staged.poll_write(stream, cx)).map_err(Cause::Write)?;
                share = share.saturating_sub(written);
            }
            if share == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match &self.source {
                Source::Body { .. } if gathered.is_pending() || exchange.is_waiting() => {
                    return flush_and_wait(stream, cx);
                }
                Source::Body { .. } => {}
                Source::Flushing => {
                    ready!(Pin::new(stream).poll_flush(cx)).map_err(Cause::Write)?;
                    self.source = Source::Sent;
                    self.staged.recycle();
                    return Poll::Ready(Ok(()));
                }
                Source::Sent | Source::Failed { .. } | Source::Stopped { .. } => {
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Stages pieces of the body while they fit: small ones are written
    /// together. Pending when the body has none ready.
    fn poll_gather(
        &mut self,
        exchange: &mut Exchange,
        share: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Cause>> {
        while let Source::Body { body, touched } = &mut self.source
            && *share > 0
            && !exchange.is_waiting()
            && self.staged.has_room(*touched)
        {
            let frame = ready!(poll_frame(body, cx));
            *touched = true;
            // Without this, pieces that are empty had no end.
            *share = share.saturating_sub(FRAME_COST);
            if self.staged.take(exchange, frame)? == Taken::End {
                self.source = Source::Flushing;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Source {
    fn into_untouched(self) -> Option<BoxBody> {
        match self {
            Self::Body { body, touched } => (!touched).then_some(body),
            Self::Failed { untouched, .. } | Self::Stopped { untouched } => untouched,
            Self::Flushing | Self::Sent => None,
        }
    }
}

fn poll_frame(
    body: &mut BoxBody,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
    let polled = contain(|| body.as_mut().poll_frame(cx));
    polled.unwrap_or_else(|panicked| Poll::Ready(Some(Err(panicked))))
}

/// What was written must not wait for what is not there yet.
fn flush_and_wait<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Cause>> {
    match Pin::new(stream).poll_flush(cx) {
        Poll::Ready(Err(error)) => Poll::Ready(Err(Cause::Write(error))),
        Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
    }
}

/// Whether a body had more to give.
#[derive(Eq, PartialEq)]
enum Taken {
    Piece,
    End,
}

impl Staged {
    fn is_empty(&self) -> bool {
        self.front_written == self.front.len() && self.data.is_empty() && self.back.is_empty()
    }

    /// Whether a piece can be staged behind what there is. The head goes alone:
    /// if it can't be written, a body that was not touched can go elsewhere.
    fn has_room(&self, touched: bool) -> bool {
        self.is_empty()
            || touched && self.data.is_empty() && self.front.len() - self.front_written < COPIED
    }

    /// Stages one frame of a body.
    fn take(
        &mut self,
        exchange: &mut Exchange,
        frame: Option<Result<Frame<Bytes>, BoxError>>,
    ) -> Result<Taken, Cause> {
        let Some(frame) = frame.transpose().map_err(Cause::RequestBody)? else {
            self.finish(exchange, None).map_err(Cause::Request)?;
            return Ok(Taken::End);
        };
        match frame.into_data() {
            Ok(data) => {
                self.push(exchange, data).map_err(Cause::Request)?;
                Ok(Taken::Piece)
            }
            Err(frame) => {
                let trailers = frame.into_trailers().ok();
                self.finish(exchange, trailers.as_ref())
                    .map_err(Cause::Request)?;
                Ok(Taken::End)
            }
        }
    }

    fn push(&mut self, exchange: &mut Exchange, data: Bytes) -> Result<(), RequestError> {
        let frame = exchange.frame(data.len())?;
        self.front.extend_from_slice(frame.before());
        if data.len() <= COPIED {
            self.front.extend_from_slice(&data);
            self.front.extend_from_slice(frame.after());
        } else {
            self.data = data;
            self.back = frame.after();
        }
        Ok(())
    }

    /// Stages the body's end. What it takes is written after the data.
    fn finish(
        &mut self,
        exchange: &mut Exchange,
        trailers: Option<&HeaderMap>,
    ) -> Result<(), RequestError> {
        exchange.finish(trailers, &mut self.front)
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let front = &self.front[self.front_written..];
        let result = if self.data.is_empty() && self.back.is_empty() {
            Pin::new(stream).poll_write(cx, front)
        } else {
            let slices = [
                IoSlice::new(front),
                IoSlice::new(&self.data),
                IoSlice::new(self.back),
            ];
            Pin::new(stream).poll_write_vectored(cx, &slices)
        };
        let written = ready!(result)?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        Poll::Ready(Ok(written))
    }

    fn advance(&mut self, written: usize) {
        let of_front = written.min(self.front.len() - self.front_written);
        self.front_written += of_front;
        let of_data = (written - of_front).min(self.data.len());
        self.data.advance(of_data);
        self.back = self
            .back
            .get(written - of_front - of_data..)
            .unwrap_or_default();
        if self.is_empty() {
            self.front.clear();
            self.front_written = 0;
        }
    }

    /// Leaves the buffer to the thread's next request, unless it is large.
    fn recycle(&mut self) {
        let mut front = mem::take(&mut self.front);
        self.front_written = 0;
        if front.capacity() <= 2 * COPIED {
            front.clear();
            let _ = SPARE_HEAD.try_with(|spare| spare.set(front));
        }
    }
}
