//! A stream with faults. A little over 400 lines: the settings, the state and both halves of one
//! stream, none of which is read without the others.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::meter::Meter;
use crate::signal::Signal;

/// A stream that misbehaves in the ways a network may: the same way every time.
///
/// It wraps the stream that the code under test is given. Without a setting it changes nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use std::io::ErrorKind;
/// use postrider_testing::Faulty;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
///
/// let (near, mut far) = duplex(64);
/// let mut stream = Faulty::new(near)
///     .read_at_most(2)
///     .pending_every(3)
///     .fail_read_after(5, ErrorKind::ConnectionReset);
/// let meter = stream.meter();
///
/// far.write_all(b"seven b").await?;
/// let mut read = Vec::new();
/// let error = stream.read_to_end(&mut read).await.unwrap_err();
///
/// assert_eq!((read.as_slice(), error.kind()), (&b"seven"[..], ErrorKind::ConnectionReset));
/// assert_eq!(meter.counts().reads, 3);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Faulty<S> {
    stream: S,
    reads: Direction,
    writes: Direction,
    hold_up: HoldUp,
    buffering: Buffering,
    flush_gate: FlushGate,
    meter: Meter,
}

/// One direction of the stream: how it is split and how far it goes.
#[derive(Debug)]
struct Direction {
    split: Split,
    limit: Limit,
}

#[derive(Debug)]
enum Split {
    Whole,
    AtMost(usize),
    Random { at_most: usize, state: u64 },
}

#[derive(Debug)]
enum Limit {
    None,
    After { left: usize, then: Fault },
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    End,
    Error(io::ErrorKind),
    Stall,
}

/// Makes polls wait that need not.
#[derive(Debug)]
enum HoldUp {
    Never,
    Every { polls: usize, since: usize },
}

/// Whether bytes that were taken reach the wrapped stream at once.
#[derive(Debug)]
enum Buffering {
    None,
    UntilFlush(Vec<u8>),
}

enum FlushGate {
    Open,
    Closed(Pin<Box<dyn Future<Output = ()> + Send + Sync>>),
}

impl<S> Faulty<S> {
    /// A stream without a fault.
    pub fn new(stream: S) -> Self {
        let direction = || Direction {
            split: Split::Whole,
            limit: Limit::None,
        };
        Self {
            stream,
            reads: direction(),
            writes: direction(),
            hold_up: HoldUp::Never,
            buffering: Buffering::None,
            flush_gate: FlushGate::Open,
            meter: Meter::default(),
        }
    }

    /// A read brings at most `bytes` (at least 1).
    #[must_use]
    pub fn read_at_most(mut self, bytes: usize) -> Self {
        self.reads.split = Split::AtMost(bytes.max(1));
        self
    }

    /// A write takes at most `bytes` (at least 1).
    #[must_use]
    pub fn write_at_most(mut self, bytes: usize) -> Self {
        self.writes.split = Split::AtMost(bytes.max(1));
        self
    }

    /// Reads and writes are of 1 to `at_most` bytes, by chance: the chance that `seed` gives.
    #[must_use]
    pub fn random_splits(mut self, seed: u64, at_most: usize) -> Self {
        self.reads.split = Split::random(seed, at_most);
        self.writes.split = Split::random(!seed, at_most);
        self
    }

    /// After every `polls` polls (at least 1) of any kind, one answers that it is not ready, and
    /// wakes its task at once.
    #[must_use]
    pub fn pending_every(mut self, polls: usize) -> Self {
        self.hold_up = HoldUp::Every {
            polls: polls.max(1),
            since: 0,
        };
        self
    }

    /// The stream ends when so many bytes were read.
    #[must_use]
    pub fn eof_after(mut self, bytes: usize) -> Self {
        self.reads.limit = Limit::after(bytes, Fault::End);
        self
    }

    /// Reading fails when so many bytes were read.
    #[must_use]
    pub fn fail_read_after(mut self, bytes: usize, kind: io::ErrorKind) -> Self {
        self.reads.limit = Limit::after(bytes, Fault::Error(kind));
        self
    }

    /// Reading waits for ever when so many bytes were read.
    #[must_use]
    pub fn stall_read_after(mut self, bytes: usize) -> Self {
        self.reads.limit = Limit::after(bytes, Fault::Stall);
        self
    }

    /// Writing fails when so many bytes were taken.
    #[must_use]
    pub fn fail_write_after(mut self, bytes: usize, kind: io::ErrorKind) -> Self {
        self.writes.limit = Limit::after(bytes, Fault::Error(kind));
        self
    }

    /// Writing waits for ever when so many bytes were taken.
    #[must_use]
    pub fn stall_write_after(mut self, bytes: usize) -> Self {
        self.writes.limit = Limit::after(bytes, Fault::Stall);
        self
    }

    /// Takes everything that is written and passes nothing on before a flush, as a TLS session
    /// may: who forgets to flush, waits for an answer that cannot come.
    #[must_use]
    pub fn buffer_until_flush(mut self) -> Self {
        self.buffering = Buffering::UntilFlush(Vec::new());
        self
    }

