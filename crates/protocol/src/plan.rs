//! Everything that is decided of a request, and may be wrong with it, before a
//! byte is written.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, Method, Version};

use crate::authority::{Authority, Host};
use crate::authority_error::AuthorityError;
use crate::list::{decimal, has_token, members, trim};
use crate::request::{BodyLength, RequestHead, Target};
use crate::request_error::RequestError;

/// What was decided of a request before a byte of it is written.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) framing: RequestFraming,
    pub(crate) expectation: Expectation,
    /// `TE` and `Upgrade` must be named in `Connection`, and are not yet.
    pub(crate) unlisted: Vec<&'static str>,
    /// `Host` is among the caller's fields.
    pub(crate) has_host: bool,
    pub(crate) closes: bool,
}

/// How the body will be delimited (RFC 9112 §6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RequestFraming {
    /// No field says anything, and there is no body.
    Nothing,
    Length(u64),
    Chunked,
}

/// Whether the body waits for 100 (Continue).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Expectation {
    Continue,
    Nothing,
}

impl Plan {
    /// Everything that can be wrong with a head is found here. What its types
    /// exclude is not looked for: methods, names and values without a line
    /// break or a NUL.
    pub(crate) fn of(head: &RequestHead<'_>) -> Result<Self, RequestError> {
        check_target(head)?;
        // Most requests give none of these fields: one look at all the names
        // spares a search for each of them.
        let given = if head.headers.keys().any(steers) {
            Given::read(head)?
        } else {
            Given::default()
        };
        let framing = framing(head, &given)?;
        Ok(Self {
            framing,
            expectation: expectation(&given, framing)?,
            unlisted: given.unlisted,
            has_host: given.has_host,
            closes: given.closes,
        })
    }
}

/// What the caller's fields say of the exchange.
#[derive(Debug, Default)]
struct Given {
    has_host: bool,
    length: Option<u64>,
    is_chunked: bool,
    expects_continue: bool,
    unlisted: Vec<&'static str>,
    closes: bool,
}

impl Given {
    fn read(head: &RequestHead<'_>) -> Result<Self, RequestError> {
        let headers = head.headers;
        check_host(head)?;
        check_connection(headers)?;
        Ok(Self {
            has_host: headers.contains_key(HOST),
            length: declared_length(headers)?,
            is_chunked: declared_chunked(headers)?,
            expects_continue: has_token(headers, &EXPECT, "100-continue"),
            unlisted: unlisted(headers)?,
            closes: has_token(headers, &CONNECTION, "close"),
        })
    }
}

fn steers(name: &HeaderName) -> bool {
    [
        CONNECTION,
        CONTENT_LENGTH,
        EXPECT,
        HOST,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ]
    .contains(name)
}

fn check_target(head: &RequestHead<'_>) -> Result<(), RequestError> {
    let is_connect = *head.method == Method::CONNECT;
    match head.target {
        Target::Authority if !is_connect => Err(RequestError::Connect),
        Target::Authority => Ok(()),
        _ if is_connect => Err(RequestError::Connect),
        Target::Asterisk | Target::AbsoluteAsterisk if *head.method != Method::OPTIONS => {
            Err(RequestError::Asterisk)
        }
        Target::Asterisk | Target::AbsoluteAsterisk => Ok(()),
        Target::Origin(uri) | Target::Absolute(uri) => {
            let path = uri.path();
            let is_absolute = path.is_empty() || path.starts_with('/');
            is_absolute.then_some(()).ok_or(RequestError::Target)
        }
    }
}

