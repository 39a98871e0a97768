//! Reading from a connection, without a buffer of its own.

use std::cell::Cell;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use protocol::{Exchange, Remaining};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// Reads that are expected to be shorter go through the thread's scratch.
pub(super) const SCRATCH: usize = 32 * 1024;

/// A long body is read in pieces of this size, and twice that where they fill:
/// fewer system calls, for which a slow connection need not hold the memory.
const PIECE: usize = 64 * 1024;

thread_local! {
    /// Taken out while in use: a stream of the user's own may read, within its
    /// `poll_read`, from another connection of ours.
    static SPARE: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Reads once and appends what came to `buffer`; ready with 0 is the end.
///
/// `expected` bytes are known or guessed to be still on their way. There is
/// always more room than that: a read which fills its room leaves tokio's
/// readiness flag set, and the next read would be a system call for nothing.
pub(super) fn poll_fill<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    expected: u64,
    last_read: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if expected < SCRATCH as u64 {
        return poll_through_scratch(stream, buffer, cx);
    }
    // At first a piece, then as much again as there is: a declared length
    // is never trusted with memory.
    let room = usize::try_from(expected)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let piece = if last_read < PIECE { PIECE } else { 2 * PIECE };
    buffer.reserve(room.min(piece.max(buffer.len())));
    pin!(stream.read_buf(buffer)).poll(cx)
}

/// What came is copied out at its exact size, so that a head or a small body
/// holds no more memory than it needs, and an idle connection none.
fn poll_through_scratch<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut scratch = SPARE
        .try_with(Cell::take)
        .ok()
        .flatten()
        .unwrap_or_else(|| vec![0; SCRATCH].into_boxed_slice());
    let mut read = ReadBuf::new(&mut scratch);
    let result = Pin::new(stream).poll_read(cx, &mut read);
    if read.filled().is_empty() {
        // Nothing to keep.
    } else if buffer.is_empty() {
        *buffer = BytesMut::from(read.filled());
    } else {
        buffer.extend_from_slice(read.filled());
    }
    let length = read.filled().len();
    // A thread that is ending keeps no spare.
    let _ = SPARE.try_with(|spare| spare.set(Some(scratch)));
    ready!(result)?;
    Poll::Ready(Ok(length))
}

/// How many bytes the next reads may bring.
pub(super) fn expected(
    exchange: &Exchange,
    buffer: &BytesMut,
    hold: usize,
    last_read: usize,
) -> u64 {
    match exchange.body_remaining() {
        Remaining::Known(length) => length.max(hold as u64).saturating_sub(buffer.len() as u64),
        // A scratch that came full says that there is much more.
        Remaining::Unknown if last_read >= SCRATCH => u64::MAX,
        Remaining::Unknown | Remaining::Nothing => 0,
    }
}
