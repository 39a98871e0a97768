//! What of a body had come with its head.

use bytes::Bytes;
use http::HeaderMap;
use protocol::{Event, Remaining};

use crate::error::Cause;
use crate::wire::Transfer;

/// All that is here of a body, decoded.
pub(super) enum Buffered {
    Whole {
        data: Bytes,
        trailers: Option<Box<HeaderMap>>,
    },
    Part(Bytes),
    Broken {
        data: Bytes,
        cause: Cause,
    },
}

impl Buffered {
    pub(super) fn read(transfer: &mut Transfer) -> Self {
        // A part of a known length stays where it is, so that the rest can be
        // read behind it.
        if matches!(transfer.body_remaining(), Remaining::Known(_)) && !transfer.is_rest_buffered()
        {
            return Self::Part(Bytes::new());
        }
        let mut data = Bytes::new();
        let mut trailers = None;
        loop {
            match transfer.buffered_event() {
                Ok(Some(Event::Data(piece))) if data.is_empty() => data = piece,
                Ok(Some(Event::Data(piece))) => data = [data, piece].concat().into(),
                Ok(Some(Event::Trailers(map))) => trailers = Some(Box::new(map)),
                Ok(Some(Event::End)) => return Self::Whole { data, trailers },
                Ok(Some(Event::Informational(_) | Event::Head(_))) => {}
                Ok(None) => return Self::Part(data),
                Err(cause) => return Self::Broken { data, cause },
            }
        }
    }
}