/// RFC 9112 §3.2: one `Host`, and a valid one.
fn check_host(head: &RequestHead<'_>) -> Result<(), RequestError> {
    let mut given = head.headers.get_all(HOST).into_iter();
    let Some(host) = given.next() else {
        return Ok(());
    };
    if given.next().is_some() {
        return Err(RequestError::Hosts);
    }
    let not_ascii = AuthorityError::NotAscii;
    let text = host.to_str().map_err(|_| RequestError::Host(not_ascii))?;
    match Authority::parse_host(text, head.authority.scheme()) {
        // RFC 6874 §4: a zone means nothing to anybody else.
        Ok(host) if matches!(host.host(), Host::Ipv6 { zone: Some(_), .. }) => {
            Err(RequestError::Host(AuthorityError::Brackets))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(RequestError::Host(error)),
    }
}

/// RFC 9110 §7.6.1: proxies take away what `Connection` names, and without these
/// fields they would see other requests than the server does.
fn check_connection(headers: &HeaderMap) -> Result<(), RequestError> {
    let framing = ["host", "content-length", "transfer-encoding"];
    let is_named = |name: &&str| has_token(headers, &CONNECTION, name);
    match framing.into_iter().find(is_named) {
        Some(name) => Err(RequestError::ConnectionNames(name)),
        None => Ok(()),
    }
}

fn framing(head: &RequestHead<'_>, given: &Given) -> Result<RequestFraming, RequestError> {
    let framing = match (head.body, given.length) {
        (BodyLength::None, None) if says_no_body(head.method) => RequestFraming::Length(0),
        (BodyLength::None, None) => RequestFraming::Nothing,
        (BodyLength::None, Some(0)) => RequestFraming::Length(0),
        (BodyLength::Known(known), None) => RequestFraming::Length(known),
        (BodyLength::Known(known), Some(length)) if known == length => {
            RequestFraming::Length(length)
        }
        (BodyLength::Chunked, None) => RequestFraming::Chunked,
        // RFC 9112 §6.3: a length that is known is sent.
        (BodyLength::Chunked, Some(length)) => RequestFraming::Length(length),
        (BodyLength::None | BodyLength::Known(_), Some(_)) => {
            return Err(RequestError::ContentLength);
        }
    };
    if given.is_chunked && framing != RequestFraming::Chunked {
        return Err(RequestError::TransferEncoding);
    }
    // RFC 9110 §9.3.6 and §9.3.8.
    if head.body != BodyLength::None && matches!(*head.method, Method::CONNECT | Method::TRACE) {
        return Err(RequestError::Body);
    }
    // RFC 9112 §6.1: only for a peer that is known to speak HTTP/1.1.
    if framing == RequestFraming::Chunked && head.peer < Version::HTTP_11 {
        return Err(RequestError::ChunkedToHttp10);
    }
    Ok(framing)
}

/// RFC 9110 §8.6: methods that expect a body say that there is none.
fn says_no_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, RequestError> {
    match single(headers.get_all(CONTENT_LENGTH).into_iter()) {
        Single::Absent => Ok(None),
        Single::Value(value) => match decimal(value.as_bytes()) {
            Some(length) => Ok(Some(length)),
            None => Err(RequestError::ContentLength),
        },
        Single::Many => Err(RequestError::ContentLength),
    }
}

fn declared_chunked(headers: &HeaderMap) -> Result<bool, RequestError> {
    match single(headers.get_all(TRANSFER_ENCODING).into_iter()) {
        Single::Absent => Ok(false),
        Single::Value(value) if value.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(true),
        Single::Value(_) | Single::Many => Err(RequestError::TransferEncoding),
    }
}

enum Single<'a> {
    Absent,
    Value(&'a HeaderValue),
    Many,
}

fn single<'a>(mut values: impl Iterator<Item = &'a HeaderValue>) -> Single<'a> {
    match (values.next(), values.next()) {
        (None, _) => Single::Absent,
        (Some(value), None) => Single::Value(value),
        (Some(_), Some(_)) => Single::Many,
    }
}

/// RFC 9110 §10.1.1: never without a body.
fn expectation(given: &Given, framing: RequestFraming) -> Result<Expectation, RequestError> {
    if !given.expects_continue {
        return Ok(Expectation::Nothing);
    }
    match framing {
        RequestFraming::Nothing | RequestFraming::Length(0) => Err(RequestError::ExpectWithoutBody),
        RequestFraming::Length(_) | RequestFraming::Chunked => Ok(Expectation::Continue),
    }
}

/// RFC 9110 §10.1.4 and §7.8: who sends `TE` or `Upgrade` lists it in
/// `Connection`.
fn unlisted(headers: &HeaderMap) -> Result<Vec<&'static str>, RequestError> {
    let mut unlisted = Vec::new();
    if headers.contains_key(TE) {
        if members(headers, &TE).any(is_chunked_coding) {
            return Err(RequestError::TeChunked);
        }
        if !has_token(headers, &CONNECTION, "te") {
            unlisted.push("te");
        }
    }
    if headers.contains_key(UPGRADE) && !has_token(headers, &CONNECTION, "upgrade") {
        unlisted.push("upgrade");
    }
    Ok(unlisted)
}

fn is_chunked_coding(member: &[u8]) -> bool {
    let end = member.iter().position(|byte| *byte == b';');
    let name = member.get(..end.unwrap_or(member.len()));
    name.is_some_and(|name| trim(name).eq_ignore_ascii_case(b"chunked"))
}
