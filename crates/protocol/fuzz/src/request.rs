//! What is encoded is one request, to a strict parser as to a usual one, and
//! it is the request that was given.

use std::str;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Uri};
use postrider_protocol::{
    Authority, BodyLength, Exchange, Limits, RequestError, RequestHead, Scheme, Spelling, Target,
};

use super::strict;

/// The bytes are cut into the parts of a request.
pub fn check(data: &[u8]) {
    let mut source = Source(data);
    if let Some(request) = Request::from(&mut source) {
        let pieces = source.pieces();
        request.check(&pieces);
    }
}

struct Request<'a> {
    method: Method,
    form: u8,
    uri: Uri,
    authority: Authority<'a>,
    headers: HeaderMap,
    trailers: HeaderMap,
    body: BodyLength,
    spelling: Spelling<'static>,
}

impl<'a> Request<'a> {
    /// `None` where the types exclude such a request.
    fn from(source: &mut Source<'a>) -> Option<Self> {
        let choice = source.byte();
        let method = match choice & 7 {
            0 => Method::GET,
            1 => Method::POST,
            2 => Method::OPTIONS,
            3 => Method::CONNECT,
            4 => Method::PUT,
            5 => Method::HEAD,
            _ => Method::from_bytes(source.text()).ok()?,
        };
        let scheme = match choice & 8 {
            0 => Scheme::Http,
            _ => Scheme::Https,
        };
        let authority = str::from_utf8(source.text()).ok()?;
        let (authority, _) = Authority::parse(authority, scheme).ok()?;
        let form = source.byte();
        let uri = Uri::try_from(source.text()).ok()?;
        let headers = source.fields()?;
        let trailers = source.fields()?;
        let body = match source.byte() {
            length @ 0..128 => BodyLength::Known(u64::from(length)),
            128..192 => BodyLength::Chunked,
            _ => BodyLength::None,
        };
        Some(Self {
            method,
            form,
            uri,
            authority,
            headers,
            trailers,
            body,
            spelling: match choice & 16 {
                0 => Spelling::Lower,
                _ => Spelling::Title,
            },
        })
    }

    fn check(&self, pieces: &[&[u8]]) {
        let mut out = Vec::new();
        let head = RequestHead::new(
            &self.method,
            self.target(),
            &self.authority,
            &self.headers,
            self.body,
        );
        let head = head.with_spelling(self.spelling);
        let Ok(mut exchange) = Exchange::start(&head, &Limits::default(), &mut out) else {
            return assert!(out.is_empty());
        };
        check_head_alone(&out);
        let complete = send(&mut exchange, pieces, &self.trailers, &mut out);
        assert_eq!(exchange.is_sent(), complete.is_ok());
        assert!(!exchange.is_waiting());
        match (strict::request(&out), complete) {
            (Some(read), Ok(())) => self.check_same(&read, pieces),
            // The declared bytes were out when one more piece came.
            (Some(_), Err(RequestError::BodyTooLong { .. })) => {}
            (Some(_), Err(error)) => panic!("a request that failed by {error} looks complete"),
            (None, Ok(())) => panic!("a strict server refuses {:?}", out.escape_ascii()),
            (None, Err(_)) => {}
        }
    }

    fn target(&self) -> Target<'_> {
        match self.form & 7 {
            0 => Target::Asterisk,
            1 => Target::AbsoluteAsterisk,
            2 | 3 => Target::Authority,
            4 => Target::Absolute(&self.uri),
            _ => Target::Origin(&self.uri),
        }
    }

    fn check_same(&self, read: &strict::Request<'_>, pieces: &[&[u8]]) {
        assert_eq!(read.method, self.method.as_str().as_bytes());
        assert_eq!(read.body, pieces.concat());
        let begins: &[u8] = match self.target() {
            Target::Asterisk => b"*",
            Target::Authority => b"",
            Target::Origin(_) => b"/",
            _ => self.authority.scheme().as_str().as_bytes(),
        };
        assert!(read.target.starts_with(begins));
        for name in self.headers.keys() {
            let given = self.headers.get_all(name).iter();
            let given: Vec<_> = given.map(|value| value.as_bytes().trim_ascii()).collect();
            let sent = lines(&read.fields, name);
            match *name {
                // Made by the encoder, or added to.
                CONTENT_LENGTH | TRANSFER_ENCODING => assert_eq!(sent.len(), 1),
                CONNECTION => assert!(sent.starts_with(&given)),
                _ => assert_eq!(sent, given, "{name}"),
            }
        }
        for (name, _) in &read.fields {
            let name = HeaderName::from_bytes(name).unwrap();
            let is_ours = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(&name);
            assert!(is_ours || self.headers.contains_key(&name), "{name}");
        }
        let trailers = read.trailers.iter();
        for (name, _) in trailers {
            let name = HeaderName::from_bytes(name).unwrap();
            assert!(self.trailers.contains_key(&name), "{name}");
        }
    }
}

fn send(
    exchange: &mut Exchange,
    pieces: &[&[u8]],
    trailers: &HeaderMap,
    out: &mut Vec<u8>,
) -> Result<(), RequestError> {
    for piece in pieces {
        let frame = exchange.frame(piece.len())?;
        out.extend_from_slice(frame.before());
        out.extend_from_slice(piece);
        out.extend_from_slice(frame.after());
    }
    match exchange.finish(Some(trailers), out) {
        Err(RequestError::TrailersWithoutChunked | RequestError::Trailer(_)) => {
            exchange.finish(None, out)
        }
        result => result,
    }
}

/// The parser that servers in Rust are built on sees one head, with no byte
/// behind it.
fn check_head_alone(head: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 300];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(head);
    assert_eq!(parsed, Ok(httparse::Status::Complete(head.len())));
}

fn lines<'a>(fields: &[strict::Field<'a>], name: &HeaderName) -> Vec<&'a [u8]> {
    let lines = fields.iter();
    let lines = lines.filter(|(sent, _)| sent.eq_ignore_ascii_case(name.as_str().as_bytes()));
    lines.map(|(_, value)| *value).collect()
}

/// Cuts bytes into parts: each behind a byte that tells its length.
struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 255;
        };
        self.0 = rest;
        *byte
    }

    fn text(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte() & 63).min(self.0.len());
        let (text, rest) = self.0.split_at(len);
        self.0 = rest;
        text
    }

    fn fields(&mut self) -> Option<HeaderMap> {
        let mut fields = HeaderMap::new();
        for _ in 0..self.byte() & 3 {
            let name = match self.byte() & 7 {
                0 => HOST,
                1 => CONTENT_LENGTH,
                2 => TRANSFER_ENCODING,
                3 => CONNECTION,
                4 => http::header::TE,
                5 => http::header::EXPECT,
                _ => HeaderName::from_bytes(self.text()).ok()?,
            };
            fields.append(name, HeaderValue::from_bytes(self.text()).ok()?);
        }
        Some(fields)
    }

    fn pieces(&mut self) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !self.0.is_empty() {
            pieces.push(self.text());
        }
        pieces
    }
}
