//! The states of the sending half, and the framing of what it sends.

use http::HeaderMap;
use http::header::{self, HeaderName};

use crate::plan::{Expectation, Plan, RequestFraming};
use crate::request_error::RequestError;

/// The sending half of an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sending {
    /// The head asked for 100 (Continue); the body is held back.
    Waiting(Body),
    /// The body is being sent.
    Body(Body),
    /// The request is complete.
    Done,
    /// The body broke off: the peer will never see the request's end.
    Failed,
}

/// What is left of a request body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Body {
    Length(u64),
    Chunked,
}

impl Sending {
    pub(crate) const fn start(plan: &Plan) -> Self {
        let body = match plan.framing {
            RequestFraming::Nothing | RequestFraming::Length(0) => return Self::Done,
            RequestFraming::Length(length) => Body::Length(length),
            RequestFraming::Chunked => Body::Chunked,
        };
        match plan.expectation {
            Expectation::Continue => Self::Waiting(body),
            Expectation::Nothing => Self::Body(body),
        }
    }
}

/// The framing of one piece of a request body: what is written before and
/// after it. A piece of no bytes has none, as an empty chunk would end the
/// body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame {
    size_line: [u8; Self::SIZE_LINE],
    start: u8,
    is_chunk: bool,
}

impl Frame {
    /// Sixteen hexadecimal digits and a line end.
    const SIZE_LINE: usize = 18;

    /// What goes before the piece.
    #[must_use]
    pub fn before(&self) -> &[u8] {
        match self.size_line.get(usize::from(self.start)..) {
            Some(size_line) if self.is_chunk => size_line,
            _ => b"",
        }
    }

    /// What goes after the piece.
    #[must_use]
    pub const fn after(&self) -> &'static [u8] {
        if self.is_chunk { b"\r\n" } else { b"" }
    }

    pub(crate) fn chunk(len: usize) -> Self {
        let mut frame = Self {
            is_chunk: true,
            ..Self::default()
        };
        let mut rest = len;
        let [digits @ .., cr, lf] = &mut frame.size_line;
        (*cr, *lf) = (b'\r', b'\n');
        let mut start = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = HEX[rest & 15];
            rest >>= 4;
            start -= 1;
            if rest == 0 {
                break;
            }
        }
        // At most sixteen.
        frame.start = start as u8;
        frame
    }
}

const HEX: [u8; 16] = *b"0123456789abcdef";

/// RFC 9110 §6.5.1: fields that frame, route, authenticate or control, or say
/// how to read the content, come too late in a trailer.
pub(crate) fn is_forbidden_trailer(name: &HeaderName) -> bool {
    const FORBIDDEN: [HeaderName; 35] = [
        header::AGE,
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::COOKIE,
        header::DATE,
        header::EXPECT,
        header::EXPIRES,
        header::HOST,
        header::IF_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_NONE_MATCH,
        header::IF_RANGE,
        header::IF_UNMODIFIED_SINCE,
        header::LOCATION,
        header::MAX_FORWARDS,
        header::PRAGMA,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::RANGE,
        header::RETRY_AFTER,
        header::SET_COOKIE,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::VARY,
        header::WARNING,
        header::WWW_AUTHENTICATE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ];
    FORBIDDEN.contains(name)
}

pub(crate) fn check_trailers(trailers: &HeaderMap) -> Result<(), RequestError> {
    match trailers.keys().find(|name| is_forbidden_trailer(name)) {
        Some(name) => Err(RequestError::Trailer(name.clone())),
        None => Ok(()),
    }
}
