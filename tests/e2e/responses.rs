//! How responses are read.

use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Version};
use http_body::Body as _;
use http_body_util::BodyExt;
use postrider::{Body, ErrorKind, Limits, Phase, Sent};
use testing::{Script, Server, Signal};
use tokio::time::timeout;

use crate::support::{builder_of, client_of, ok};

/// A server that answers each request of its one connection, and then closes.
fn answering(response: impl Into<bytes::Bytes>) -> Arc<Server> {
    Arc::new(Server::in_memory([Script::respond(response).close()]))
}

async fn text_of(response: &'static str) -> Result<String, postrider::Error> {
    let client = client_of(&answering(response));
    client.get("http://a.test/").send().await?.text().await
}

#[tokio::test]
async fn bodies_end_by_length_by_chunks_or_with_the_connection() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        assert_eq!(text_of(response).await.unwrap(), "hello", "{response}");
    }
}

#[tokio::test]
async fn a_head_and_a_body_may_come_in_any_pieces() {
    let bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n\
                 4\r\nabcd\r\n5\r\nefghi\r\n0\r\nX-T: u\r\n\r\n";
    let sizes = vec![1; bytes.len() - 1];
    let server = Arc::new(Server::in_memory([Script::new()
        .read_request()
        .write_split(bytes, &sizes)]));
    let response = client_of(&server)
        .get("http://a.test/")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["x-a"], "b");
    assert_eq!(response.text().await.unwrap(), "abcdefghi");
}

#[tokio::test]
async fn responses_without_a_body_have_none_whatever_they_say() {
    for (method, response) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        (
            "GET",
            "HTTP/1.1 204 No Content\r\nContent-Length: 1000\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
    ] {
        let server = Arc::new(Server::in_memory([Script::respond_always(response)]));
        let client = client_of(&server);
        for _ in 0..2 {
            let method = method.parse().unwrap();
            let response = client
                .request(method, "http://a.test/")
                .send()
                .await
                .unwrap();
            assert_eq!(response.bytes().await.unwrap(), "");
        }
        assert_eq!(server.connections(), 1, "{response}");
    }
}

#[tokio::test]
async fn the_head_is_told() {
    let server = answering("HTTP/1.0 404 Nope\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nno");
    let response = client_of(&server)
        .get("http://a.test/x")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.version(), Version::HTTP_10);
    assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
    assert_eq!(response.content_length(), Some(2));
    assert_eq!(response.url(), "http://a.test/x");
    assert!(response.timings().head().is_some());

    let error = response.error_for_status().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Status);
    assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
    assert_eq!(
        error.to_string(),
        "GET http://a.test/x: waiting for the response: the server answered 404 Not Found"
    );
}

#[tokio::test]
async fn json_is_read_and_its_errors_are_those_of_decoding() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(
        "{\"a\": [1, 2]}",
    ))]));
    let client = client_of(&server);
    let value: serde_json::Value = client
        .get("http://a.test/")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(value["a"][1], 2);

    let response = client.get("http://a.test/").send().await.unwrap();
    let error = response.json::<Vec<u8>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(error.phase(), Phase::Decode);
    assert!(
        error.to_string().starts_with(
            "GET http://a.test/: decoding the response body: invalid type: map, expected a sequence"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn text_that_is_not_utf8_gets_replacement_characters() {
    let server = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\xffb".as_slice());
    let response = client_of(&server)
        .get("http://a.test/")
        .send()
        .await
        .unwrap();
    assert_eq!(response.text().await.unwrap(), "a\u{fffd}b");
}

#[tokio::test]
async fn what_is_left_of_a_body_is_told_where_it_is_known() {
    for (response, lengths) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none|two",
            [Some(6), Some(3), Some(0)],
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n|3\r\ntwo\r\n0\r\n\r\n",
            [None, None, None],
        ),
        // Nothing but trailers is still to come.
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n|A: b\r\n\r\n",
            [Some(3), Some(0), Some(0)],
        ),
    ] {
        let (first, second) = response.split_once('|').unwrap();
        let go_on = Signal::new();
        let script = Script::respond(first).wait(&go_on).write(second);
        let client = client_of(&Arc::new(Server::in_memory([script])));
        let mut response = client.get("http://a.test/").send().await.unwrap();
        let mut told = vec![response.content_length()];
        for _ in 0..2 {
            response.chunk().await.unwrap();
            told.push(response.content_length());
            go_on.notify();
        }
        assert_eq!(told, lengths, "{first}");
    }
}

#[tokio::test]
async fn a_body_gives_its_trailers() {
    let server = answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nDigest: abc\r\n\r\n",
    );
    let response = client_of(&server)
        .get("http://a.test/")
        .send()
        .await
        .unwrap();
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["digest"], "abc");
    assert_eq!(collected.to_bytes(), "hi");
}

