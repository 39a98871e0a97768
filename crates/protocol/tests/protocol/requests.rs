//! Every request of the corpus: what goes on the wire, or that nothing does.

use std::str;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri, Version};
use postrider_protocol::{Authority, BodyLength, Exchange, Limits, RequestHead, Scheme, Target};
use serde_json::Value;

use crate::corpus::{cases, is_also_ok, latin1, listed, octets};

#[test]
fn every_case_is_sent_as_expected() {
    let waiting = listed("waiting.json");
    let judged = listed("judged.json");
    let mut failures = Vec::new();
    let mut run = 0;
    let cases = cases("requests.jsonl");
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        if waiting.contains_key(name) || judged.contains_key(name) {
            continue;
        }
        run += 1;
        if let Err(difference) = compare(case, encode(case)) {
            failures.push(format!("{name}: {difference}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(run > 120);
}

/// Does as a client would: `None` where any of the types refuses the request.
fn encode(case: &Value) -> Option<Vec<u8>> {
    let method = Method::from_bytes(&latin1(case["method"].as_str()?)).ok()?;
    let url = latin1(case["url"].as_str()?);
    let uri = Uri::try_from(&url[..]).ok()?;
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return None,
    };
    let (authority, _) = Authority::parse(uri.authority()?.as_str(), scheme).ok()?;
    let is_proxied = case["proxy"].is_string();
    let is_tunnelled = is_proxied && scheme == Scheme::Https;
    let method = if is_tunnelled {
        Method::CONNECT
    } else {
        method
    };
    let target = match case["options"]["target"].as_str() {
        _ if method == Method::CONNECT => Target::Authority,
        Some("*") if is_proxied => Target::AbsoluteAsterisk,
        Some("*") => Target::Asterisk,
        _ if is_proxied => Target::Absolute(&uri),
        _ => Target::Origin(&uri),
    };
    let headers = fields(&case["headers"])?;
    let (length, pieces) = body(&case["body"]);
    let peer = match case["options"]["known_version"].as_str() {
        Some("1.0") => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let head = RequestHead::new(&method, target, &authority, &headers, length).with_peer(peer);
    let mut out = Vec::new();
    let mut exchange = Exchange::start(&head, &Limits::default(), &mut out).ok()?;
    for piece in pieces {
        let frame = exchange.frame(piece.len()).ok()?;
        out.extend_from_slice(frame.before());
        out.extend_from_slice(&piece);
        out.extend_from_slice(frame.after());
    }
    let trailers = case["body"].get("trailers").map(fields);
    let trailers = trailers.map_or(Some(None), |trailers| trailers.map(Some))?;
    exchange.finish(trailers.as_ref(), &mut out).ok()?;
    assert!(exchange.is_sent());
    Some(out)
}

fn fields(lines: &Value) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines.as_array()? {
        let name = HeaderName::from_bytes(&octets(&line[0])).ok()?;
        headers.append(name, HeaderValue::from_bytes(&octets(&line[1])).ok()?);
    }
    Some(headers)
}

fn body(body: &Value) -> (BodyLength, Vec<Vec<u8>>) {
    if let Some(known) = body.get("known") {
        let known = octets(known);
        (BodyLength::Known(known.len() as u64), vec![known])
    } else if let Some(stream) = body.get("stream") {
        let pieces = stream.as_array().unwrap().iter().map(octets);
        (BodyLength::Chunked, pieces.collect())
    } else {
        (BodyLength::None, Vec::new())
    }
}

fn compare(case: &Value, sent: Option<Vec<u8>>) -> Result<(), String> {
    let Some(wire) = case["expect"]["wire"].as_str() else {
        return match sent {
            None => Ok(()),
            Some(sent) if is_also_ok(case, "percent-encoded") && is_clean(&sent) => Ok(()),
            Some(sent) if is_also_ok(case, "corrected") && is_clean(&sent) => Ok(()),
            Some(sent) => Err(format!("sent as {:?}", sent.escape_ascii())),
        };
    };
    let wire = latin1(wire);
    match sent {
        None if is_also_ok(case, "error") => Ok(()),
        None => Err("refused".to_owned()),
        Some(sent) if same(case, &sent, &wire) => Ok(()),
        Some(sent) => Err(format!("sent as {:?}", sent.escape_ascii())),
    }
}

/// One head, and nothing in it that ends another.
fn is_clean(sent: &[u8]) -> bool {
    let text = str::from_utf8(sent).unwrap();
    text.matches("HTTP/1.1\r\n").count() == 1 && !text.contains("Host: evil")
}

/// The start line and the body are the same, and the fields but for their
/// order and the case of their names; `host` comes first.
fn same(case: &Value, sent: &[u8], wire: &[u8]) -> bool {
    let (sent, wire) = (Message::of(sent), Message::of(wire));
    let is_line_same = sent.line == wire.line
        || case["also_ok"].as_array().is_some_and(|also| {
            let line = sent.line.strip_suffix(b" HTTP/1.1").unwrap();
            also.iter().any(|other| octets(other) == line)
        });
    let mut fields = [sent.fields.clone(), wire.fields.clone()];
    fields.iter_mut().for_each(|fields| fields.sort());
    is_line_same
        && fields[0] == fields[1]
        && sent.fields[0].0 == b"host"
        && sent.lines_of_one_name() == wire.lines_of_one_name()
        && sent.body == wire.body
}

struct Message<'a> {
    line: &'a [u8],
    fields: Vec<(Vec<u8>, &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    fn of(text: &'a [u8]) -> Self {
        let end = text.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
        let mut lines = text[..end]
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        Self {
            line: lines.next().unwrap(),
            fields: lines.map(Self::field).collect(),
            body: &text[end + 4..],
        }
    }

    fn field(line: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
        let colon = line.windows(2).position(|colon| colon == b": ").unwrap();
        (line[..colon].to_ascii_lowercase(), &line[colon + 2..])
    }

    /// The order of lines matters within a name only.
    fn lines_of_one_name(&self) -> Vec<(Vec<u8>, &'a [u8])> {
        let mut fields = self.fields.clone();
        fields.sort_by(|one, other| one.0.cmp(&other.0));
        fields
    }
}
