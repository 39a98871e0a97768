//! Errors, read as a user reads them.
//!
//! Longer than other files: every text that a user may read, side by side.

use std::error::Error as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName};
use postrider::{
    Body, Client, ConnectErrorKind, Error, ErrorKind, KeyLimits, Limits, Phase, Policy, Sent,
};
use testing::{Faulty, MemoryStream, Script, Server};

use crate::support::{builder_of, client_of, ok, received};

/// One line, printable, not endless; and the chain of sources ends.
#[track_caller]
fn assert_readable(error: &Error) {
    let text = error.to_string();
    assert!(text.len() < 1024, "{} bytes: {text}", text.len());
    assert!(
        text.chars().all(|c| matches!(c, ' '..='~')),
        "not printable: {text:?}"
    );
    assert!(!text.ends_with('.') || text.ends_with("..."), "{text}");
    let mut source = error.source();
    for _ in 0..10 {
        let Some(error) = source else { return };
        assert!(!error.to_string().is_empty());
        source = error.source();
    }
    panic!("an endless chain");
}

/// The error of a POST to a server over TCP that plays this script.
async fn of_post(script: Script) -> (Error, SocketAddr) {
    let server = Server::start([script]);
    let request = Client::new().post(server.url("/orders?key=canary"));
    let exchange = async { request.body("one").send().await?.text().await };
    let error = exchange.await.unwrap_err();
    assert_readable(&error);
    (error, server.addr())
}

/// A port at which nobody listens.
fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

const MAYBE: &str = "(the request may have been processed)";

#[tokio::test]
async fn a_server_that_goes_is_named_with_the_phase_and_what_it_may_have_done() {
    let (error, addr) = of_post(Script::new().read_request().close()).await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Closed, Phase::Head)
    );
    assert_eq!(
        error.to_string(),
        format!(
            "POST http://{addr}/orders: waiting for the response from {addr}: \
             the server closed the connection {MAYBE}"
        )
    );
    assert_eq!(error.remote_addr(), Some(addr));
    assert!(error.source().is_none());

    let (error, addr) = of_post(Script::new().read_request().reset()).await;
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Io, Phase::Head));
    assert_eq!(
        error.to_string(),
        format!(
            "POST http://{addr}/orders: waiting for the response from {addr}: \
             reading failed: Connection reset by peer (os error 104) {MAYBE}"
        )
    );
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);

    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    let (error, addr) = of_post(Script::respond(cut).close()).await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Closed, Phase::Body)
    );
    assert_eq!(
        error.to_string(),
        format!(
            "POST http://{addr}/orders: reading the response body from {addr}: \
             the connection ended 5 bytes before the end of the body {MAYBE}"
        )
    );
    assert!(error.source().is_some());
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_with_what_is_wrong_with_it() {
    let (error, addr) = of_post(Script::respond("SSH-2.0-OpenSSH_9.2\r\n")).await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Protocol, Phase::Head)
    );
    assert_eq!(
        error.to_string(),
        format!(
            "POST http://{addr}/orders: waiting for the response from {addr}: \
             the answer is not an http/1 response {MAYBE}"
        )
    );

    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(300));
    let (error, addr) = of_post(Script::respond(many)).await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Limit, Phase::Head)
    );
    assert_eq!(
        error.to_string(),
        format!(
            "POST http://{addr}/orders: waiting for the response from {addr}: \
             the response head has more than 200 fields {MAYBE}"
        )
    );
}

#[tokio::test]
async fn what_the_server_has_answered_was_processed_whatever_becomes_of_it() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("no json"))]));
    let client = builder_of(&server).max_collected_body(5).build().unwrap();
    let post = || client.post("http://a.test/").body("one").send();
    let too_large = post().await.unwrap().text().await.unwrap_err();
    assert_eq!(too_large.kind(), ErrorKind::Limit);
    let client = client_of(&server);
    let post = || client.post("http://a.test/").body("one").send();
    let decode = post().await.unwrap().json::<u8>().await.unwrap_err();
    assert_eq!(decode.kind(), ErrorKind::Decode);
    for error in [too_large, decode] {
        assert_readable(&error);
        assert_eq!(error.sent(), Sent::Wholly);
        assert!(!error.to_string().contains(MAYBE), "{error}");
        assert!(!error.is_retry_safe());
    }
}

