//! Requests that our engine encodes, and what they ought to say.

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri};
use protocol::{Authority, BodyLength, Exchange, Limits, RequestHead, Scheme, Spelling, Target};
use serde_json::Value;

use super::corpus::{latin1, octets};
use super::mutate::Random;
use super::requests::Message;

/// What was meant, and the bytes that came of it.
pub(crate) struct Sent {
    pub(crate) message: Message,
    pub(crate) wire: Vec<u8>,
}

/// A request before it is encoded.
struct Request {
    method: Method,
    uri: Uri,
    form: Form,
    headers: HeaderMap,
    body: Body,
    is_title_case: bool,
}

enum Form {
    Origin,
    Absolute,
    Authority,
    Asterisk,
    AbsoluteAsterisk,
}

enum Body {
    None,
    Known(Vec<u8>),
    Stream(Vec<Vec<u8>>, HeaderMap),
}

/// A case of the corpus; `None` where it is refused, by us or by the types.
pub(crate) fn of_case(case: &Value) -> Option<Sent> {
    let method = Method::from_bytes(&latin1(case["method"].as_str()?)).ok()?;
    let uri = Uri::try_from(&latin1(case["url"].as_str()?)[..]).ok()?;
    let is_proxied = case["proxy"].is_string();
    let is_tunnelled = is_proxied && uri.scheme_str() == Some("https");
    let method = if is_tunnelled {
        Method::CONNECT
    } else {
        method
    };
    let form = match case["options"]["target"].as_str() {
        _ if method == Method::CONNECT => Form::Authority,
        Some("*") if is_proxied => Form::AbsoluteAsterisk,
        Some("*") => Form::Asterisk,
        _ if is_proxied => Form::Absolute,
        _ => Form::Origin,
    };
    let request = Request {
        method,
        uri,
        form,
        headers: fields(&case["headers"])?,
        body: body(&case["body"])?,
        is_title_case: false,
    };
    request.encode()
}

fn fields(lines: &Value) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines.as_array()? {
        let name = HeaderName::from_bytes(&octets(&line[0])).ok()?;
        headers.append(name, HeaderValue::from_bytes(&octets(&line[1])).ok()?);
    }
    Some(headers)
}

fn body(body: &Value) -> Option<Body> {
    if let Some(known) = body.get("known") {
        return Some(Body::Known(octets(known)));
    }
    let Some(stream) = body.get("stream") else {
        return Some(Body::None);
    };
    let trailers = body
        .get("trailers")
        .map_or(Some(HeaderMap::new()), fields)?;
    let pieces = stream.as_array()?.iter().map(octets).collect();
    Some(Body::Stream(pieces, trailers))
}

/// A valid request.
pub(crate) fn of_chance(random: &mut Random) -> Sent {
    const METHODS: [&str; 10] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "get", "!#$%&'*+",
    ];
    let method: Method = random.pick(&METHODS).parse().unwrap();
    let hosts = [
        "a.test",
        "a.test:8080",
        "127.0.0.1:81",
        "[::1]",
        "[2001:db8::1]:80",
    ];
    let url = format!("http://{}{}", random.pick(&hosts), path(random));
    let request = Request {
        method,
        uri: url.parse().unwrap(),
        form: match random.below(4) {
            0 => Form::Absolute,
            _ => Form::Origin,
        },
        headers: some_fields(random, 12),
        body: match random.below(3) {
            0 => Body::None,
            1 => Body::Known(octets_by_chance(random, 3000)),
            _ => {
                let pieces = 0..random.below(5);
                let pieces = pieces.map(|_| octets_by_chance(random, 300)).collect();
                Body::Stream(pieces, some_fields(random, 4))
            }
        },
        is_title_case: random.below(2) == 0,
    };
    request.encode().unwrap()
}

fn path(random: &mut Random) -> String {
    const BYTES: &[u8] = b"abzAZ09-._~!$&'()*+,;=:@/%20%0d%0a";
    let mut path = String::from("/");
    for _ in 0..random.below(30) {
        path.push(char::from(random.pick(BYTES)));
    }
    if random.below(2) == 0 {
        path.push('?');
        for _ in 0..random.below(30) {
            path.push(char::from(random.pick(b"abz09&=?/[]+%25:@,.")));
        }
    }
    path
}

fn some_fields(random: &mut Random, most: usize) -> HeaderMap {
    const NAMES: [&str; 9] = [
        "accept",
        "user-agent",
        "x-a",
        "x-b",
        "x-c",
        "cookie2",
        "a",
        "x_1!#$%&'*+-.^`|~",
        "etag",
    ];
    let mut headers = HeaderMap::new();
    for _ in 0..random.below(most + 1) {
        let name: HeaderName = random.pick(&NAMES).parse().unwrap();
        headers.append(name, value(random));
    }
    headers
}

