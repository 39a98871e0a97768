//! The states of the receiving half, and the bodies that it reads.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use crate::chunked::{Chunked, Piece};
use crate::error::Error;
use crate::framing::ResponseFraming;
use crate::limits::Limits;
use crate::response::{HeadReader, take};
use crate::trailers::TrailerReader;

/// The receiving half of an exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Receiving {
    /// A head is awaited: an informational one, or the final one.
    Head(HeadReader),
    /// The body is being received.
    Body(BodyReader),
    /// The response is complete.
    Done,
    /// The response is complete, and so is HTTP/1: a tunnel, or another
    /// protocol.
    Upgraded,
    /// An error ended the response.
    Failed,
}

/// What is left of a response body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyReader {
    /// Nothing but to say so.
    Over,
    /// As `Over`, and then the connection is handed over.
    HandOver,
    Length(u64),
    Chunked(Chunked),
    Trailers(TrailerReader),
    UntilClose,
}

/// What became of a step through a body.
#[derive(Debug)]
pub(crate) enum BodyStep {
    More,
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

impl BodyReader {
    pub(crate) const fn start(framing: ResponseFraming) -> Self {
        match framing {
            ResponseFraming::Nothing => Self::Over,
            ResponseFraming::Tunnel => Self::HandOver,
            ResponseFraming::Length(length) => Self::Length(length),
            ResponseFraming::Chunked => Self::Chunked(Chunked::new()),
            ResponseFraming::UntilClose => Self::UntilClose,
        }
    }

    pub(crate) fn read(
        &mut self,
        input: &mut BytesMut,
        limits: &Limits,
    ) -> Result<BodyStep, Error> {
        match self {
            Self::Over | Self::HandOver | Self::Length(0) => Ok(BodyStep::End),
            Self::Length(left) => Ok(read_length(left, input)),
            Self::UntilClose => Ok(data(take(input, input.len()))),
            Self::Chunked(chunked) => match chunked.read(input, limits)? {
                Piece::More => Ok(BodyStep::More),
                Piece::Data(data) => Ok(BodyStep::Data(data)),
                Piece::Trailers => {
                    *self = Self::Trailers(TrailerReader::default());
                    self.read(input, limits)
                }
            },
            Self::Trailers(reader) => match reader.read(input, limits)? {
                None => Ok(BodyStep::More),
                Some(trailers) if trailers.is_empty() => Ok(BodyStep::End),
                Some(trailers) => {
                    *self = Self::Over;
                    Ok(BodyStep::Trailers(trailers))
                }
            },
        }
    }

    /// The connection ended, and all that came was read.
    pub(crate) const fn end(&self) -> Result<(), Error> {
        match self {
            Self::Over | Self::HandOver | Self::Length(0) | Self::UntilClose => Ok(()),
            Self::Length(left) => Err(Error::BodyTruncated {
                missing: Some(*left),
            }),
            Self::Chunked(_) | Self::Trailers(_) => Err(Error::BodyTruncated { missing: None }),
        }
    }
}

fn read_length(left: &mut u64, input: &mut BytesMut) -> BodyStep {
    let there = input.len();
    let now = usize::try_from(*left).map_or(there, |left| left.min(there));
    *left -= now as u64;
    data(take(input, now))
}

fn data(bytes: Bytes) -> BodyStep {
    if bytes.is_empty() {
        BodyStep::More
    } else {
        BodyStep::Data(bytes)
    }
}
