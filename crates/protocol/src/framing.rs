use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, StatusCode, Version};

use crate::error::Error;
use crate::limits::{Leniency, Limits};
use crate::list::{decimal, has_token, members};
use crate::outcome::CloseReason;
use crate::response::ResponseHead;

/// What of the request decides how the response to it is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    /// HEAD: the response has no body.
    Head,
    /// CONNECT: success makes a tunnel of the connection.
    Connect,
    /// Another protocol was offered; its response may be 101.
    Upgrade(Box<HeaderMap>),
    /// Anything else.
    Usual,
}

/// How the body of a response is delimited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ResponseFraming {
    /// There is none, or it has no bytes.
    Nothing,
    Length(u64),
    Chunked,
    UntilClose,
    /// What follows is no HTTP/1 any more.
    Tunnel,
}

/// Decides once, at the head, how the rest is read: RFC 9112 §6.3 by its own
/// numbers. Informational responses other than 101 do not come here.
pub(crate) fn of_response(
    head: &ResponseHead,
    asked: &Asked,
    limits: &Limits,
) -> Result<ResponseFraming, Error> {
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return switch(head, asked);
    }
    // Rule 2, before the first: any success makes a tunnel, a 204 as well
    // (RFC 9110 §9.3.6).
    if *asked == Asked::Connect && head.status.is_success() {
        return Ok(ResponseFraming::Tunnel);
    }
    // Rule 1: no body, whatever the fields say.
    if *asked == Asked::Head || matches!(head.status.as_u16(), 204 | 304) {
        return Ok(ResponseFraming::Nothing);
    }
    // Rule 5 comes before rule 3: a length that is no number is an error even
    // where it would not count.
    let length = content_length(&head.headers, limits)?;
    if head.headers.contains_key(TRANSFER_ENCODING) {
        // Rules 3 and 4.
        if length.is_some() && limits.refuses(Leniency::LengthBesideChunked) {
            return Err(Error::LengthBesideChunked);
        }
        return transfer_coding(head);
    }
    Ok(match length {
        Some(0) => ResponseFraming::Nothing,
        // Rule 6.
        Some(length) => ResponseFraming::Length(length),
        // Rule 8.
        None => ResponseFraming::UntilClose,
    })
}

/// What the head alone says against using the connection again.
pub(crate) fn close_reason(head: &ResponseHead, framing: ResponseFraming) -> Option<CloseReason> {
    let headers = &head.headers;
    if framing == ResponseFraming::Tunnel {
        Some(CloseReason::Upgraded)
    } else if framing == ResponseFraming::Chunked && headers.contains_key(CONTENT_LENGTH) {
        Some(CloseReason::LengthBesideChunked)
    } else if has_token(headers, &CONNECTION, "close") {
        Some(CloseReason::ResponseClose)
    } else if framing == ResponseFraming::UntilClose {
        Some(CloseReason::UntilClose)
    } else if head.version == Version::HTTP_10 && !has_token(headers, &CONNECTION, "keep-alive") {
        // RFC 9112 §9.3.
        Some(CloseReason::Http10)
    } else {
        None
    }
}

/// RFC 9110 §7.8: only to a protocol that was offered.
fn switch(head: &ResponseHead, asked: &Asked) -> Result<ResponseFraming, Error> {
    let Asked::Upgrade(offered) = asked else {
        return Err(Error::Upgrade);
    };
    let mut chosen = members(&head.headers, &UPGRADE).peekable();
    let is_offered = |protocol: &[u8]| {
        members(offered, &UPGRADE).any(|offer| offer.eq_ignore_ascii_case(protocol))
    };
    if chosen.peek().is_some() && chosen.all(is_offered) {
        Ok(ResponseFraming::Tunnel)
    } else {
        Err(Error::Upgrade)
    }
}

/// We ask for no coding, so `chunked` alone can come. Reading anything else
/// until the connection closes, as rule 4 has it, would hand out bytes that
/// nobody can decode.
fn transfer_coding(head: &ResponseHead) -> Result<ResponseFraming, Error> {
    // RFC 9112 §6.1: the framing of a HTTP/1.0 message with it is faulty.
    if head.version == Version::HTTP_10 {
        return Err(Error::TransferCodingInHttp10);
    }
    let mut codings = members(&head.headers, &TRANSFER_ENCODING);
    match (codings.next(), codings.next()) {
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(ResponseFraming::Chunked)
        }
        _ => Err(Error::TransferCoding),
    }
}

/// RFC 9112 §6.3, rule 5: a list of one number repeated is that number.
fn content_length(headers: &HeaderMap, limits: &Limits) -> Result<Option<u64>, Error> {
    let lines = headers.get_all(CONTENT_LENGTH).into_iter();
    let mut members = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(crate::list::trim);
    let Some(first) = members.next() else {
        return Ok(None);
    };
    let length = decimal(first).ok_or(Error::ContentLength)?;
    // Larger numbers are unsound in a good part of the software there is; no
    // body has eight exabytes.
    if i64::try_from(length).is_err() {
        return Err(Error::ContentLength);
    }
    for other in members {
        if limits.refuses(Leniency::RepeatedLength) || other != first {
            return Err(Error::ContentLengths);
        }
    }
    Ok(Some(length))
}