    /// No flush is done before this gate is open.
    #[must_use]
    pub fn flush_after(mut self, signal: &Signal) -> Self {
        let signal = signal.clone();
        self.flush_gate = FlushGate::Closed(Box::pin(async move { signal.wait().await }));
        self
    }

    /// The counters of this stream. They go on counting when the stream was given away.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// The wrapped stream. Bytes that wait for a flush are lost.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Whether this poll has to wait although nothing else makes it.
    fn poll_hold_up(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.hold_up.is_due() {
            self.meter.held_up();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl<S: AsyncWrite + Unpin> Faulty<S> {
    /// Passes on what waits for a flush.
    fn poll_pass_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Buffering::UntilFlush(waiting) = &mut self.buffering else {
            return Poll::Ready(Ok(()));
        };
        while !waiting.is_empty() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, waiting))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            waiting.drain(..count.min(waiting.len()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Faulty<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_hold_up(cx));
        let left = match this.reads.limit {
            Limit::None => usize::MAX,
            Limit::After { left: 0, then } => return then.poll(),
            Limit::After { left, .. } => left,
        };
        let room = this.reads.split.size(buf.remaining().min(left));
        let count = ready!(poll_read_into(&mut this.stream, cx, buf, room))?;
        this.reads.pass(count);
        this.meter.read(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Faulty<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_hold_up(cx));
        let left = match this.writes.limit {
            Limit::None => usize::MAX,
            Limit::After { left: 0, then } => return then.poll().map_ok(|()| 0),
            Limit::After { left, .. } => left,
        };
        let size = this.writes.split.size(buf.len().min(left));
        let piece = buf.get(..size).unwrap_or(buf);
        let count = match &mut this.buffering {
            Buffering::None => ready!(Pin::new(&mut this.stream).poll_write(cx, piece))?,
            Buffering::UntilFlush(waiting) => {
                waiting.extend_from_slice(piece);
                piece.len()
            }
        };
        this.writes.pass(count);
        this.meter.wrote(count);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_hold_up(cx));
        ready!(this.flush_gate.poll(cx));
        ready!(this.poll_pass_on(cx))?;
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        this.meter.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_hold_up(cx));
        ready!(this.poll_pass_on(cx))?;
        ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        this.meter.shut_down();
        Poll::Ready(Ok(()))
    }
}

/// Reads at most `room` bytes.
fn poll_read_into<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    room: usize,
) -> Poll<io::Result<usize>> {
    let before = buf.filled().len();
    if room == buf.remaining() {
        ready!(Pin::new(stream).poll_read(cx, buf))?;
        return Poll::Ready(Ok(buf.filled().len() - before));
    }
    // `ReadBuf::take` would spare the copy, but telling `buf` what it got is unsafe code.
    let mut scratch = vec![0; room];
    let mut piece = ReadBuf::new(&mut scratch);
    ready!(Pin::new(stream).poll_read(cx, &mut piece))?;
    buf.put_slice(piece.filled());
    Poll::Ready(Ok(piece.filled().len()))
}

impl Direction {
    /// Notes that so many bytes were moved.
    fn pass(&mut self, count: usize) {
        self.split.advance();
        if let Limit::After { left, .. } = &mut self.limit {
            *left = left.saturating_sub(count);
        }
    }
}

impl Split {
    fn random(seed: u64, at_most: usize) -> Self {
        Self::Random {
            at_most: at_most.max(1),
            // The generator below stands still at 0.
            state: seed.max(1),
        }
    }

    /// How much of `available` bytes the next read or write may move.
    fn size(&self, available: usize) -> usize {
        match self {
            Self::Whole => available,
            Self::AtMost(bytes) => available.min(*bytes),
            Self::Random { at_most, state } => {
                available.min(1 + (*state % *at_most as u64) as usize)
            }
        }
    }

    /// Draws the next size, once something was moved: how often the wrapped stream was not ready
    /// must not change the splits.
    fn advance(&mut self) {
        if let Self::Random { state, .. } = self {
            // Marsaglia's xorshift64.
            *state ^= *state << 13;
            *state ^= *state >> 7;
            *state ^= *state << 17;
        }
    }
}

impl Limit {
    fn after(bytes: usize, then: Fault) -> Self {
        Self::After { left: bytes, then }
    }
}

impl Fault {
    fn poll(self) -> Poll<io::Result<()>> {
        match self {
            Self::End => Poll::Ready(Ok(())),
            Self::Error(kind) => Poll::Ready(Err(kind.into())),
            Self::Stall => Poll::Pending,
        }
    }
}

impl HoldUp {
    fn is_due(&mut self) -> bool {
        let Self::Every { polls, since } = self else {
            return false;
        };
        let due = *since >= *polls;
        *since = if due { 0 } else { *since + 1 };
        due
    }
}

impl FlushGate {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Closed(opening) = self {
            ready!(opening.as_mut().poll(cx));
            *self = Self::Open;
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for FlushGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Closed(_) => "Closed",
        })
    }
}

#[cfg(test)]
mod tests;
