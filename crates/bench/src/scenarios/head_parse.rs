//! What reading the head of a response costs: the engine beside bare httparse. It asks no server
//! and no client; its figures are instructions, which come out the same every time.

use std::hint::black_box;
use std::mem::MaybeUninit;

use bytes::BytesMut;
use http::{HeaderMap, Method, Uri};
use httparse::{ParserConfig, Response};
use protocol::{Authority, BodyLength, Exchange, Limits, RequestHead, Scheme, Target};

use crate::Failure;

pub(crate) const NAME: &str = "head-parse";

pub(crate) const ABOUT: &str = "a response head of 12 fields, read and dropped";

/// Who reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reader {
    /// httparse alone, into an array on the stack.
    Httparse,
    /// An `Exchange` of the engine, to a head with its `HeaderMap`.
    Exchange,
    /// What comes before that and is no part of it: the exchange is started, and the head's bytes
    /// are put into a buffer.
    Preparation,
}

/// Which names the heads have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// The same ones every time, as those of one server.
    Known,
    /// The first three of the twelve are new every time.
    NewFirst,
    /// The last three are: what is before them looks known.
    NewLast,
}

/// So many heads, read one after another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Heads {
    pub(crate) reader: Reader,
    pub(crate) shape: Shape,
    pub(crate) count: usize,
}

impl Heads {
    pub(crate) fn read(self) -> Result<(), Failure> {
        let heads = self.shape.heads();
        let heads = heads.iter().cycle().take(self.count);
        let mut engine = Engine::new()?;
        for head in heads {
            let head = black_box(head.as_bytes());
            match self.reader {
                Reader::Httparse => by_httparse(head)?,
                Reader::Exchange => {
                    let (mut exchange, mut input) = engine.prepare(head)?;
                    black_box(exchange.receive(&mut input)?);
                }
                Reader::Preparation => {
                    black_box(engine.prepare(head)?);
                }
            }
        }
        Ok(())
    }
}

fn by_httparse(head: &[u8]) -> Result<(), Failure> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut response = Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        head,
        &mut fields,
    )?;
    black_box((&response, parsed));
    Ok(())
}

/// What exchanges are started with.
struct Engine {
    authority: Authority<'static>,
    url: Uri,
    headers: HeaderMap,
    limits: Limits,
    request: Vec<u8>,
}

impl Engine {
    fn new() -> Result<Self, Failure> {
        let (authority, _) = Authority::parse("a.test", Scheme::Http)?;
        Ok(Self {
            authority,
            url: Uri::from_static("/"),
            headers: HeaderMap::new(),
            limits: Limits::default(),
            request: Vec::new(),
        })
    }

    fn prepare(&mut self, head: &[u8]) -> Result<(Exchange, BytesMut), Failure> {
        self.request.clear();
        let request = RequestHead::new(
            &Method::GET,
            Target::Origin(&self.url),
            &self.authority,
            &self.headers,
            BodyLength::None,
        );
        let exchange = Exchange::start(&request, &self.limits, &mut self.request)?;
        Ok((exchange, BytesMut::from(head)))
    }
}

impl Reader {
    pub(crate) const ALL: [Self; 3] = [Self::Httparse, Self::Exchange, Self::Preparation];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Httparse => "httparse",
            Self::Exchange => "exchange",
            Self::Preparation => "preparation",
        }
    }
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Self::Known, Self::NewFirst, Self::NewLast];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::NewFirst => "new-first",
            Self::NewLast => "new-last",
        }
    }

    /// Heads of the same length: one, or more than anybody remembers.
    fn heads(self) -> Vec<String> {
        let numbers = match self {
            Self::Known => 0..1,
            Self::NewFirst | Self::NewLast => 0..1000,
        };
        numbers.map(|number| self.head(number)).collect()
    }

    fn head(self, number: usize) -> String {
        let own = own_fields(number);
        match self {
            Self::NewFirst => format!("{STATUS_LINE}{own}{FIELDS}\r\n"),
            Self::Known | Self::NewLast => format!("{STATUS_LINE}{FIELDS}{own}\r\n"),
        }
    }
}

fn own_fields(number: usize) -> String {
    format!(
        "X-Request-Id-{number:03}: 7b3c2f1e-9a8d-4c6b-8f0e-1d2c3b4a5f6e\r\n\
         X-Region-{number:03}: eu-central-1\r\n\
         X-Served-By-{number:03}: cache-17\r\n"
    )
}

const STATUS_LINE: &str = "HTTP/1.1 200 OK\r\n";

const FIELDS: &str = "\
    Date: Sat, 03 Oct 2026 12:00:00 GMT\r\n\
    Content-Type: application/json; charset=utf-8\r\n\
    Content-Length: 100\r\n\
    Connection: keep-alive\r\n\
    Server: nginx/1.22.1\r\n\
    Cache-Control: no-cache, no-store, must-revalidate\r\n\
    ETag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"\r\n\
    Vary: Accept-Encoding\r\n\
    Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n";

const MOST_FIELDS: usize = 100;

#[cfg(test)]
mod tests {
    use super::{Heads, Reader, Shape};

    #[test]
    fn heads_have_twelve_fields_and_all_are_of_one_length() {
        let length = Shape::Known.head(0).len();
        for shape in Shape::ALL {
            for head in shape.heads() {
                assert_eq!(head.matches(": ").count(), 12);
                assert_eq!(head.len(), length);
            }
        }
    }

    #[test]
    fn every_reader_reads_heads_of_every_shape() {
        for reader in Reader::ALL {
            for shape in Shape::ALL {
                let heads = Heads {
                    reader,
                    shape,
                    count: 2000,
                };
                heads.read().unwrap();
            }
        }
    }
}