fn value(random: &mut Random) -> HeaderValue {
    const BYTES: &[u8] = b"abz019 \t\"\\,;:=()<>@{}[]?/%\x80\xe9\xff";
    let bytes: Vec<u8> = (0..random.below(40)).map(|_| random.pick(BYTES)).collect();
    HeaderValue::from_bytes(&bytes).unwrap()
}

fn octets_by_chance(random: &mut Random, most: usize) -> Vec<u8> {
    let len = random.below(most);
    (0..len).map(|_| random.below(256) as u8).collect()
}

impl Request {
    fn encode(self) -> Option<Sent> {
        let scheme = match self.uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return None,
        };
        let given = self.uri.authority()?.as_str();
        let (authority, _) = Authority::parse(given, scheme).ok()?;
        let head = RequestHead::new(
            &self.method,
            self.target(),
            &authority,
            &self.headers,
            self.body.length(),
        );
        let head = match self.is_title_case {
            true => head.with_spelling(Spelling::Title),
            false => head,
        };
        let mut wire = Vec::new();
        let mut exchange = Exchange::start(&head, &Limits::default(), &mut wire).ok()?;
        for piece in self.body.pieces() {
            let frame = exchange.frame(piece.len()).ok()?;
            wire.extend_from_slice(frame.before());
            wire.extend_from_slice(piece);
            wire.extend_from_slice(frame.after());
        }
        exchange.finish(self.body.trailers(), &mut wire).ok()?;
        let message = self.message(&authority);
        Some(Sent { message, wire })
    }

    fn target(&self) -> Target<'_> {
        match self.form {
            Form::Origin => Target::Origin(&self.uri),
            Form::Absolute => Target::Absolute(&self.uri),
            Form::Authority => Target::Authority,
            Form::Asterisk => Target::Asterisk,
            Form::AbsoluteAsterisk => Target::AbsoluteAsterisk,
        }
    }

    /// What a server must read.
    fn message(&self, authority: &Authority<'_>) -> Message {
        let mut host = Vec::new();
        authority.write_host(&mut host);
        let mut host = String::from_utf8(host).unwrap();
        let has_port = host.rsplit(']').next().unwrap().contains(':');
        // RFC 9110 §9.3.6: a tunnel's port is always said.
        if matches!(self.form, Form::Authority) && !has_port {
            host += match authority.scheme() {
                Scheme::Http => ":80",
                Scheme::Https => ":443",
            };
        }
        let mut fields = lines(&self.headers);
        if !self.headers.contains_key("host") {
            fields.push(("host".to_owned(), host.clone().into_bytes()));
        }
        fields.extend(self.framing());
        Message {
            method: self.method.to_string(),
            target: self.target_text(&host),
            fields,
            body: self.body.pieces().concat(),
            trailers: self.body.trailers().map(lines).unwrap_or_default(),
        }
    }

    fn framing(&self) -> Option<(String, Vec<u8>)> {
        let says_no_body = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        let length = match &self.body {
            _ if self.headers.contains_key("content-length") => return None,
            Body::None if says_no_body => 0,
            Body::None => return None,
            Body::Known(known) => known.len(),
            Body::Stream(..) => {
                return Some(("transfer-encoding".to_owned(), b"chunked".to_vec()));
            }
        };
        Some(("content-length".to_owned(), length.to_string().into_bytes()))
    }

    fn target_text(&self, host: &str) -> String {
        let scheme = self.uri.scheme_str().unwrap();
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        match self.form {
            Form::Origin => path,
            Form::Absolute => format!("{scheme}://{host}{path}"),
            Form::Authority => host.to_owned(),
            Form::Asterisk => "*".to_owned(),
            Form::AbsoluteAsterisk => format!("{scheme}://{host}"),
        }
    }
}

impl Body {
    fn length(&self) -> BodyLength {
        match self {
            Self::None => BodyLength::None,
            Self::Known(known) => BodyLength::Known(known.len() as u64),
            Self::Stream(..) => BodyLength::Chunked,
        }
    }

    fn pieces(&self) -> &[Vec<u8>] {
        match self {
            Self::None => &[],
            Self::Known(known) => std::slice::from_ref(known),
            Self::Stream(pieces, _) => pieces,
        }
    }

    fn trailers(&self) -> Option<&HeaderMap> {
        match self {
            Self::None | Self::Known(_) => None,
            Self::Stream(_, trailers) => Some(trailers),
        }
    }
}

/// White space around a value is no part of it.
pub(crate) fn lines(fields: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let lines = fields.iter().map(|(name, value)| {
        let value = value.as_bytes();
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = value.iter().take_while(|byte| is_space(byte)).count();
        let value = &value[start..];
        let end = value.iter().rev().take_while(|byte| is_space(byte)).count();
        (name.to_string(), value[..value.len() - end].to_vec())
    });
    lines.collect()
}