#[tokio::test]
async fn a_refused_connection_tells_every_address() {
    let (one, two) = (closed_port(), closed_port());
    let client = Client::builder()
        .resolve("api.test", [one, two])
        .build()
        .unwrap();
    let error = client.post("http://api.test/").send().await.unwrap_err();
    assert_readable(&error);
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Phase::Connect)
    );
    assert_eq!(error.connect_kind(), Some(ConnectErrorKind::Refused));
    assert!(error.is_connect() && error.is_retry_safe() && !error.is_timeout());
    assert_eq!(error.sent(), Sent::Nothing);
    assert!(error.connection().is_none());

    let tried: Vec<_> = error.attempts().iter().map(|tried| tried.addr).collect();
    assert_eq!(tried, [one, two]);
    for tried in error.attempts() {
        let cause = tried.error.as_ref().unwrap();
        assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused);
        assert!(tried.elapsed < Duration::from_secs(1));
    }
    let text = error.to_string();
    let begin = "POST http://api.test/: could not connect to api.test:80: connection refused (";
    assert!(text.starts_with(begin), "{text}");
    assert!(text.contains(&one.to_string()), "{text}");
    assert!(text.contains(&two.to_string()), "{text}");
    let source = error.source().unwrap();
    assert!(
        source.source().is_some(),
        "the chain ends with the system's error"
    );
}

#[tokio::test]
async fn a_name_without_an_address_is_an_error_of_resolving() {
    let client = Client::builder().resolve("api.test", []).build().unwrap();
    let error = client.get("http://api.test/").send().await.unwrap_err();
    assert_readable(&error);
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Resolve, Phase::Resolve)
    );
    assert!(error.is_connect() && error.is_retry_safe());
    assert_eq!(
        error.to_string(),
        "GET http://api.test/: could not resolve api.test: \
         the answer holds no address that may be used"
    );
    assert!(error.attempts().is_empty());
}

#[tokio::test]
async fn requests_that_wait_for_one_dial_get_an_error_each() {
    let addr = closed_port();
    let client = Client::new();
    let url = format!("http://{addr}/");
    let (one, two) = tokio::join!(client.get(&url).send(), client.post(&url).send());
    for (error, method) in [(one.unwrap_err(), "GET"), (two.unwrap_err(), "POST")] {
        assert_readable(&error);
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.to_string().starts_with(method), "{error}");
        assert_eq!(error.attempts().len(), 1);
    }
}

#[tokio::test]
async fn a_full_line_is_an_error_of_the_pool() {
    let server = Arc::new(Server::in_memory([Script::new().stall()]));
    let none = KeyLimits::default()
        .with_max_connections(1)
        .with_max_waiting(1);
    let client = builder_of(&server)
        .pool(Policy::default().with_per_key(none))
        .build()
        .unwrap();
    let first = tokio::spawn(client.get("http://a.test/").send());
    server.accepted(1).await;
    let second = tokio::spawn(client.get("http://a.test/").send());
    while client.stats().totals.waiting == 0 {
        tokio::task::yield_now().await;
    }
    let error = client.post("http://a.test/").send().await.unwrap_err();
    assert_readable(&error);
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Pool, Phase::Acquire)
    );
    assert_eq!(
        error.to_string(),
        "POST http://a.test/: waiting for a connection: the pool's waiting line is full"
    );
    assert!(error.is_retry_safe() && !error.is_connect());
    first.abort();
    second.abort();
}

#[tokio::test]
async fn code_of_the_users_own_that_panics_is_an_error() {
    let client = Client::builder()
        .connect_with(|_| async { panic!("a bug") as io::Result<MemoryStream> })
        .build()
        .unwrap();
    let error = client.get("http://a.test/").send().await.unwrap_err();
    assert_readable(&error);
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Phase::Connect)
    );
    assert!(error.to_string().contains("panicked"), "{error}");
    assert_eq!(client.stats().totals.connections(), 0);
}

#[tokio::test]
async fn a_request_body_that_panics_is_an_error() {
    let server = Arc::new(Server::in_memory([Script::new().read_to_end()]));
    let client = client_of(&server);
    let pieces = ["one", "two"].into_iter().map(|piece| match piece {
        "one" => Ok::<_, io::Error>(Bytes::from(piece)),
        _ => panic!("a bug"),
    });
    let body = Body::stream(stream::iter(pieces));
    let request = client.post("http://a.test/").body(body);
    let error = request.send().await.unwrap_err();
    assert_readable(&error);
    assert_eq!(
        (error.kind(), error.phase(), error.sent()),
        (ErrorKind::RequestBody, Phase::Send, Sent::Partly)
    );
    let text = error.to_string();
    assert!(
        text.ends_with("the request body failed: it panicked"),
        "{text}"
    );
    assert_eq!(client.stats().totals.connections(), 0);
}

