//! What few requests ask for: 100 (Continue), informational responses, another
//! protocol, other spellings, the server as a whole. A little over 400 lines: what
//! is too rare for files of its own.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, StatusCode};
use postrider::{Body, Client, ErrorKind, HeaderCase, Sent};
use testing::{Faulty, Script, Server, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{builder_of, client_of, ok, received};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const SECOND: Duration = Duration::from_secs(1);

fn one_piece() -> Body {
    Body::stream(stream::iter([Ok::<_, BoxError>(Bytes::from("body"))]))
}

#[tokio::test(start_paused = true)]
async fn a_body_waits_until_the_server_says_continue() {
    let asked = Signal::new();
    let go_on = Signal::new();
    let server = Arc::new(Server::in_memory([Script::new()
        .read_head()
        .notify(&asked)
        .wait(&go_on)
        .write("HTTP/1.1 100 Continue\r\n\r\n")
        .read(4)
        .write(ok("done"))]));
    let client = client_of(&server);
    let request = client
        .put("http://a.test/")
        .body("body")
        .expect_continue(SECOND)
        .send();
    let (response, ()) = tokio::join!(request, async {
        asked.wait().await;
        let head = received(&server, 0);
        assert!(head.contains("expect: 100-continue\r\n"), "{head}");
        assert!(head.ends_with("\r\n\r\n"), "the body must wait: {head}");
        go_on.notify();
    });
    assert_eq!(response.unwrap().text().await.unwrap(), "done");
    assert!(received(&server, 0).ends_with("\r\n\r\nbody"));
    assert_eq!(client.stats().totals.idle, 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_knows_no_expectation_is_not_waited_for_without_end() {
    let server = Arc::new(Server::in_memory([Script::respond(ok("done"))]));
    let client = client_of(&server);
    let started = tokio::time::Instant::now();
    let request = client
        .put("http://a.test/")
        .body(one_piece())
        .expect_continue(SECOND);
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "done");
    assert_eq!(started.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_place_of_continue_is_the_response_and_the_body_stays_here() {
    let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    let server = Arc::new(Server::in_memory([Script::new()
        .read_head()
        .write(answer)
        .stall()]));
    let client = client_of(&server);
    let request = client
        .put("http://a.test/")
        .body("body")
        .expect_continue(SECOND);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.text().await.unwrap(), "no");
    server.closed(0).await;
    assert!(!received(&server, 0).contains("body"));
    assert_eq!(
        client.stats().totals.connections(),
        0,
        "half a request was sent on it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_success_in_place_of_continue_wants_the_body_all_the_same() {
    let server = Arc::new(Server::in_memory([Script::new()
        .read_head()
        .write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        .read(4)
        .write("after")]));
    let client = client_of(&server);
    let request = client
        .put("http://a.test/")
        .body("body")
        .expect_continue(SECOND);
    let response = request.send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "after");
    assert!(received(&server, 0).ends_with("\r\n\r\nbody"));
    assert_eq!(client.stats().totals.idle, 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_success_in_place_of_continue_costs_no_connection() {
    let server = Arc::new(Server::in_memory([Script::new()
        .read_head()
        .write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .read(4)
        .then(Script::respond(ok("again")))]));
    let client = client_of(&server);
    let request = client.put("http://a.test/").body("body");
    let response = request.expect_continue(SECOND).send().await.unwrap();
    assert!(response.timings().sent().is_some());
    let response = client.get("http://a.test/").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "again");
    assert_eq!(server.connections(), 1);
    assert!(received(&server, 0).contains("\r\n\r\nbodyGET /"));
}

#[tokio::test(start_paused = true)]
async fn after_417_the_request_is_sent_again_without_the_expectation() {
    let refusal = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    for body in [Body::from("body"), one_piece()] {
        let server = Arc::new(Server::in_memory([
            Script::new().read_head().write(refusal).stall(),
            Script::respond(ok("done")),
        ]));
        let request = client_of(&server)
            .put("http://a.test/")
            .body(body)
            .expect_continue(SECOND);
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), "done");
        assert!(!received(&server, 0).contains("body"));
        let second = received(&server, 1);
        assert!(!second.contains("expect"), "{second}");
        assert!(second.contains("body"), "{second}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_417_is_the_response_where_a_piece_of_the_body_was_taken() {
    let refusal = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let server = Arc::new(Server::in_memory([Script::respond(refusal)]));
    let client = client_of(&server);
    let request = client.put("http://a.test/").body(one_piece());
    let response = request.expect_continue(SECOND).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::EXPECTATION_FAILED);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_follows_a_417_does_not_hide_that_something_was_sent() {
    let refusal = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let server = Arc::new(Server::in_memory([Script::new()
        .read_head()
        .write(refusal)]));
    let connections = Arc::clone(&server);
    let connect = move |_| {
        let stream = match connections.connections() {
            0 => Ok(connections.connect()),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        };
        async move { stream }
    };
    let client = Client::builder().connect_with(connect).build().unwrap();
    let request = client.post("http://a.test/").body("body");
    let error = request.expect_continue(SECOND).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert_eq!(error.sent(), Sent::Partly);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_the_whole_time_to_wait_for_continue() {
    let server = Arc::new(Server::in_memory([
        Script::respond(ok("warm"))
            .read_head()
            .pause(Duration::from_millis(900))
            .close(),
        Script::respond(ok("done")),
    ]));
    let client = client_of(&server);
    client.get("http://a.test/").send().await.unwrap();
    let started = tokio::time::Instant::now();
    let request = client.put("http://a.test/").body("body");
    let response = request.expect_continue(SECOND).send().await.unwrap();
    assert_eq!(response.timings().retries(), 1);
    assert_eq!(started.elapsed(), Duration::from_millis(1900));
    assert_eq!(response.text().await.unwrap(), "done");
}

#[tokio::test]
async fn informational_responses_are_told_and_are_not_the_response() {
    let server = Arc::new(Server::in_memory([Script::respond(
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    )]));
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let response = client_of(&server)
        .get("http://a.test/")
        .on_informational(move |status, headers| {
            telling
                .lock()
                .unwrap()
                .push((status.as_u16(), headers.get("link").cloned()));
        })
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key("link"));
    let told = told.lock().unwrap();
    assert_eq!(
        *told,
        [(102, None), (103, Some("</a.css>".parse().unwrap()))]
    );
}

#[tokio::test]
async fn an_upgraded_connection_is_a_stream_with_what_came_behind_the_response() {
    let server = Arc::new(Server::in_memory([Script::new()
        .read_head()
        .write(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst",
        )
        .read(4)
        .write("second")
        .close()]));
    let client = client_of(&server);
    let response = client
        .get("http://a.test/chat")
        .header("connection", "upgrade")
        .header("upgrade", "echo")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let timings = *response.timings();
    assert_eq!(timings.body(), timings.head());
    let mut stream = response.upgrade().unwrap();
    let mut first = [0; 5];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"first");
    stream.write_all(b"ping").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "second");
    assert_eq!(client.stats().totals.lent, 1);
    drop(stream);
    assert_eq!(client.stats().totals.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_other_protocol_is_spoken_in_the_middle_of_a_request() {
    let switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n\r\n";
    for (body, is_sent) in [
        (
            Body::stream(stream::pending::<Result<Bytes, BoxError>>()),
            false,
        ),
        (Body::from("body"), true),
    ] {
        let server = Arc::new(Server::in_memory([Script::new()
            .read_head()
            .write(switched)
            .read_to_end()]));
        let client = client_of(&server);
        let request = client.post("http://a.test/").header("upgrade", "chat");
        let response = request.body(body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        match response.upgrade() {
            Ok(mut upgraded) => {
                assert!(is_sent);
                upgraded.write_all(b"hello").await.unwrap();
                drop(upgraded);
                server.closed(0).await;
                assert!(received(&server, 0).ends_with("\r\n\r\nbodyhello"));
            }
            Err(error) => {
                assert!(!is_sent);
                assert_eq!(error.kind(), ErrorKind::Upgrade);
                assert_eq!(error.sent(), Sent::Partly);
                assert_eq!(
                    error.to_string(),
                    "POST http://a.test/: waiting for the response: \
                     the server switched protocols before the request was sent"
                );
                server.closed(0).await;
            }
        }
        assert_eq!(client.stats().totals.connections(), 0);
    }
}

#[tokio::test]
async fn a_connect_that_succeeds_is_a_tunnel_and_one_that_fails_a_response() {
    let server = Arc::new(Server::in_memory([
        Script::new()
            .read_head()
            .write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"),
        Script::respond("HTTP/1.1 407 No\r\nContent-Length: 4\r\n\r\nauth"),
    ]));
    let client = client_of(&server);
    let response = client
        .request(Method::CONNECT, "http://b.test:443")
        .send()
        .await
        .unwrap();
    let mut stream = response.upgrade().unwrap();
    let mut hi = [0; 2];
    stream.read_exact(&mut hi).await.unwrap();
    assert_eq!(&hi, b"hi");
    let head = received(&server, 0);
    assert!(
        head.starts_with("CONNECT b.test:443 HTTP/1.1\r\nhost: b.test:443\r\n"),
        "{head}"
    );

    let response = client
        .request(Method::CONNECT, "http://b.test:443")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    assert_eq!(response.text().await.unwrap(), "auth");
}

#[tokio::test]
async fn a_tunnel_is_one_before_its_request_is_flushed_whatever_it_says_of_closing() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi",
    ] {
        let never = Signal::new();
        let script = Script::new().read_head().write(answer).read(4).close();
        let server = Arc::new(Server::in_memory([script]));
        let client = {
            let (server, never) = (Arc::clone(&server), never.clone());
            Client::builder()
                .connect_with(move |_| {
                    let stream = Faulty::new(server.connect()).flush_after(&never);
                    async move { Ok(stream) }
                })
                .build()
                .unwrap()
        };
        let request = client.request(Method::CONNECT, "http://b.test:443");
        let mut stream = request.send().await.unwrap().upgrade().unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut read = String::new();
        stream.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "hi", "{answer}");
    }
}

#[tokio::test]
async fn what_comes_behind_a_switch_is_read_first_however_it_comes() {
    let switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n";
    let connected = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let long = "x".repeat(100_000);
    for (method, answer) in [(Method::GET, switched), (Method::CONNECT, connected)] {
        for rest in ["", "HTTP/1.1 200 OK\r\n\r\n", "0\r\n\r\n", &long] {
            for at_most in [1, 7, 100, usize::MAX] {
                let bytes = format!("{answer}{rest}");
                let server = Arc::new(Server::in_memory([Script::new()
                    .read_head()
                    .write(bytes)
                    .close()]));
                let client = {
                    let server = Arc::clone(&server);
                    Client::builder()
                        .connect_with(move |_| {
                            let stream = Faulty::new(server.connect()).read_at_most(at_most);
                            async move { Ok(stream) }
                        })
                        .build()
                        .unwrap()
                };
                let request = client
                    .request(method.clone(), "http://b.test:443")
                    .header("upgrade", "echo");
                let mut stream = request.send().await.unwrap().upgrade().unwrap();
                let mut read = String::new();
                stream.read_to_string(&mut read).await.unwrap();
                assert!(read == rest, "{method} {at_most}: {}", read.len());
            }
        }
    }
}

#[tokio::test]
async fn a_response_that_switched_nothing_cannot_be_upgraded() {
    let server = Arc::new(Server::in_memory([Script::respond(ok("no"))]));
    let response = client_of(&server)
        .get("http://a.test/")
        .send()
        .await
        .unwrap();
    let error = response.upgrade().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Upgrade);
    assert_eq!(
        error.to_string(),
        "GET http://a.test/: waiting for the response: the server did not switch protocols"
    );
}

#[tokio::test]
async fn names_of_header_fields_keep_the_case_that_is_asked_for() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let client = builder_of(&server)
        .header_case(HeaderCase::Title)
        .build()
        .unwrap();
    client
        .get("http://a.test/")
        .header("x-api-key", "1")
        .send()
        .await
        .unwrap();
    assert_eq!(
        received(&server, 0),
        "GET / HTTP/1.1\r\nHost: a.test\r\nX-Api-Key: 1\r\n\r\n"
    );

    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let request = client_of(&server)
        .get("http://a.test/")
        .header("x-api-key", "1");
    request.spell_headers(["X-API-Key"]).send().await.unwrap();
    assert_eq!(
        received(&server, 0),
        "GET / HTTP/1.1\r\nhost: a.test\r\nX-API-Key: 1\r\n\r\n"
    );
}

#[tokio::test]
async fn the_server_as_a_whole_is_asked_by_an_asterisk() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let client = client_of(&server);
    let request = client
        .request(Method::OPTIONS, "http://a.test/x")
        .asterisk_form();
    request.send().await.unwrap();
    assert_eq!(
        received(&server, 0),
        "OPTIONS * HTTP/1.1\r\nhost: a.test\r\n\r\n"
    );

    let error = client
        .get("http://a.test/")
        .asterisk_form()
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
}

#[tokio::test(start_paused = true)]
async fn an_expectation_without_a_limit_does_not_wait_whatever_else_is_asked_for() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("done"))]));
    let client = client_of(&server);
    for request in [
        client.put("http://a.test/"),
        client.put("http://a.test/").on_informational(|_, _| ()),
        client.put("http://a.test/").spell_headers(["X-A"]),
    ] {
        let request = request.header("expect", "100-continue").body("body");
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), "done");
    }
}
