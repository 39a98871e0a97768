//! The bytes of a request that are ready to be written.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::Frame;
use protocol::{Exchange, RequestError};
use tokio::io::AsyncWrite;

use crate::body::BoxError;
use crate::error::Cause;

/// Pieces up to this size are copied behind the bytes before them: one write
/// of one piece of memory is cheaper than the gathering of three.
const COPIED: usize = 16 * 1024;

/// So much of a body is gathered for one write, and so many pieces of memory:
/// each write costs the kernel, and the peer, as much as copying 100 KiB, and
/// more than this in one write took longer again.
const GATHERED: usize = 320 * 1024;
const SLICES: usize = 64;

thread_local! {
    /// The buffer of the last request's head, for the next one's.
    static SPARE_HEAD: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty buffer for a request's head, most often one that was used before.
pub(crate) fn spare_head() -> Vec<u8> {
    SPARE_HEAD.try_with(Cell::take).unwrap_or_default()
}

/// Bytes ready to be written, in the order of the fields.
#[derive(Default)]
pub(super) struct Staged {
    front: Vec<u8>,
    front_written: usize,
    /// What is too large to be copied, and what comes behind that. None is empty.
    pieces: VecDeque<Bytes>,
    /// In the pieces.
    bytes: usize,
}

/// Whether a body had more to give.
#[derive(Eq, PartialEq)]
pub(super) enum Taken {
    Piece,
    End,
}

impl Staged {
    pub(super) fn starting_with(head: Vec<u8>) -> Self {
        Self {
            front: head,
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.front_left() == 0 && self.pieces.is_empty()
    }

    fn front_left(&self) -> usize {
        self.front.len() - self.front_written
    }

    /// Whether a piece can be staged behind what there is. The head goes alone:
    /// if it can't be written, a body that was not touched can go elsewhere.
    pub(super) fn has_room(&self, touched: bool) -> bool {
        let has_room = if self.pieces.is_empty() {
            self.front_left() < COPIED
        } else {
            // One piece of a chunked body takes three.
            self.bytes < GATHERED && self.pieces.len() + 3 < SLICES
        };
        self.is_empty() || touched && has_room
    }

    /// Stages one frame of a body.
    pub(super) fn take(
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

    pub(super) fn push(
        &mut self,
        exchange: &mut Exchange,
        data: Bytes,
    ) -> Result<(), RequestError> {
        let frame = exchange.frame(data.len())?;
        if self.pieces.is_empty() {
            self.front.extend_from_slice(frame.before());
            if data.len() <= COPIED {
                self.front.extend_from_slice(&data);
                self.front.extend_from_slice(frame.after());
                return Ok(());
            }
        } else {
            self.push_piece(Bytes::copy_from_slice(frame.before()));
        }
        self.push_piece(data);
        self.push_piece(Bytes::from_static(frame.after()));
        Ok(())
    }

    fn push_piece(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// Stages the body's end.
    pub(super) fn finish(
        &mut self,
        exchange: &mut Exchange,
        trailers: Option<&HeaderMap>,
    ) -> Result<(), RequestError> {
        if self.pieces.is_empty() {
            return exchange.finish(trailers, &mut self.front);
        }
        let mut end = Vec::new();
        exchange.finish(trailers, &mut end)?;
        self.push_piece(end.into());
        Ok(())
    }

    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let front = &self.front[self.front_written..];
        let result = if self.pieces.is_empty() {
            Pin::new(stream).poll_write(cx, front)
        } else {
            let mut slices = [IoSlice::new(&[]); SLICES];
            slices[0] = IoSlice::new(front);
            for (slice, piece) in slices[1..].iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(piece);
            }
            let used = SLICES.min(1 + self.pieces.len());
            Pin::new(stream).poll_write_vectored(cx, &slices[..used])
        };
        let written = ready!(result)?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        Poll::Ready(Ok(written))
    }

    fn advance(&mut self, written: usize) {
        let of_front = written.min(self.front_left());
        self.front_written += of_front;
        let mut left = written - of_front;
        self.bytes = self.bytes.saturating_sub(left);
        while let Some(piece) = self.pieces.front_mut() {
            if left < piece.len() {
                piece.advance(left);
                break;
            }
            left -= piece.len();
            self.pieces.pop_front();
        }
        if self.is_empty() {
            self.front.clear();
            self.front_written = 0;
        }
    }

    /// Leaves the buffer to the thread's next request, unless it is large.
    pub(super) fn recycle(&mut self) {
        let mut front = mem::take(&mut self.front);
        self.front_written = 0;
        if front.capacity() <= 2 * COPIED {
            front.clear();
            let _ = SPARE_HEAD.try_with(|spare| spare.set(front));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use futures_util::stream;
    use http::{Method, Uri};
    use protocol::{Authority, BodyLength, Limits, RequestHead, Scheme, Target};

    use super::super::upload::Upload;
    use super::*;
    use crate::body::Body;

    /// Takes up to so many bytes at each call, and remembers how many it took.
    struct Taking {
        most: Vec<usize>,
        took: Vec<usize>,
        bytes: Vec<u8>,
    }

    impl Taking {
        fn most(most: &[usize]) -> Self {
            Self {
                most: most.to_vec(),
                took: Vec::new(),
                bytes: Vec::new(),
            }
        }
    }

    impl AsyncWrite for Taking {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let mut left = self.most[self.took.len() % self.most.len()];
            let before = self.bytes.len();
            for slice in slices {
                let now = left.min(slice.len());
                self.bytes.write_all(&slice[..now])?;
                left -= now;
            }
            let took = self.bytes.len() - before;
            self.took.push(took);
            Poll::Ready(Ok(took))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Uploads pieces of these sizes, and gives what was written behind the head.
    fn upload(sizes: &[usize], length: BodyLength, stream: &mut Taking) -> Vec<u8> {
        let pieces: Vec<_> = sizes.iter().map(|size| piece(*size)).map(Ok).collect();
        let body = Body::stream(stream::iter(pieces.into_iter().map(|it: io::Result<_>| it)));
        let (content, _) = body.into_attempt().unwrap();
        let (authority, _) = Authority::parse("a.test", Scheme::Http).unwrap();
        let (uri, headers) = (Uri::from_static("/"), HeaderMap::new());
        let target = Target::Origin(&uri);
        let head = RequestHead::new(&Method::POST, target, &authority, &headers, length);
        let mut bytes = Vec::new();
        let mut exchange = Exchange::start(&head, &Limits::default(), &mut bytes).unwrap();
        let mut upload = Upload::start(&mut exchange, bytes, content).unwrap();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut polls = 0;
        while !upload.is_sent() {
            let _ = upload.poll(stream, &mut exchange, &mut cx);
            polls += 1;
            assert!(polls < 100);
        }
        let end = stream.bytes.windows(4).position(|it| it == b"\r\n\r\n");
        stream.bytes[end.unwrap() + 4..].to_vec()
    }

    fn piece(size: usize) -> Bytes {
        (0..size)
            .map(|n| (n % 251) as u8)
            .collect::<Vec<_>>()
            .into()
    }

    const SIZES: [usize; 12] = [
        1, 70_000, 3, 16_385, 16_384, 200_000, 2, 300_000, 20_000, 20_000, 5, 40_000,
    ];

    #[test]
    fn pieces_of_every_size_are_written_in_order_however_little_is_taken_at_once() {
        let all: Vec<u8> = SIZES.iter().flat_map(|size| piece(*size)).collect();
        let mut chunks = Vec::new();
        for size in SIZES {
            write!(chunks, "{size:X}\r\n").unwrap();
            chunks.extend_from_slice(&piece(size));
            chunks.extend_from_slice(b"\r\n");
        }
        chunks.extend_from_slice(b"0\r\n\r\n");
        for most in [
            &[usize::MAX][..],
            &[100_000],
            &[7, 65_536, 16_384, 1],
            &[30_001],
        ] {
            let known = BodyLength::Known(all.len() as u64);
            assert!(upload(&SIZES, known, &mut Taking::most(most)) == all);
            let chunked = upload(&SIZES, BodyLength::Chunked, &mut Taking::most(most));
            assert!(chunked.eq_ignore_ascii_case(&chunks), "{most:?}");
        }
    }

    #[test]
    fn large_pieces_are_written_several_at_once() {
        for length in [BodyLength::Known(64 * 65_536), BodyLength::Chunked] {
            let mut stream = Taking::most(&[usize::MAX]);
            upload(&[65_536; 64], length, &mut stream);
            // The head goes alone.
            assert!(stream.took.len() <= 1 + 64 / 4, "{:?}", stream.took);
            assert!(stream.took.iter().all(|took| *took < 2 * GATHERED));
        }
    }
}