#[tokio::test]
async fn a_retry_is_safe_where_nothing_was_sent_or_twice_is_as_once() {
    let gone = || Script::new().read_request().close();
    let unreachable = closed_port();
    for (method, idempotent) in [
        ("GET", true),
        ("HEAD", true),
        ("OPTIONS", true),
        ("PUT", true),
        ("DELETE", true),
        ("TRACE", true),
        ("POST", false),
        ("PATCH", false),
        ("PURGE", false),
    ] {
        let method: http::Method = method.parse().unwrap();
        let client = Client::new();
        let unsent = client
            .request(method.clone(), format!("http://{unreachable}/"))
            .send()
            .await
            .unwrap_err();
        assert_eq!(unsent.sent(), Sent::Nothing);
        assert!(unsent.is_retry_safe(), "{unsent}");
        assert!(!unsent.to_string().contains(MAYBE), "{unsent}");

        let server = Server::start([gone()]);
        let request = || client.request(method.clone(), server.url("/"));
        let sent = request().send().await.unwrap_err();
        assert_eq!(sent.sent(), Sent::Wholly);
        assert_eq!(sent.is_retry_safe(), idempotent, "{sent}");
        assert_eq!(sent.to_string().contains(MAYBE), !idempotent, "{sent}");

        let marked = request().idempotent().send().await.unwrap_err();
        assert!(marked.is_retry_safe(), "{marked}");
        assert!(!marked.to_string().contains(MAYBE), "{marked}");
    }
}

#[tokio::test]
async fn a_request_that_would_fail_again_is_not_worth_a_retry() {
    let client = client_of(&Arc::new(Server::in_memory([Script::respond_always(
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    )])));
    let get = |url: &str| client.get(url).send();
    let failing = Body::stream(stream::iter([Err::<Bytes, _>("the disk is gone")]));
    let status = get("http://a.test/").await.unwrap().error_for_status();
    for (error, kind) in [
        (
            get("http://h:65536/").await.unwrap_err(),
            ErrorKind::Request,
        ),
        (
            client
                .put("http://a.test/")
                .body(failing)
                .send()
                .await
                .unwrap_err(),
            ErrorKind::RequestBody,
        ),
        (status.unwrap_err(), ErrorKind::Status),
    ] {
        assert_readable(&error);
        assert_eq!(error.kind(), kind);
        assert!(!error.is_retry_safe(), "{error}");
        assert!(!error.to_string().contains(MAYBE), "{error}");
    }
}

#[tokio::test]
async fn whatever_a_peer_sends_an_error_stays_one_printable_line() {
    let long = "\u{1b}[31m\u{202e}\n\r\t\"'\u{e9}".repeat(2_000);
    let json = serde_json::to_string(&long).unwrap();
    let length = json.len();
    let long_name = "x".repeat(20_000);
    for answer in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{json}"),
        format!("HTTP/1.1 200 {long}\r\n\r\n"),
        format!("{long}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{long}: x\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{long_name}: x\x00\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {long_name}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{long_name}\r\n"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{long}: y\r\n\r\n"),
    ] {
        let server = Arc::new(Server::in_memory([Script::respond(answer).close()]));
        let client = client_of(&server);
        let exchange = async {
            client
                .get("http://a.test/")
                .send()
                .await?
                .json::<u8>()
                .await
        };
        assert_readable(&exchange.await.unwrap_err());
    }
}

#[tokio::test]
async fn whatever_a_caller_hands_in_an_error_stays_one_printable_line() {
    let long = "\u{e9}\n".repeat(2_000);
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let client = client_of(&server);
    let failing = Body::stream(stream::iter([Err::<Bytes, _>(long.clone())]));
    let path = "x".repeat(5_000);
    let by_stream = Client::builder()
        .connect_with({
            let long = long.clone();
            move |_| {
                let error = io::Error::other(long.clone());
                async move { Err::<MemoryStream, _>(error) }
            }
        })
        .build()
        .unwrap();
    let name = "x".repeat(5_000);
    for error in [
        client
            .post(format!("http://a.test/{path}"))
            .body(failing)
            .send()
            .await
            .unwrap_err(),
        client.get(&long).send().await.unwrap_err(),
        client
            .get("http://a.test/")
            .header(&long, "x")
            .send()
            .await
            .unwrap_err(),
        by_stream.get("http://a.test/").send().await.unwrap_err(),
        client
            .get(format!("http://{name}/"))
            .send()
            .await
            .err()
            .unwrap_or(by_stream.get("http://a.test/").send().await.unwrap_err()),
    ] {
        assert_readable(&error);
    }
}