#[tokio::test]
async fn a_body_cut_short_is_an_error_and_never_an_end() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ] {
        let error = text_of(response).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
        assert_eq!(error.phase(), Phase::Body);
        assert!(
            error.to_string().contains("before the end of the body"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn whoever_goes_on_after_an_error_does_not_come_to_an_end() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let start = || Script::new().read_request().write(head);
    for (script, kind) in [
        (start().write("5\r\nhel").close(), ErrorKind::Closed),
        (start().write("zz\r\n").close(), ErrorKind::Protocol),
        (start().write("5\r\nhel").stall(), ErrorKind::Timeout),
        // Behind its head, but in one piece with it.
        (
            Script::new().read_request().write(format!("{head}zz\r\n")),
            ErrorKind::Protocol,
        ),
    ] {
        let server = Arc::new(Server::in_memory([script.clone(), script]));
        let client = builder_of(&server).read_timeout(Duration::from_millis(20));
        let client = client.build().unwrap();
        let get = || client.get("http://a.test/").send();
        let mut response = get().await.unwrap();
        let first = loop {
            match response.chunk().await {
                Ok(piece) => assert!(piece.is_some(), "{kind:?}"),
                Err(error) => break error,
            }
        };
        let second = response.chunk().await.unwrap_err();
        assert_eq!((first.kind(), second.kind()), (kind, kind), "{second}");
        assert_eq!((first.phase(), first.sent()), (Phase::Body, Sent::Wholly));
        assert_eq!((second.phase(), second.sent()), (Phase::Body, Sent::Wholly));
        let text = second.to_string();
        assert!(text.contains("given up after an earlier error"), "{text}");
        assert_eq!(response.content_length(), None);
        assert_eq!(response.bytes().await.unwrap_err().kind(), kind);

        // As a body it ends after one error: some adapters pass over each.
        let mut body = get().await.unwrap().into_body();
        while body.frame().await.unwrap().is_ok() {}
        assert!(body.frame().await.is_none());
        assert_eq!(
            client.stats().timeouts,
            u64::from(kind == ErrorKind::Timeout) * 2
        );
    }
}

#[tokio::test]
async fn a_body_that_is_taken_behind_an_error_does_not_end_well_either() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello";
    let server = Arc::new(Server::in_memory([
        Script::respond(cut).close(),
        Script::respond(cut).close(),
        Script::respond_always(ok("")),
    ]));
    let client = client_of(&server);
    let cut_short = async || {
        let mut response = client.get("http://a.test/").send().await.unwrap();
        while response.chunk().await.is_ok() {}
        response
    };
    let mut body = http::Response::from(cut_short().await).into_body();
    assert!(!body.is_end_stream());
    assert_eq!(body.size_hint().exact(), None);
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!((error.phase(), error.sent()), (Phase::Body, Sent::Wholly));
    assert!(body.frame().await.is_none());

    // Handed on it would pass for the whole of what was sent.
    let body = Body::wrap(cut_short().await.into_body());
    let request = client.post("http://a.test/").body(body);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RequestBody);
}

#[tokio::test]
async fn what_is_not_http_is_an_error_of_the_protocol() {
    for response in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nX-A : b\r\n\r\n",
    ] {
        let error = text_of(response).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{response}: {error}");
        assert_eq!(error.phase(), Phase::Head);
        assert!(!error.is_retry_safe());
    }
}

#[tokio::test]
async fn a_head_beyond_the_limits_is_an_error_of_its_own() {
    let many: String = (0..300).map(|n| format!("X-{n}: a\r\n")).collect();
    let large = format!("X-A: {}\r\n", "a".repeat(50_000)).repeat(3);
    let long_1xx = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(17);
    for (response, says) in [
        (
            format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
            "more than 200 fields",
        ),
        (format!("HTTP/1.1 200 OK\r\n{large}\r\n"), "131072 bytes"),
        (long_1xx, "16"),
    ] {
        let error = client_of(&answering(response))
            .get("http://a.test/")
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }

    let server = answering(ok("a body"));
    let limits = Limits::default().head_bytes(20);
    let client = builder_of(&server).limits(limits).build().unwrap();
    let error = client.get("http://a.test/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[tokio::test]
async fn a_body_beyond_what_is_collected_is_an_error_and_closes_the_connection() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello world",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
    ] {
        let server = Arc::new(Server::in_memory([Script::respond(response).close()]));
        let client = builder_of(&server).max_collected_body(10).build().unwrap();
        let result = client.get("http://a.test/").send().await;
        let error = match result {
            Ok(response) => response.bytes().await.unwrap_err(),
            Err(error) => error,
        };
        if error.kind() != ErrorKind::Protocol {
            assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
            assert_eq!(
                error.to_string(),
                "GET http://a.test/: reading the response body: \
                 the body is larger than the limit of 10 bytes"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_is_not_waited_for() {
    for rest in ["", "b\r\nhello world\r\n"] {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
        let script = Script::new().read_request().write(head);
        let script = script.write("a\r\n0123456789\r\n").write(rest).stall();
        let server = Arc::new(Server::in_memory([script]));
        let client = builder_of(&server).max_collected_body(10).build().unwrap();
        let response = client.get("http://a.test/").send().await.unwrap();
        let soon = timeout(Duration::from_secs(1), response.bytes()).await;
        let error = soon.expect("there is too much already").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        assert_eq!(client.stats().totals.connections(), 0);
    }
}

#[tokio::test]
async fn pieces_come_as_they_arrive() {
    let go_on = Signal::new();
    let server = Arc::new(Server::in_memory([Script::new()
        .read_request()
        .write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        .wait(&go_on)
        .write("two")]));
    let mut response = client_of(&server)
        .get("http://a.test/")
        .send()
        .await
        .unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "one");
    go_on.notify();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "two");
    assert_eq!(response.chunk().await.unwrap(), None);
    assert_eq!(response.chunk().await.unwrap(), None);
    assert!(response.timings().body().is_some());
}
