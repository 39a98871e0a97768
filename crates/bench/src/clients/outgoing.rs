//! What all clients send.

use std::convert::Infallible;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method};
use http_body::{Body, Frame, SizeHint};

use crate::load::Action;
use crate::page::AtPage;

/// A small order, as a service might place it.
pub(crate) const JSON: &[u8] =
    br#"{"id":48151623,"customer":"c-90210","items":[{"sku":"A-17","count":2},{"sku":"B-4","count":1}]}"#;

/// Uploads are made of pieces of this length.
pub(crate) static PIECE: &[u8] = &SENT.0;

static SENT: AtPage<{ 64 * 1024 }> = AtPage([b'x'; 64 * 1024]);

/// The body of a request.
pub(crate) enum Outgoing {
    Nothing,
    Whole(Bytes),
    /// So many bytes are left.
    Pieces(u64),
}

impl Outgoing {
    pub(crate) fn of(action: Action) -> Self {
        match action {
            Action::Post => Self::Whole(Bytes::from_static(JSON)),
            Action::Upload { bytes } => Self::Pieces(bytes),
            Action::Get | Action::Collect | Action::Stream | Action::Tokens => Self::Nothing,
        }
    }

    fn left(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Pieces(left) => *left,
        }
    }

    fn next(&mut self) -> Option<Bytes> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Nothing | Self::Pieces(0) => None,
            Self::Whole(bytes) => Some(bytes),
            Self::Pieces(left) => {
                let piece = piece(left);
                *self = Self::Pieces(left - piece.len() as u64);
                Some(Bytes::from_static(piece))
            }
        }
    }
}

/// The next piece of an upload that has so many bytes left.
pub(crate) fn piece(left: u64) -> &'static [u8] {
    &PIECE[..PIECE.len().min(usize::try_from(left).unwrap_or(usize::MAX))]
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}

/// For clients that block.
impl Read for Outgoing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self::Pieces(left) = self else {
            return Ok(0);
        };
        let piece = piece((*left).min(buffer.len() as u64));
        buffer[..piece.len()].copy_from_slice(piece);
        *left -= piece.len() as u64;
        Ok(piece.len())
    }
}

pub(crate) fn method(action: Action) -> Method {
    match action {
        Action::Post => Method::POST,
        Action::Upload { .. } => Method::PUT,
        Action::Get | Action::Collect | Action::Stream | Action::Tokens => Method::GET,
    }
}

pub(crate) const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");

#[cfg(test)]
mod tests {
    use std::io::Read;

    use http_body::Body;

    use super::{Outgoing, PIECE};

    #[test]
    fn an_upload_has_as_many_bytes_as_it_says() {
        let bytes = PIECE.len() as u64 * 2 + 5;
        let mut outgoing = Outgoing::Pieces(bytes);
        assert_eq!(outgoing.size_hint().exact(), Some(bytes));
        let pieces = std::iter::from_fn(|| outgoing.next());
        let lengths: Vec<_> = pieces.map(|piece| piece.len()).collect();
        assert_eq!(lengths, [PIECE.len(), PIECE.len(), 5]);

        let mut read = Vec::new();
        Outgoing::Pieces(bytes).read_to_end(&mut read).unwrap();
        assert_eq!(read.len() as u64, bytes);
    }
}
