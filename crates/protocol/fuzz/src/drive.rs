//! Runs a response through an exchange.

use bytes::{BufMut, BytesMut};
use http::header::UPGRADE;
use http::{HeaderMap, HeaderValue, Method, Uri};
use postrider_protocol::{
    Authority, BodyLength, Error, Event, Exchange, Leniency, Limits, Outcome, RequestHead,
    ResponseHead, Scheme, Target,
};

/// Small enough for the fuzzer to reach.
pub const HEAD_BYTES: usize = 300;
pub const TRAILER_BYTES: usize = 60;

/// What a response was read as. Pieces of data are put together, as where they
/// are cut depends on how the bytes came.
#[derive(Debug, PartialEq)]
pub struct Reading {
    pub heads: Vec<ResponseHead>,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
    pub end: Option<Result<(), Error>>,
    pub outcome: Outcome,
    pub leftover: Vec<u8>,
}

/// What an exchange with [`limits`] may hold back.
pub const HELD: usize = if HEAD_BYTES > TRAILER_BYTES {
    HEAD_BYTES
} else {
    TRAILER_BYTES
};

/// An exchange that awaits its response; `choice` picks the request and what is
/// put up with.
pub fn exchange(choice: u8) -> Exchange {
    let mut headers = HeaderMap::new();
    let uri = Uri::from_static("/");
    let (authority, _) = Authority::parse("a.test", Scheme::Http).unwrap();
    let (method, target) = match choice & 3 {
        1 => (Method::HEAD, Target::Origin(&uri)),
        2 => (Method::CONNECT, Target::Authority),
        _ => (Method::GET, Target::Origin(&uri)),
    };
    if choice & 3 == 3 {
        headers.insert(UPGRADE, HeaderValue::from_static("foo"));
    }
    let head = RequestHead::new(&method, target, &authority, &headers, BodyLength::None);
    Exchange::start(&head, &limits(choice), &mut Vec::new()).unwrap()
}

fn limits(choice: u8) -> Limits {
    let limits = Limits::default()
        .head_bytes(HEAD_BYTES)
        .line_bytes(80)
        .fields(8)
        .informational(3)
        .chunk_line_bytes(30)
        .chunk_extension_bytes(50)
        .trailer_bytes(TRAILER_BYTES)
        .trailer_fields(3);
    if choice & 4 == 0 {
        return limits;
    }
    [
        Leniency::EmptyLines,
        Leniency::Folding,
        Leniency::LengthBesideChunked,
        Leniency::LineFeed,
        Leniency::NoReason,
        Leniency::RepeatedLength,
        Leniency::SpaceAfterSize,
    ]
    .into_iter()
    .fold(limits, Limits::refuse)
}

/// What follows the last piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Then {
    Close,
    KeepOpen,
}

/// Feeds the pieces to an exchange that holds back so many bytes at most.
pub fn read<'a>(
    mut exchange: Exchange,
    held: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    then: Then,
) -> Reading {
    let mut reading = Reading {
        heads: Vec::new(),
        body: Vec::new(),
        trailers: None,
        end: None,
        outcome: Outcome::NotYet,
        leftover: Vec::new(),
    };
    let mut input = BytesMut::new();
    for piece in pieces {
        input.put_slice(piece);
        while reading.end.is_none()
            && let Some(result) = exchange.receive(&mut input).transpose()
        {
            reading.take(result, &exchange, &input);
        }
        // What is held back waits for the end of a head or of trailers.
        assert!(reading.end.is_some() || input.len() <= held);
    }
    while reading.end.is_none() && then == Then::Close {
        let result = exchange.receive_eof(&mut input).transpose();
        let result = result.expect("a response that is not over gives an event or an error");
        reading.take(result, &exchange, &input);
    }
    match reading.end {
        Some(Ok(_)) => {
            assert!(exchange.receive(&mut input).unwrap().is_none());
            assert!(exchange.receive_eof(&mut input).unwrap().is_none());
            reading.outcome = exchange.outcome(&input);
            reading.leftover = input.to_vec();
        }
        Some(Err(_)) => {
            assert_eq!(exchange.receive(&mut input).unwrap_err(), Error::AfterError);
            reading.outcome = exchange.outcome(&input);
        }
        None => {}
    }
    reading
}

impl Reading {
    fn take(&mut self, result: Result<Event, Error>, exchange: &Exchange, input: &[u8]) {
        match result {
            Ok(Event::Informational(head)) => {
                assert!(head.status.is_informational());
                self.heads.push(head);
            }
            Ok(Event::Head(head)) => self.heads.push(head),
            Ok(Event::Data(data)) => {
                assert!(!data.is_empty());
                self.body.extend_from_slice(&data);
            }
            Ok(Event::Trailers(trailers)) => {
                assert!(self.trailers.replace(trailers).is_none());
            }
            Ok(Event::End) => {
                let outcome = exchange.outcome(&input[..0]);
                assert_ne!(outcome, Outcome::NotYet);
                if !input.is_empty() {
                    assert_ne!(exchange.outcome(input), Outcome::Reusable);
                }
                self.end = Some(Ok(()));
            }
            Err(error) => self.end = Some(Err(error)),
        }
    }
}
