//! The side of a TLS session that faces the network.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Stream;

/// The stream below a session, and where in the peer's records it stands: a session does not say
/// whether it keeps the beginning of one, whose rest would be read as the answer to what is asked
/// next.
pub(crate) struct Ciphertext {
    pub(super) stream: Stream,
    position: Position,
}

/// Where what was read so far ends (RFC 8446 §5.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Position {
    /// Behind so many bytes of a record's header, the last of which may be the length's first.
    Header { come: u8, last: u8 },
    /// So many bytes before the end of a record.
    Fragment { left: u16 },
}

impl Ciphertext {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            position: Position::BETWEEN,
        }
    }

    /// Whether no record has come in part.
    pub(super) fn is_between_records(&self) -> bool {
        matches!(self.position, Position::Header { come: 0, .. })
    }

    /// One read that does not wait.
    pub(super) fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read_now(buf)?;
        self.position.pass(&buf[..length]);
        Ok(length)
    }
}

impl Position {
    const BETWEEN: Self = Self::Header { come: 0, last: 0 };

    /// Goes on behind these bytes.
    fn pass(&mut self, mut bytes: &[u8]) {
        loop {
            (*self, bytes) = match (*self, bytes) {
                (_, []) => return,
                (Self::BETWEEN, [_, _, _, high, low, rest @ ..]) => {
                    (Self::before_end(*high, *low), rest)
                }
                (Self::Header { come: 4, last }, [low, rest @ ..]) => {
                    (Self::before_end(last, *low), rest)
                }
                (Self::Header { come, .. }, [last, rest @ ..]) => {
                    let (come, last) = (come + 1, *last);
                    (Self::Header { come, last }, rest)
                }
                (Self::Fragment { left }, bytes) => {
                    let length = bytes.len().min(left.into());
                    // Not more than `left`, which fits.
                    (Self::before(left - length as u16), &bytes[length..])
                }
            };
        }
    }

    fn before_end(high: u8, low: u8) -> Self {
        Self::before(u16::from_be_bytes([high, low]))
    }

    fn before(left: u16) -> Self {
        match left {
            0 => Self::BETWEEN,
            left => Self::Fragment { left },
        }
    }
}

impl AsyncRead for Ciphertext {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.position.pass(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ciphertext {
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

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: &[u8] = b"\x16\x03\x01\x00\x02ab\x14\x03\x03\x00\x00\x17\x03\x03\x01\x00";

    #[test]
    fn records_end_where_their_lengths_say_however_they_come() {
        let long = [b'x'; 256];
        let bytes = [RECORDS, &long].concat();
        let ends = [0, 7, 12, bytes.len()];
        let mut one_by_one = Position::BETWEEN;
        for (place, byte) in bytes.iter().enumerate() {
            let mut at_once = Position::BETWEEN;
            at_once.pass(&bytes[..place]);
            assert_eq!(at_once, one_by_one, "behind {place} bytes");
            let is_between = matches!(at_once, Position::Header { come: 0, .. });
            assert_eq!(is_between, ends.contains(&place), "behind {place} bytes");
            one_by_one.pass(&[*byte]);
        }
        assert_eq!(one_by_one, Position::BETWEEN);
    }
}
