//! How a response's body is delimited (RFC 9112 §6.3), and what its head says
//! against using the connection again.

use http::header::UPGRADE;
use http::{HeaderMap, StatusCode, Version};

use crate::error::Error;
use crate::limits::{Leniency, Limits};
use crate::list::members;
use crate::outcome::CloseReason;
use crate::response::ResponseHead;
use crate::steering::{Coding, Length, Steering};

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
    steering: &Steering,
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
    let length = steering.length.checked()?;
    if steering.coding != Coding::Absent {
        // Rules 3 and 4.
        if length.is_some() && limits.refuses(Leniency::LengthBesideChunked) {
            return Err(Error::LengthBesideChunked);
        }
        return transfer_coding(head.version, steering.coding);
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
pub(crate) fn close_reason(
    version: Version,
    steering: &Steering,
    framing: ResponseFraming,
) -> Option<CloseReason> {
    let has_length = !matches!(steering.length, Length::Absent);
    match framing {
        ResponseFraming::Tunnel => Some(CloseReason::Upgraded),
        ResponseFraming::Chunked if has_length => Some(CloseReason::LengthBesideChunked),
        _ if steering.connection.close => Some(CloseReason::ResponseClose),
        ResponseFraming::UntilClose => Some(CloseReason::UntilClose),
        // RFC 9112 §9.3.
        _ if version == Version::HTTP_10 && !steering.connection.keep_alive => {
            Some(CloseReason::Http10)
        }
        _ if steering.keep_alive.is_spent() => Some(CloseReason::KeepAliveSpent),
        _ => None,
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
fn transfer_coding(version: Version, coding: Coding) -> Result<ResponseFraming, Error> {
    match coding {
        // RFC 9112 §6.1: the framing of a HTTP/1.0 message with it is faulty.
        _ if version == Version::HTTP_10 => Err(Error::TransferCodingInHttp10),
        Coding::Chunked => Ok(ResponseFraming::Chunked),
        Coding::Absent | Coding::Empty | Coding::Other => Err(Error::TransferCoding),
    }
}
