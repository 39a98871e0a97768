//! Brings an exchange to the state under test.

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use postrider_protocol::{
    Authority, BodyLength, Error, Event, Exchange, Limits, Outcome, RequestError, RequestHead,
    Scheme, Spelling, Target,
};

/// A request to `http://a.test/`, to be told apart from the usual GET.
#[derive(Clone)]
pub(crate) struct Scenario {
    method: Method,
    headers: HeaderMap,
    body: BodyLength,
    limits: Limits,
}

impl Scenario {
    pub(crate) fn get() -> Self {
        Self {
            method: Method::GET,
            headers: HeaderMap::new(),
            body: BodyLength::None,
            limits: Limits::default(),
        }
    }

    pub(crate) fn post(body: BodyLength) -> Self {
        Self {
            method: Method::POST,
            body,
            ..Self::get()
        }
    }

    pub(crate) fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        let name = HeaderName::from_static(name);
        self.headers.append(name, HeaderValue::from_static(value));
        self
    }

    pub(crate) fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// What is written, or why nothing is.
    pub(crate) fn wire(self) -> Result<String, RequestError> {
        self.start_spelled(Spelling::Lower)
            .map(|(_, out)| String::from_utf8(out).unwrap())
    }

    pub(crate) fn start(self) -> Peer {
        let (exchange, out) = self.start_spelled(Spelling::Lower).unwrap();
        Peer {
            exchange,
            out,
            input: BytesMut::new(),
        }
    }

    pub(crate) fn start_spelled(
        &self,
        spelling: Spelling<'_>,
    ) -> Result<(Exchange, Vec<u8>), RequestError> {
        let uri = Uri::from_static("/");
        let target = match self.method {
            Method::CONNECT => Target::Authority,
            _ => Target::Origin(&uri),
        };
        let (authority, _) = Authority::parse("a.test", Scheme::Http).unwrap();
        let head = RequestHead::new(&self.method, target, &authority, &self.headers, self.body)
            .with_spelling(spelling);
        let mut out = Vec::new();
        let started = Exchange::start(&head, &self.limits, &mut out);
        if started.is_err() {
            assert_eq!(out, b"");
        }
        started.map(|exchange| (exchange, out))
    }
}

/// An exchange and the bytes on both sides of it.
pub(crate) struct Peer {
    pub(crate) exchange: Exchange,
    pub(crate) out: Vec<u8>,
    pub(crate) input: BytesMut,
}

impl Peer {
    /// The names of the events that these bytes give, or the error.
    pub(crate) fn receives(&mut self, text: &str) -> String {
        self.input.extend_from_slice(text.as_bytes());
        let mut names = Vec::new();
        loop {
            match self.exchange.receive(&mut self.input) {
                Ok(Some(event)) => names.push(name(&event)),
                Ok(None) => return names.join(" "),
                Err(error) => return said(names, &error),
            }
        }
    }

    /// The same for the end of the connection.
    pub(crate) fn closes(&mut self) -> String {
        let mut names = Vec::new();
        loop {
            match self.exchange.receive_eof(&mut self.input) {
                Ok(Some(event)) => names.push(name(&event)),
                Ok(None) => return names.join(" "),
                Err(error) => return said(names, &error),
            }
        }
    }

    pub(crate) fn sends(&mut self, piece: &str) -> Result<(), RequestError> {
        let frame = self.exchange.frame(piece.len())?;
        self.out.extend_from_slice(frame.before());
        self.out.extend_from_slice(piece.as_bytes());
        self.out.extend_from_slice(frame.after());
        Ok(())
    }

    pub(crate) fn finishes(&mut self) -> Result<(), RequestError> {
        self.exchange.finish(None, &mut self.out)
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.exchange.outcome(&self.input)
    }

    /// The bytes behind the request head.
    pub(crate) fn body(&self) -> &str {
        let text = std::str::from_utf8(&self.out).unwrap();
        text.split_once("\r\n\r\n").unwrap().1
    }
}

fn name(event: &Event) -> String {
    match event {
        Event::Informational(head) | Event::Head(head) => head.status.as_str().to_owned(),
        Event::Data(data) => format!("data({})", data.escape_ascii()),
        Event::Trailers(trailers) => format!("trailers({})", trailers.len()),
        Event::End => "end".to_owned(),
    }
}

fn said(mut names: Vec<String>, error: &Error) -> String {
    names.push(format!("! {error}"));
    names.join(" ")
}