#[tokio::test]
async fn no_error_and_no_debug_output_holds_a_secret() {
    let scripts = [
        Script::new().read_request().close(),
        Script::respond("HTTP/1.1 200 OK\r\nSet-Cookie: canary\r\nContent-Length: 9\r\n\r\nx")
            .close(),
        Script::respond("HTTP/1.1 200 OK\r\nX-A: canary\x00\r\n\r\n"),
    ];
    for script in scripts {
        let server = Server::start([script]);
        let url = format!("http://user:canary@{}/path?token=canary", server.addr());
        let exchange = async {
            let client = Client::new();
            let request = client
                .post(url)
                .bearer_auth("canary")
                .query([("key", "canary")])
                .body("canary");
            request.send().await?.text().await
        };
        let error = exchange.await.unwrap_err();
        assert_readable(&error);
        let text = format!("{error} {error:?} {error:#?}");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn a_password_that_was_not_encoded_is_in_no_error() {
    let client = Client::new();
    for url in [
        "http://user:can/ary@a.test/path",
        "http://user:can?ary@a.test/path",
        "http://user:can#ary@a.test/path",
        "http://user:can[ary@a.test/path",
        "http://user:can ary@a.test/path",
        "http://user:can\u{e9}ary@a.test/path",
        "http://user@user:can/ary@a.test/path",
    ] {
        let error = client.get(url).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request);
        let text = format!("{error} {error:?}");
        assert!(!text.contains("can") && !text.contains("ary"), "{text}");
    }
    for url in ["http://a.test:65536/path", "http://[::1]:65536/path"] {
        let error = client.get(url).send().await.unwrap_err();
        assert!(error.to_string().contains(url), "{error}");
    }
}

#[tokio::test]
async fn no_debug_output_holds_the_credentials_that_a_field_was_given() {
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: canary\r\nX-A: shown\r\nContent-Length: 0\r\n\r\n";
    let server = Arc::new(Server::in_memory([Script::respond(answer)]));
    let fields = ["Authorization", "proxy-authorization", "COOKIE"];
    let mut defaults = HeaderMap::new();
    for name in fields {
        defaults.insert(
            name.parse::<HeaderName>().unwrap(),
            "canary".parse().unwrap(),
        );
    }
    let builder = builder_of(&server).default_headers(defaults);
    let mut texts = vec![format!("{builder:?}")];
    let client = builder.build().unwrap();
    let mut request = client.get("http://a.test/").header("x-a", "shown");
    for name in fields {
        request = request.header(name, "canary");
    }
    texts.push(format!("{request:?}"));
    let response = request.send().await.unwrap();
    texts.push(format!("{response:?}"));
    for text in &texts {
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("Sensitive"), "{text}");
    }
    assert_eq!(texts.concat().matches("shown").count(), 2);
    assert_eq!(response.headers()["set-cookie"], "canary");
    assert_eq!(received(&server, 0).matches(": canary\r\n").count(), 3);
}

#[tokio::test]
async fn an_error_tells_how_long_each_phase_took_and_which_connection_it_was() {
    let server = Server::start([Script::respond(ok("warm")).read_request().close()]);
    let client = Client::new();
    let warm_up = client.get(server.url("/")).send().await.unwrap();
    let number = warm_up.connection().id();
    warm_up.discard().await.unwrap();
    let request = client.post(server.url("/")).body("one");
    let error = request.send().await.unwrap_err();
    let connection = error.connection().unwrap();
    assert_eq!((connection.id(), connection.request()), (number, 2));
    let timings = error.timings().unwrap();
    assert!(timings.connected() <= timings.sent(), "{timings:?}");
    assert!(timings.sent().is_some() && timings.head().is_none());
}

#[tokio::test]
async fn an_error_turns_into_one_of_io() {
    let stream = |server: &Arc<Server>| {
        let stream = Faulty::new(server.connect()).eof_after(0);
        async move { Ok(stream) }
    };
    let server = Arc::new(Server::in_memory([Script::new()]));
    let client = Client::builder()
        .connect_with(move |_| stream(&server))
        .limits(Limits::default())
        .build()
        .unwrap();
    let error = client.get("http://a.test/").send().await.unwrap_err();
    let text = error.to_string();
    let error = io::Error::from(error);
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(error.to_string(), text);
}
