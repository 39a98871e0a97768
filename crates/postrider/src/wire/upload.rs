//! What is left to write of a request: its head, and its body as it comes.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use protocol::{Exchange, RequestError};
use tokio::io::AsyncWrite;

use super::staged::{Staged, Taken};
use crate::body::{BoxBody, BoxError, Content, Whole, contain};
use crate::error::Cause;

/// How much one poll writes before it lets other tasks run.
const FAIR_SHARE: usize = 1024 * 1024;

/// What taking a piece of a body counts for, however small it is.
const FRAME_COST: usize = 256;

/// The writing half of an exchange.
pub(crate) struct Upload {
    staged: Staged,
    state: State,
    handed: bool,
}

/// How far it has come with what is behind the staged bytes.
enum State {
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

impl Upload {
    /// The upload of a request whose head was encoded into `head`.
    pub(crate) fn start(
        exchange: &mut Exchange,
        head: Vec<u8>,
        content: Content,
    ) -> Result<Self, RequestError> {
        let mut staged = Staged::starting_with(head);
        let state = match content {
            Content::Empty => {
                staged.finish(exchange, None)?;
                State::Flushing
            }
            Content::Bytes(bytes) if exchange.is_waiting() => State::Body {
                body: Box::pin(Whole(bytes)),
                touched: false,
            },
            Content::Bytes(bytes) => {
                staged.push(exchange, bytes)?;
                staged.finish(exchange, None)?;
                State::Flushing
            }
            Content::Streaming(body) => State::Body {
                body,
                touched: false,
            },
        };
        Ok(Self {
            staged,
            state,
            handed: false,
        })
    }

    /// Whether any byte was handed to the stream, written or not.
    pub(crate) fn is_handed(&self) -> bool {
        self.handed
    }

    /// Whether the whole request was written and flushed.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(self.state, State::Sent)
    }

    /// Whether the stream has taken the last byte of the request.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self.state, State::Flushing | State::Sent) && self.staged.is_empty()
    }

    /// Whether nothing was taken of a body that is still to come.
    pub(crate) fn is_untouched(&self) -> bool {
        matches!(self.state, State::Body { touched: false, .. })
    }

    /// Whether all that the caller has given of the body is on its way.
    pub(crate) fn is_starved(&self) -> bool {
        matches!(self.state, State::Body { .. }) && self.staged.is_empty()
    }

    /// Whether there are bytes that the stream does not take.
    pub(crate) fn is_blocked(&self) -> bool {
        match self.state {
            State::Body { .. } => !self.staged.is_empty(),
            State::Flushing => true,
            State::Sent | State::Failed { .. } | State::Stopped { .. } => false,
        }
    }

    /// Gives up what is not written yet.
    pub(crate) fn stop(&mut self) {
        if !self.is_sent() {
            self.state = State::Stopped { untouched: None };
        }
    }

    /// The error of the write that failed, if one did.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        match mem::replace(&mut self.state, State::Stopped { untouched: None }) {
            State::Failed { error, untouched } => {
                self.state = State::Stopped { untouched };
                Some(error)
            }
            state => {
                self.state = state;
                None
            }
        }
    }

    /// The body, if nothing was taken of it.
    pub(crate) fn into_untouched(self) -> Option<BoxBody> {
        self.state.into_untouched()
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
                let state = mem::replace(&mut self.state, State::Flushing);
                let untouched = state.into_untouched();
                self.state = State::Failed { error, untouched };
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
            self.state,
            State::Sent | State::Failed { .. } | State::Stopped { .. }
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
            match &self.state {
                // All that was declared is out, though the body does not say that
                // it ends.
                State::Body { .. } if gathered.is_pending() && exchange.is_sent() => {
                    self.state = State::Flushing;
                }
                State::Body { .. } if gathered.is_pending() || exchange.is_waiting() => {
                    return flush_and_wait(stream, cx);
                }
                State::Body { .. } => {}
                State::Flushing => {
                    ready!(Pin::new(stream).poll_flush(cx)).map_err(Cause::Write)?;
                    self.state = State::Sent;
                    self.staged.recycle();
                    return Poll::Ready(Ok(()));
                }
                State::Sent | State::Failed { .. } | State::Stopped { .. } => {
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
        while let State::Body { body, touched } = &mut self.state
            && *share > 0
            && !exchange.is_waiting()
            && self.staged.has_room(*touched)
        {
            let frame = ready!(poll_frame(body, cx));
            *touched = true;
            // Without this, pieces that are empty had no end.
            *share = share.saturating_sub(FRAME_COST);
            if self.staged.take(exchange, frame)? == Taken::End {
                self.state = State::Flushing;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl State {
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
