//! What a request looks like on the wire, and what cannot be sent.

use std::error::Error;

use http::header::{HeaderMap, HeaderValue};
use http::{Method, Uri};
use postrider_protocol::{
    Authority, BodyLength, Exchange, Limits, RequestError, RequestHead, Scheme, Spelling,
    Spellings, Target,
};

use crate::scenario::Scenario;

fn refused(scenario: Scenario) -> String {
    scenario.wire().unwrap_err().to_string()
}

/// The request line and `Host` of a request for a target.
fn head(method: Method, target: Target<'_>, authority: &str, scheme: Scheme) -> String {
    let (authority, _) = Authority::parse(authority, scheme).unwrap();
    let headers = HeaderMap::new();
    let head = RequestHead::new(&method, target, &authority, &headers, BodyLength::None);
    let mut out = Vec::new();
    Exchange::start(&head, &Limits::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn each_form_of_target_is_written() {
    let uri = Uri::from_static("http://ignored.test/a?b");
    let get = |target| head(Method::GET, target, "a.test:8080", Scheme::Http);
    assert_eq!(
        get(Target::Origin(&uri)),
        "GET /a?b HTTP/1.1\r\nhost: a.test:8080\r\n\r\n"
    );
    assert_eq!(
        get(Target::Absolute(&uri)),
        "GET http://a.test:8080/a?b HTTP/1.1\r\nhost: a.test:8080\r\n\r\n"
    );
    let options = |target| head(Method::OPTIONS, target, "a.test", Scheme::Https);
    assert_eq!(
        options(Target::Asterisk),
        "OPTIONS * HTTP/1.1\r\nhost: a.test\r\n\r\n"
    );
    assert_eq!(
        options(Target::AbsoluteAsterisk),
        "OPTIONS https://a.test HTTP/1.1\r\nhost: a.test\r\n\r\n"
    );
    assert_eq!(
        head(Method::CONNECT, Target::Authority, "[::1]", Scheme::Https),
        "CONNECT [::1]:443 HTTP/1.1\r\nhost: [::1]:443\r\n\r\n"
    );
}

#[test]
fn a_target_is_percent_encoded_where_it_must_be() {
    let uri = Uri::try_from("http://a.test/\u{e9}{\"x\"}%zz[]?\u{20ac}|^`\\").unwrap();
    assert_eq!(
        head(Method::GET, Target::Origin(&uri), "a.test", Scheme::Http),
        "GET /%C3%A9%7B%22x%22%7D%zz[]?%E2%82%AC%7C%5E%60%5C HTTP/1.1\r\nhost: a.test\r\n\r\n"
    );
}

#[test]
fn a_zone_is_never_sent() {
    let uri = Uri::from_static("/");
    assert_eq!(
        head(
            Method::GET,
            Target::Absolute(&uri),
            "[fe80::1%25eth0]:81",
            Scheme::Http
        ),
        "GET http://[fe80::1]:81/ HTTP/1.1\r\nhost: [fe80::1]:81\r\n\r\n"
    );
}

#[test]
fn names_are_spelled_as_asked() {
    let scenario = Scenario::post(BodyLength::Known(1)).header("x-api-key", "1");
    let spelled = |spelling| {
        let (_, out) = scenario.start_spelled(spelling).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        spelled(Spelling::Title),
        "POST / HTTP/1.1\r\nHost: a.test\r\nX-Api-Key: 1\r\nContent-Length: 1\r\n\r\n"
    );
    let mut spellings = Spellings::default();
    spellings.insert("x-api-key").unwrap();
    spellings.insert("X-API-Key").unwrap();
    spellings.insert("HOST").unwrap();
    assert!(spellings.insert("no name").is_err());
    assert_eq!(
        spelled(Spelling::Given(&spellings)),
        "POST / HTTP/1.1\r\nHOST: a.test\r\nX-API-Key: 1\r\ncontent-length: 1\r\n\r\n"
    );
}

#[test]
fn te_and_upgrade_are_listed_in_connection_once() {
    let both = Scenario::get()
        .header("te", "trailers")
        .header("upgrade", "foo");
    let wire = both.clone().wire().unwrap();
    assert!(wire.contains("connection: te, upgrade\r\n"));
    let wire = both.header("connection", "Upgrade, x").wire().unwrap();
    assert!(wire.contains("connection: Upgrade, x\r\n"));
    assert!(wire.contains("connection: te\r\n"));
}

#[test]
fn a_declared_length_is_used_for_a_stream() {
    let scenario = Scenario::post(BodyLength::Chunked).header("content-length", "005");
    let wire = scenario.wire().unwrap();
    assert!(wire.ends_with("\r\ncontent-length: 5\r\n\r\n"));
}

#[test]
fn a_contradiction_is_refused() {
    let chunked = || Scenario::post(BodyLength::Chunked);
    let known = || Scenario::post(BodyLength::Known(5));
    let table = [
        (
            known().header("content-length", "6"),
            "the content-length given is invalid or contradicts the request body",
        ),
        (
            known()
                .header("content-length", "5")
                .header("content-length", "5"),
            "the content-length given is invalid or contradicts the request body",
        ),
        (
            chunked().header("content-length", "+5"),
            "the content-length given is invalid or contradicts the request body",
        ),
        (
            known().header("transfer-encoding", "chunked"),
            "the transfer-encoding given is not chunked or contradicts the request body",
        ),
        (
            chunked().header("transfer-encoding", "gzip, chunked"),
            "the transfer-encoding given is not chunked or contradicts the request body",
        ),
        (
            chunked()
                .header("content-length", "5")
                .header("transfer-encoding", "chunked"),
            "the transfer-encoding given is not chunked or contradicts the request body",
        ),
        (
            Scenario::get().header("expect", "100-continue"),
            "'expect: 100-continue' needs a request body",
        ),
        (
            Scenario::get().header("te", "trailers, Chunked;q=1"),
            "the field te must not list chunked",
        ),
        (
            Scenario::get()
                .header("host", "a.test")
                .header("host", "a.test"),
            "the host field is given more than once",
        ),
        (
            Scenario::get().header("host", "a.test/x"),
            "the host field given is not a valid host",
        ),
        (
            Scenario::get().header("host", "[fe80::1%25eth0]"),
            "the host field given is not a valid host",
        ),
        (
            known().header("connection", "close, Content-Length"),
            "the field connection must not name content-length",
        ),
        (
            Scenario::get().header("connection", "host"),
            "the field connection must not name host",
        ),
        (
            chunked().header("connection", "transfer-encoding"),
            "the field connection must not name transfer-encoding",
        ),
        (
            known().method(Method::TRACE),
            "the request method takes no body",
        ),
        (
            known().method(Method::CONNECT),
            "the request method takes no body",
        ),
    ];
    for (scenario, message) in table {
        assert_eq!(refused(scenario), message);
    }
}

#[test]
fn a_bad_host_says_why() {
    let error = Scenario::get()
        .header("host", "a.test:x")
        .wire()
        .unwrap_err();
    let source = error.source().unwrap();
    assert_eq!(
        source.to_string(),
        "the port is not a number from 0 to 65535"
    );
}

#[test]
fn targets_and_methods_that_do_not_go_together_are_refused() {
    let path = Uri::from_static("/");
    let star = Uri::from_static("*");
    let (authority, _) = Authority::parse("a.test", Scheme::Http).unwrap();
    let headers = HeaderMap::new();
    let refused = |method: Method, target: Target<'_>| {
        let head = RequestHead::new(&method, target, &authority, &headers, BodyLength::None);
        let mut out = Vec::new();
        let error = Exchange::start(&head, &Limits::default(), &mut out).unwrap_err();
        assert_eq!(out, b"");
        error.to_string()
    };
    let connect = "the method CONNECT and an authority as target need each other";
    assert_eq!(refused(Method::CONNECT, Target::Origin(&path)), connect);
    assert_eq!(refused(Method::GET, Target::Authority), connect);
    let asterisk = "the target '*' is for the method OPTIONS only";
    assert_eq!(refused(Method::GET, Target::Asterisk), asterisk);
    assert_eq!(refused(Method::GET, Target::AbsoluteAsterisk), asterisk);
    let target = "the request target has an invalid character";
    assert_eq!(refused(Method::GET, Target::Origin(&star)), target);
}

#[test]
fn a_server_of_http_1_0_gets_no_chunks() {
    let headers = HeaderMap::new();
    let uri = Uri::from_static("/");
    let (authority, _) = Authority::parse("a.test", Scheme::Http).unwrap();
    let target = Target::Origin(&uri);
    let start = |body| {
        let head = RequestHead::new(&Method::POST, target, &authority, &headers, body)
            .with_peer(http::Version::HTTP_10);
        Exchange::start(&head, &Limits::default(), &mut Vec::new()).map(|_| ())
    };
    assert_eq!(start(BodyLength::Known(5)), Ok(()));
    let error = start(BodyLength::Chunked).unwrap_err();
    assert_eq!(error, RequestError::ChunkedToHttp10);
    assert_eq!(
        error.to_string(),
        "an http/1.0 server takes no request body of unknown length"
    );
}

#[test]
fn a_body_that_breaks_its_word_says_by_how_much() {
    let mut peer = Scenario::post(BodyLength::Known(5)).start();
    peer.sends("hel").unwrap();
    assert_eq!(
        peer.finishes().unwrap_err().to_string(),
        "the request body is 2 bytes shorter than declared"
    );
    assert_eq!(
        peer.finishes().unwrap_err().to_string(),
        "the rest of the request body was given up"
    );
    let mut peer = Scenario::post(BodyLength::Known(5)).start();
    assert_eq!(
        peer.sends("hello world").unwrap_err().to_string(),
        "the request body is 6 bytes longer than declared"
    );
    let mut peer = Scenario::post(BodyLength::Known(0)).start();
    let mut trailers = HeaderMap::new();
    trailers.insert("x", HeaderValue::from_static("1"));
    let error = peer.exchange.finish(Some(&trailers), &mut peer.out);
    assert_eq!(
        error.unwrap_err().to_string(),
        "trailers need a request body of unknown length"
    );
}

#[test]
fn a_target_shows_no_secret() {
    let uri = Uri::from_static("http://me:secret@a.test/path?token=secret");
    for target in [Target::Origin(&uri), Target::Absolute(&uri)] {
        let shown = format!("{target:?}");
        assert!(
            shown.contains("/path") && !shown.contains("secret"),
            "{shown}"
        );
    }
}

#[test]
fn a_sensitive_value_is_sent_and_not_shown() {
    let mut value = HeaderValue::from_static("secret");
    value.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", value);
    let uri = Uri::from_static("/");
    let (authority, _) = Authority::parse("a.test", Scheme::Http).unwrap();
    let target = Target::Origin(&uri);
    let head = RequestHead::new(&Method::GET, target, &authority, &headers, BodyLength::None);
    let mut out = Vec::new();
    let exchange = Exchange::start(&head, &Limits::default(), &mut out).unwrap();
    assert!(out.ends_with(b"authorization: secret\r\n\r\n"));
    assert!(!format!("{head:?} {exchange:?}").contains("secret"));
}
