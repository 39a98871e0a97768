//! Every request of the corpus, made by the client in memory: what the server
//! receives of it, or that it is refused before there is a connection.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body::Frame;
use http_body_util::StreamBody;
use postrider::{Body, BoxError, Client, ErrorKind, RequestBuilder};
use serde_json::Value;
use testing::{Authority, Script, Server};

use super::cases::{cases, elements, is_also_ok, name, octets};
use super::is_left_out;
use super::message::Message;
use crate::support::{client_of, tls_builder_of};

#[tokio::test(start_paused = true)]
async fn every_request_is_sent_as_expected() {
    let authority = Authority::new();
    let mut failures = Vec::new();
    let mut run = 0;
    for case in cases("requests.jsonl") {
        if is_left_out(name(&case)) {
            continue;
        }
        run += 1;
        let sending = send(&case, &authority).await;
        if let Err(difference) = compare(&case, &sending) {
            failures.push(format!("{}: {difference}", name(&case)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(run, 132 - 10);
}

/// What became of a request.
enum Sending {
    /// It was an error. Nothing was sent, and no connection made for it.
    Refused,
    /// Its body was an error, after these bytes if any. The connection has closed.
    BrokenOff(Vec<u8>),
    /// The server has received it, and answered.
    Sent(Vec<u8>),
}

async fn send(case: &Value, authority: &Authority) -> Sending {
    let script = Script::respond_always(answer(case));
    let is_secure = case["url"].as_str().unwrap().starts_with("https:");
    let (server, client) = if is_secure {
        let identity = authority.issue(&["a.test"]);
        let server = Arc::new(Server::in_memory_tls(identity, [script]));
        let client = tls_builder_of(&server, authority).build().unwrap();
        (server, client)
    } else {
        let server = Arc::new(Server::in_memory([script]));
        let client = client_of(&server);
        (server, client)
    };
    // What the types of the `http` crate can't hold never gets to the client.
    let Some(request) = request(&client, case) else {
        return Sending::Refused;
    };
    let before = acquaint(&client, &server, case).await;
    let connections = server.connections();
    let result = request.send().await;
    if let Err(error) = &result {
        assert_eq!(error.kind(), ErrorKind::Request, "{}: {error}", name(case));
        if server.connections() == connections && server.received(0).len() == before {
            return Sending::Refused;
        }
        server.closed(0).await;
    }
    let sent = server.received(0).split_off(before);
    match result {
        Ok(_) => Sending::Sent(sent),
        Err(_) => Sending::BrokenOff(sent),
    }
}

/// Lets the client know the server's version where the case wants it known; tells
/// how many bytes that took.
async fn acquaint(client: &Client, server: &Server, case: &Value) -> usize {
    if !case["options"]["known_version"].is_string() {
        return 0;
    }
    let url = case["url"].as_str().unwrap();
    client.get(url).send().await.unwrap();
    server.received(0).len()
}

fn answer(case: &Value) -> String {
    let version = case["options"]["known_version"].as_str().unwrap_or("1.1");
    format!("HTTP/{version} 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")
}

fn request(client: &Client, case: &Value) -> Option<RequestBuilder> {
    let method = Method::from_bytes(&octets(&case["method"])).ok()?;
    let mut request = client.request(method, &octets(&case["url"])[..]);
    for line in elements(&case["headers"]) {
        request = request.header(&octets(&line[0])[..], &octets(&line[1])[..]);
    }
    if case["options"]["target"] == "*" {
        request = request.asterisk_form();
    }
    Some(match body(&case["body"])? {
        Some(body) => request.body(body),
        None => request,
    })
}

/// `None` where the types refuse the trailers.
fn body(body: &Value) -> Option<Option<Body>> {
    if let Some(known) = body.get("known") {
        return Some(Some(octets(known).into()));
    }
    let Some(pieces) = body.get("stream") else {
        return Some(None);
    };
    let mut frames: Vec<_> = elements(pieces)
        .map(|piece| Frame::data(Bytes::from(octets(piece))))
        .collect();
    if let Some(lines) = body.get("trailers") {
        frames.push(Frame::trailers(trailers(lines)?));
    }
    let frames = frames.into_iter().map(Ok::<_, BoxError>);
    Some(Some(Body::wrap(StreamBody::new(stream::iter(frames)))))
}

fn trailers(lines: &Value) -> Option<HeaderMap> {
    let mut trailers = HeaderMap::new();
    for line in elements(lines) {
        let name = HeaderName::from_bytes(&octets(&line[0])).ok()?;
        trailers.append(name, HeaderValue::from_bytes(&octets(&line[1])).ok()?);
    }
    Some(trailers)
}

fn compare(case: &Value, sending: &Sending) -> Result<(), String> {
    let wire = case["expect"].get("wire").map(octets);
    match (sending, wire) {
        (Sending::Sent(sent), Some(wire)) => Message::of(sent).compare(&Message::of(&wire), case),
        (Sending::Refused, Some(_)) if is_also_ok(case, "error") => Ok(()),
        (Sending::Refused | Sending::BrokenOff(_), Some(_)) => Err("refused".to_owned()),
        (Sending::Refused, None) => Ok(()),
        (Sending::BrokenOff(sent), None) if case["body"].get("stream").is_some() => {
            if sent.is_empty() {
                return Ok(());
            }
            Message::of(sent).is_not_overlong()
        }
        (Sending::Sent(sent) | Sending::BrokenOff(sent), None) => {
            Err(format!("sent as {}", sent.escape_ascii()))
        }
    }
}
